import { systemActor } from "../metadata/permissions/authority.ts";
import type { RepositoryName } from "../oci/name.ts";

/** A repository of a mirror: as it is called here, and as the upstream knows it. */
export interface MirrorPlace {
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

/** Who the audit log says it was that brought something in. */
export const mirrorActor = systemActor("mirror");
