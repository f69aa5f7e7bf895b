import { systemActor } from "../database/permissions/authority.ts";
import type { RepositoryName } from "../oci/name.ts";

/** A repository of a mirror: as it is called here, and as the upstream knows it. */
export interface MirrorRepository {
  readonly repository: RepositoryName;
  readonly name: string;
}

/** How an answer came about, as `Cache-Status` says it (RFC 9211). */
export type CacheStatus =
  | { readonly kind: "hit"; readonly ttlSeconds?: number }
  /** It was asked for at the upstream; `collapsed`: together with somebody else's request. */
  | { readonly kind: "miss"; readonly collapsed?: boolean }
  /** The upstream can't say whether it is still so. */
  | { readonly kind: "stale"; readonly ageSeconds: number; readonly reason: string };

/**
 * Called before each fetch from the upstream that a request begins; not where it joins one, nor for what is here. Throws
 * TOOMANYREQUESTS when the client has begun too many (`limits.mirrorMisses`).
 */
export type AdmitMiss = () => void;

/** For fetches that no client has asked for: schedules, prefetches, and checks of what is here. */
export const admitAll: AdmitMiss = () => undefined;

/** Who the audit log says it was that brought something in. */
export const mirrorActor = systemActor("mirror");
