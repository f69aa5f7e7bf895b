import type { Digest, DigestAlgorithm } from "../../src/oci/digest.ts";

/** Bytes that their seed reproduces. */
export interface Content {
  readonly seed: string;
  readonly sizeBytes: number;
}

export interface HeldBlob {
  readonly repository: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
}

export interface HeldImage {
  readonly repository: string;
  readonly digest: Digest;
  /** A tag of this image only. */
  readonly tag: string;
  readonly manifest: Buffer;
}

/** A session whose closing PUT has not been answered with 201. */
export interface OpenUpload extends Content {
  readonly repository: string;
  readonly algorithm: DigestAlgorithm;
  location: string;
  /** Bytes that a 202 has acknowledged. */
  acknowledgedBytes: number;
  /** The closing PUT was sent: the server may have performed it, completely or in part. */
  closing: boolean;
}

/** The digests that a moving tag may have: that of the last 201, or that of a PUT without an answer. */
export interface MovingTag {
  acknowledged?: Digest;
  asked?: Digest;
}

/** A tag or digest whose deletion was acknowledged. No client pushes it again. */
export interface Deleted {
  readonly repository: string;
  readonly reference: string;
}

/** The content that the server has acknowledged, recorded by the clients. */
export interface Ledger {
  readonly blobs: HeldBlob[];
  /** A client removes an image from the list before it sends the DELETE: after that the image may exist or not. */
  readonly images: HeldImage[];
  readonly deleted: Deleted[];
  readonly uploads: Set<OpenUpload>;
  /** `latest` of each repository. */
  readonly latest: Map<string, MovingTag>;
}

export function createLedger(): Ledger {
  return { blobs: [], images: [], deleted: [], uploads: new Set(), latest: new Map() };
}
