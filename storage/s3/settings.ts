import type { ChecksumKind } from "./integrity.ts";

/** Where the bucket is, and how it is used. Sizes are bytes. */
export interface S3Settings {
  readonly bucket: string;
  readonly region?: string | undefined;
  /** Of a server that is not Amazon's. */
  readonly endpoint?: string | undefined;
  /** `endpoint/bucket/key` in place of `bucket.endpoint/key`. */
  readonly forcePathStyle: boolean;
  /** Before every key, with a slash at its end; empty for none. */
  readonly prefix: string;
  /** Without these the SDK looks where it always looks: environment, profile, role. */
  readonly accessKeyId?: string | undefined;
  readonly secretAccessKey?: string | undefined;
  readonly sessionToken?: string | undefined;
  /** Size of every part but the last. What is smaller is written by one PUT. */
  readonly partSize: number;
  /** Parts of one upload on their way at once. */
  readonly concurrency: number;
  /** What parts of all uploads together may hold in memory. */
  readonly uploadBuffer: number;
  /** Whether clients may be given signed URLs, and how long each is good for, in milliseconds. */
  readonly redirect: boolean;
  readonly redirectLifetime: number;
  /** `AES256`, `aws:kms`, or a KMS key. */
  readonly sse?: string | undefined;
  readonly storageClass?: string | undefined;
  readonly checksum: ChecksumKind;
}

/** S3 joins no more parts than this. */
export const mostParts = 10_000;
