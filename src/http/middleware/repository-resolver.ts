import type { Context } from "koa";
import type { Mirrors } from "../../mirror/mirrors.ts";
import { parseRepositoryName } from "../../oci/name.ts";
import { queryValue } from "../links.ts";
import type { Origins } from "./client-info.ts";
import type { Target } from "../route.ts";

/** Which repository a request is about. */
export interface Targets {
  /** Throws NAME_INVALID, and NAME_UNKNOWN for a registry that is not mirrored. */
  of(ctx: Context, asked: string): Target;
}

/**
 * A name is one of ours, or one of a mirror: by its first component, because nobody has it here, or since the request
 * says which registry it means (`ns`). Permission is asked for the repository that answers in the end.
 */
export function createTargets(parts: {
  readonly mirrors: Mirrors | undefined;
  readonly origins: Origins;
}): Targets {
  const { mirrors, origins } = parts;

  return {
    of(ctx, asked) {
      const repository = parseRepositoryName(asked);
      if (mirrors === undefined) return { repository, asked, mirrored: undefined };
      const reads = ctx.method === "GET" || ctx.method === "HEAD";
      const ns = reads ? queryValue(ctx, "ns") : undefined;
      if (ns !== undefined && ns !== new URL(origins.originOf(ctx.req)).host) {
        const mirrored = mirrors.byRegistry(ns, asked);
        ctx.set("OCI-Namespace", ns);
        const { repository: routed } = mirrored.place;
        return { repository: routed, asked: routed, mirrored };
      }
      const mirrored = mirrors.byName(repository, asked);
      if (mirrored === undefined) return { repository, asked, mirrored };
      const { repository: routed } = mirrored.place;
      // A push to a name that nobody has yet makes a repository of ours.
      if (!reads && !mirrored.isDirect) return { repository, asked, mirrored: undefined };
      return { repository: routed, asked, mirrored };
    },
  };
}
