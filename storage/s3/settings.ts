import type { ChecksumKind } from "./integrity.ts";

/** The location of the bucket and the options of its use. Sizes are bytes. */
export interface S3Settings {
  readonly bucket: string;
  readonly region?: string | undefined;
  /** The URL of an S3 server other than Amazon's. */
  readonly endpoint?: string | undefined;
  /** Uses `endpoint/bucket/key` instead of `bucket.endpoint/key`. */
  readonly forcePathStyle: boolean;
  /** The prefix of every key, with a slash at its end; may be empty. */
  readonly prefix: string;
  /** Without these the SDK uses its default credential chain: environment, profile, role. */
  readonly accessKeyId?: string | undefined;
  readonly secretAccessKey?: string | undefined;
  readonly sessionToken?: string | undefined;
  /** The size of every part except the last. One PUT writes a smaller blob. */
  readonly partSize: number;
  /** The parts of one upload that are sent concurrently. */
  readonly concurrency: number;
  /** The memory that the parts of all uploads may use together. */
  readonly uploadBuffer: number;
  /** Whether clients may get signed URLs, and the lifetime of a URL in milliseconds. */
  readonly redirect: boolean;
  readonly redirectLifetime: number;
  /** `AES256`, `aws:kms`, or a KMS key. */
  readonly sse?: string | undefined;
  readonly storageClass?: string | undefined;
  readonly checksum: ChecksumKind;
}

/** The S3 limit for the parts of one multipart upload. */
export const mostParts = 10_000;
