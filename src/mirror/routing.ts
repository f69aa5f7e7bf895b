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

/** Whether this registry hosts a repository name. */
export interface Hosting {
  /** The repository exists in this registry, or existed before. */
  readonly isHosted: boolean;
  /** An account has the name of the namespace, or the namespace has repositories in this registry. */
  readonly hasNamespace: boolean;
}

/** The mirror and the repository that answer a request. */
export interface MirrorRoute extends MirrorRepository {
  readonly namespace: string;
  /** The request named the mirror. `false`: the root mirror answers because no hosted repository has the name. */
  readonly isDirect: boolean;
}

export interface MirrorRouting {
  /**
   * Returns `undefined` for a hosted repository. Throws DENIED if `allow` or `deny` of the mirror excludes the name.
   */
  byName(repository: RepositoryName, asked: string): MirrorRoute | undefined;
  /**
   * Routes a request that names its registry (`?ns=`, as containerd sends it). Throws NAME_UNKNOWN if no mirror serves
   * that registry, so that a client never receives a hosted repository in place of one from another registry. Throws
   * DENIED like `byName`.
   */
  byRegistry(ns: string, asked: string): MirrorRoute;
}

const hubNames = new Set(["docker.io", "index.docker.io", "registry-1.docker.io"]);

/** Selects the mirror for a repository name. A hosted repository takes precedence over the root mirror. */
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
    // Docker Hub's official images are in the namespace `library`, which clients omit.
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
      // A hosted namespace never falls through to the root mirror, except `library`: there each repository counts.
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
