import type { S3Settings } from "../../../storage/s3/settings.ts";

/** Settings for a server on the loopback, with parts as small as a test likes them. */
export function settingsFor(endpoint: string, other: Partial<S3Settings> = {}): S3Settings {
  return {
    bucket: "berth",
    endpoint,
    forcePathStyle: true,
    prefix: "registry/",
    accessKeyId: "berth",
    secretAccessKey: "berth-secret",
    partSize: 64 * 1024,
    concurrency: 3,
    uploadBuffer: 1024 * 1024,
    redirect: false,
    redirectLifetime: 60_000,
    checksum: "crc32",
    ...other,
  };
}

/** Retries at once, and gives up a silent connection soon. */
export const impatience = { idleMs: 2_000, retryMs: 1, attempts: 4 };
