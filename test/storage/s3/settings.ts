import type { S3Settings } from "../../../storage/s3/bucket.ts";

/** Bytes of a part. */
export const partSize = 64 * 1024;

/** Settings for a server on the loopback interface, with parts of 64 KiB. */
export function settingsFor(endpoint: string, other: Partial<S3Settings> = {}): S3Settings {
  return {
    bucket: "berth",
    endpoint,
    forcePathStyle: true,
    prefix: "registry/",
    accessKeyId: "berth",
    secretAccessKey: "berth-secret",
    partSize,
    concurrency: 3,
    uploadBuffer: 1024 * 1024,
    redirect: false,
    redirectLifetime: 60_000,
    checksum: "crc32",
    ...other,
  };
}

/** At most 4 attempts with a base delay of 1 ms; a connection without data times out after 2 s. */
export const impatience = { idleMs: 2_000, retryMs: 1, attempts: 4 };
