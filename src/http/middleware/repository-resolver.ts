import type { Context } from "koa";
import type { LiveMirrors } from "../../mirror/live-mirrors.ts";
import type { Mirrored } from "../../mirror/mirrors.ts";
import { parseRepositoryName } from "../../oci/name.ts";
import { queryValue } from "../links.ts";
import type { ClientInfo } from "./client-info.ts";
import type { ResolvedRepository } from "../route.ts";

/** Resolves the repository of a request. */
export interface RepositoryResolver {
  /**
   * Throws NAME_INVALID, NAME_UNKNOWN if the registry of `ns` is not mirrored, and DENIED if the mirror's `allow` and
   * `deny` lists exclude the repository.
   */
  resolve(ctx: Context, requestedName: string): Promise<ResolvedRepository>;
}

/**
 * A request belongs to a mirror in three cases: the first component of the name is the namespace of the mirror; the
 * query parameter `ns` of a GET or HEAD names its registry; or the name is not hosted here and the mirror is the root
 * mirror (see `mirror/mirrors.ts`). All other names are hosted. The permission is checked for the resolved repository.
 */
export function createRepositoryResolver(parts: {
  readonly mirrors: Pick<LiveMirrors, "current">;
  readonly clientInfo: ClientInfo;
}): RepositoryResolver {
  const { clientInfo } = parts;

  return {
    async resolve(ctx, requestedName) {
      const repository = parseRepositoryName(requestedName);
      const mirrors = parts.mirrors.current;
      if (mirrors === undefined) return { repository, requestedName, mirrored: undefined };
      const reads = ctx.method === "GET" || ctx.method === "HEAD";
      const ns = reads ? queryValue(ctx, "ns") : undefined;
      if (ns !== undefined && ns !== new URL(clientInfo.originOf(ctx.req)).host) {
        const mirrored = held(ctx, mirrors.byRegistry(ns, requestedName));
        ctx.set("OCI-Namespace", ns);
        const { repository: routed } = mirrored.mirrorRepository;
        return { repository: routed, requestedName: routed, mirrored };
      }
      const mirrored = await mirrors.byName(repository, requestedName);
      if (mirrored === undefined) return { repository, requestedName, mirrored };
      const { repository: routed } = mirrored.mirrorRepository;
      // A push to a name that does not exist yet creates a hosted repository.
      if (!reads && !mirrored.isDirect) return { repository, requestedName, mirrored: undefined };
      return { repository: routed, requestedName, mirrored: held(ctx, mirrored) };
    },
  };
}

/** Keeps the mirror open until the response has ended. */
function held({ res }: Context, mirrored: Mirrored): Mirrored {
  const release = mirrored.hold();
  if (res.destroyed || res.writableFinished) release();
  else res.once("close", release);
  return mirrored;
}
