import type { Tag } from "../oci/reference.ts";

/** Why a command did nothing, though everything that it speaks of is right. */
export type Refusal =
  /** There is no such repository, and a push makes none. */
  | { readonly refused: "absent" }
  /** There is no such repository, and whoever asks may make none in this namespace. */
  | { readonly refused: "forbidden" }
  | OverQuota
  | ImmutableTag;

export interface OverQuota {
  readonly refused: "quota";
  readonly what: "blob" | "manifest" | "upload";
  readonly namespace: string;
  readonly limitBytes: number;
  /** By blobs and manifests, and by open uploads as far as they have reserved. */
  readonly usedBytes: number;
  /** What would have come on top. */
  readonly addedBytes: number;
}

export interface ImmutableTag {
  readonly refused: "immutable";
  readonly tag: Tag;
}

export function isRefusal(result: unknown): result is Refusal {
  return typeof result === "object" && result !== null && "refused" in result;
}
