import type { Context } from "koa";
import type { Mirrors } from "../../mirror/mirrors.ts";
import { parseRepositoryName } from "../../oci/name.ts";
import { queryValue } from "../links.ts";
import type { ClientInfo } from "./client-info.ts";
import type { ResolvedRepository } from "../route.ts";

/** Which repository a request is about. */
export interface RepositoryResolver {
  /** Throws NAME_INVALID, and NAME_UNKNOWN for a registry that is not mirrored. */
  resolve(ctx: Context, requestedName: string): ResolvedRepository;
}

/**
 * A name is one of ours, or one of a mirror: by its first component, because nobody has it here, or since the request
 * says which registry it means (`ns`). Permission is asked for the repository that answers in the end.
 */
export function createRepositoryResolver(parts: {
  readonly mirrors: Mirrors | undefined;
  readonly clientInfo: ClientInfo;
}): RepositoryResolver {
  const { mirrors, clientInfo } = parts;

  return {
    resolve(ctx, requestedName) {
      const repository = parseRepositoryName(requestedName);
      if (mirrors === undefined) return { repository, requestedName, mirrored: undefined };
      const reads = ctx.method === "GET" || ctx.method === "HEAD";
      const ns = reads ? queryValue(ctx, "ns") : undefined;
      if (ns !== undefined && ns !== new URL(clientInfo.originOf(ctx.req)).host) {
        const mirrored = mirrors.byRegistry(ns, requestedName);
        ctx.set("OCI-Namespace", ns);
        const { repository: routed } = mirrored.mirrorRepository;
        return { repository: routed, requestedName: routed, mirrored };
      }
      const mirrored = mirrors.byName(repository, requestedName);
      if (mirrored === undefined) return { repository, requestedName, mirrored };
      const { repository: routed } = mirrored.mirrorRepository;
      // A push to a name that nobody has yet makes a repository of ours.
      if (!reads && !mirrored.isDirect) return { repository, requestedName, mirrored: undefined };
      return { repository: routed, requestedName, mirrored };
    },
  };
}
