import type { Tag } from "../oci/reference.ts";

/** Why a valid command changed nothing. */
export type Rejection =
  /** The repository does not exist, and a push does not create it. */
  | { readonly rejected: "absent" }
  /** The repository does not exist, and the actor may not create one in this namespace. */
  | { readonly rejected: "forbidden" }
  | OverQuota
  | ImmutableTag;

export interface OverQuota {
  readonly rejected: "quota";
  readonly what: "blob" | "manifest" | "upload";
  readonly namespace: string;
  readonly limitBytes: number;
  /** Bytes of blobs and manifests, and the reserved bytes of open uploads. */
  readonly usedBytes: number;
  /** Bytes that the command would add. */
  readonly addedBytes: number;
}

export interface ImmutableTag {
  readonly rejected: "immutable";
  readonly tag: Tag;
}

export function isRejection(result: unknown): result is Rejection {
  return typeof result === "object" && result !== null && "rejected" in result;
}
