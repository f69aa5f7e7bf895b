import type { Context } from "koa";
import type { Policy } from "../../auth/policy.ts";
import type { RepositoryFacts } from "../../database/facts.ts";
import type { CacheStatus } from "../../mirror/repository.ts";
import type { Digest } from "../../oci/digest.ts";
import { grantOf } from "../middleware/request-state.ts";

/** Sends a response without a body. */
export function sendNothing(ctx: Context, status: number): void {
  ctx.body = null;
  ctx.status = status;
}

/** Sends 304 if the client has this content. False: the client needs it. */
export function sendNotModified(ctx: Context, digest: Digest): boolean {
  if (!matchesIfNoneMatch(ctx.get("If-None-Match") || undefined, digest)) return false;
  sendNothing(ctx, 304);
  return true;
}

// A strong or weak entity tag, or a value without quotes.
const ENTITY_TAG = /(?:W\/)?(?:"([^"]*)"|([^\s,"]+))/g;

/**
 * Whether `If-None-Match` has this entity tag, of content its digest; then the response is 304 (RFC 9110, section
 * 13.1.2): `"sha256:…"`, `W/"sha256:…"`, without quotes, in a list, or `*`.
 */
export function matchesIfNoneMatch(header: string | undefined, entityTag: string): boolean {
  if (header === undefined) return false;
  if (header.trim() === "*") return true;
  for (const [, quoted, bare] of header.matchAll(ENTITY_TAG)) {
    if ((quoted ?? bare) === entityTag) return true;
  }
  return false;
}

const push = { kind: "repository", actions: ["push"] } as const;

/** A HEAD by a pusher extends the lease of a blob or manifest, until the pusher has pushed what refers to it. */
export function isHeadByPusher(ctx: Context, policy: Policy, repository: RepositoryFacts): boolean {
  return (
    ctx.method === "HEAD" && policy.allows({ grant: grantOf(ctx), permission: push, repository })
  );
}

/**
 * `Cache-Status` of a mirror's response (RFC 9211), and a `Warning` if the upstream could not confirm a stale copy.
 * Clients print warnings only in exactly this form (distribution-spec, "Warnings").
 */
export function cacheHeaders(status: CacheStatus): Record<string, string> {
  switch (status.kind) {
    case "hit": {
      const ttl = status.ttlSeconds === undefined ? "" : `; ttl=${status.ttlSeconds}`;
      return { "Cache-Status": `Berth; hit${ttl}` };
    }
    case "miss":
      return {
        "Cache-Status": `Berth; fwd=miss; ${status.collapsed === true ? "collapsed" : "stored"}`,
      };
    case "stale":
      return {
        "Cache-Status": `Berth; hit; ttl=${-Math.max(1, status.ageSeconds)}; detail=${status.reason}`,
        Warning: '299 - "upstream unreachable, cached copy"',
      };
  }
}
