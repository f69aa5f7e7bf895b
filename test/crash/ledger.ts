import type { Digest, DigestAlgorithm } from "../../src/oci/digest.ts";

/** Bytes that can be made again from their seed. */
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

/** A session that has not been answered with 201. */
export interface OpenUpload extends Content {
  readonly repository: string;
  readonly algorithm: DigestAlgorithm;
  location: string;
  /** Bytes that a 202 has acknowledged. */
  acknowledgedBytes: number;
  /** The closing PUT is on its way: it may have happened, wholly or in part. */
  closing: boolean;
}

/** Where a moving tag may point: at what the last 201 said, or at what was asked for and not answered. */
export interface MovingTag {
  acknowledged?: Digest;
  asked?: Digest;
}

/** A tag or digest whose deletion was acknowledged; nobody pushes it again. */
export interface Deleted {
  readonly repository: string;
  readonly reference: string;
}

/** What the server has promised its clients, written down by the clients. */
export interface Ledger {
  readonly blobs: HeldBlob[];
  /** An image whose deletion has been asked for is taken out: it may be there or not. */
  readonly images: HeldImage[];
  readonly deleted: Deleted[];
  readonly uploads: Set<OpenUpload>;
  /** `latest` of each repository. */
  readonly latest: Map<string, MovingTag>;
}

export function createLedger(): Ledger {
  return { blobs: [], images: [], deleted: [], uploads: new Set(), latest: new Map() };
}
