import { systemActor } from "../database/permissions/authority.ts";
import type { RepositoryName } from "../oci/name.ts";

/**
 * A mirrored repository: `repository` is its name in Berth (`docker.io/library/alpine`), `name` its name at the
 * upstream.
 */
export interface MirrorRepository {
  readonly repository: RepositoryName;
  readonly name: string;
}

/** How the mirror answered a request; the `Cache-Status` header (RFC 9211) carries it. */
export type CacheStatus =
  | { readonly kind: "hit"; readonly ttlSeconds?: number }
  /** The mirror sent a request to the upstream. `collapsed`: the request shared the download of another request. */
  | { readonly kind: "miss"; readonly collapsed?: boolean }
  /** The upstream failed, so the mirror could not revalidate the cached response. */
  | { readonly kind: "stale"; readonly ageSeconds: number; readonly reason: string };

/**
 * Called before a client's request starts an upstream fetch. Not called for a cached response, nor when the request
 * joins a running fetch. Throws TOOMANYREQUESTS if the client has started too many fetches (`limits.mirrorMisses`).
 */
export type AdmitMiss = () => void;

/** For fetches without a client: schedules, prefetches, and checks of cached content. */
export const admitAll: AdmitMiss = () => undefined;

/** The actor of audit rows for content that a mirror stores. */
export const mirrorActor = systemActor("mirror");
