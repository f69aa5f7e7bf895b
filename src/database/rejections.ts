import type { Tag } from "../oci/reference.ts";

/** Why a command did nothing, though everything that it speaks of is right. */
export type Rejection =
  /** There is no such repository, and a push makes none. */
  | { readonly rejected: "absent" }
  /** There is no such repository, and whoever asks may make none in this namespace. */
  | { readonly rejected: "forbidden" }
  | OverQuota
  | ImmutableTag;

export interface OverQuota {
  readonly rejected: "quota";
  readonly what: "blob" | "manifest" | "upload";
  readonly namespace: string;
  readonly limitBytes: number;
  /** By blobs and manifests, and by open uploads as far as they have reserved. */
  readonly usedBytes: number;
  /** What would have come on top. */
  readonly addedBytes: number;
}

export interface ImmutableTag {
  readonly rejected: "immutable";
  readonly tag: Tag;
}

export function isRejection(result: unknown): result is Rejection {
  return typeof result === "object" && result !== null && "rejected" in result;
}
