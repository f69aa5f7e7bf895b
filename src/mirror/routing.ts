import picomatch from "picomatch";
import { OciError } from "../oci/errors.ts";
import {
  defaultNamespace,
  namespaceOf,
  parseRepositoryName,
  type RepositoryName,
} from "../oci/name.ts";
import type { MirrorRepository } from "./repository.ts";
import type { MirrorSettings } from "./settings.ts";

/** What is known of a name here. */
export interface Hosting {
  /** The repository is here, or was. */
  readonly isHosted: boolean;
  /** The namespace is somebody's. */
  readonly hasNamespace: boolean;
}

/** A request that belongs to a mirror. */
export interface MirrorRoute extends MirrorRepository {
  readonly namespace: string;
  /** By the mirror's own name, not because nobody has it here. */
  readonly isDirect: boolean;
}

export interface MirrorRouting {
  /** `undefined`: the repository is, or would be, one of our own. Throws DENIED for what the mirror does not allow. */
  byName(repository: RepositoryName, asked: string): MirrorRoute | undefined;
  /**
   * The same for a request that names the registry it means (`?ns=`). Throws NAME_UNKNOWN for one that is not mirrored:
   * what we host is never given out as somebody else's.
   */
  byRegistry(ns: string, asked: string): MirrorRoute;
}

const hubNames = new Set(["docker.io", "index.docker.io", "registry-1.docker.io"]);

/** Which repositories are mirrored, and where. What is hosted here always wins. */
export function createRouting(
  mirrors: readonly MirrorSettings[],
  hostingOf: (repository: RepositoryName) => Hosting,
): MirrorRouting {
  const byNamespace = new Map(mirrors.map((mirror) => [mirror.namespace, mirror]));
  const byNs = new Map(
    mirrors.flatMap((mirror) => [
      [mirror.namespace, mirror] as const,
      ...mirror.aliases.map((alias) => [alias, mirror] as const),
      ...(hubNames.has(mirror.namespace)
        ? [...hubNames].map((name) => [name, mirror] as const)
        : []),
    ]),
  );
  const root = mirrors.find((mirror) => mirror.root);
  const filters = new Map(
    mirrors.map(({ namespace, allow, deny }) => [
      namespace,
      {
        allows: allow.length === 0 ? () => true : picomatch([...allow]),
        denies: deny.length === 0 ? () => false : picomatch([...deny]),
      },
    ]),
  );

  const route = ({ namespace }: MirrorSettings, name: string, isDirect = true): MirrorRoute => {
    // Docker Hub's own images have a namespace there too, which people leave out.
    const isShort = hubNames.has(namespace) && !name.includes("/");
    const full = isShort ? `${defaultNamespace}/${name}` : name;
    const filter = filters.get(namespace);
    if (filter !== undefined && (!filter.allows(full) || filter.denies(full)))
      throw new OciError("DENIED", `the mirror of ${namespace} does not have ${full}`);
    const repository = parseRepositoryName(`${namespace}/${full}`);
    return { namespace, name: full, repository, isDirect };
  };

  return {
    byName(repository, asked) {
      const namespace = namespaceOf(repository);
      const mirror = byNamespace.get(namespace);
      if (mirror !== undefined) return route(mirror, repository.slice(namespace.length + 1));
      if (root === undefined) return undefined;
      const { isHosted, hasNamespace } = hostingOf(repository);
      // `library` is everybody's: there each repository is decided by itself. No other namespace falls through.
      if (isHosted || (hasNamespace && namespace !== defaultNamespace)) return undefined;
      return route(root, asked, false);
    },
    byRegistry(ns, asked) {
      const mirror = byNs.get(ns.toLowerCase());
      if (mirror !== undefined) return route(mirror, asked);
      throw new OciError("NAME_UNKNOWN", "this registry is not mirrored here", {
        detail: { ns: ns.slice(0, 255) },
      });
    },
  };
}
