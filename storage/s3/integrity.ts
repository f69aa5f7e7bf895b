import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";

/** The checksum that the driver sends with an object, in addition to the signature. */
export type ChecksumKind = "crc32" | "sha256" | "none";

export interface Checksums {
  readonly ChecksumCRC32?: string;
  readonly ChecksumSHA256?: string;
}

/**
 * The base64 checksum of the bytes. It is computed here once and natively: by default the SDK computes another SHA-256
 * of every body for its signature. `none` is for servers without checksums; the signed hash still protects the
 * transfer.
 */
export function checksumOf(kind: ChecksumKind, bytes: Uint8Array): Checksums {
  switch (kind) {
    case "crc32": {
      const sum = Buffer.alloc(4);
      sum.writeUInt32BE(crc32(bytes));
      return { ChecksumCRC32: sum.toString("base64") };
    }
    case "sha256":
      return { ChecksumSHA256: createHash("sha256").update(bytes).digest("base64") };
    case "none":
      return {};
  }
}

/** The value of `x-amz-content-sha256` for a body with this checksum; `undefined`: the SDK computes it. */
export function payloadHash(headers: Readonly<Record<string, string>>): string | undefined {
  const sha256 = headers["x-amz-checksum-sha256"];
  if (sha256 !== undefined) return Buffer.from(sha256, "base64").toString("hex");
  return headers["x-amz-checksum-crc32"] === undefined ? undefined : "UNSIGNED-PAYLOAD";
}

/** The ETag of a part, unless S3 encrypts with a KMS key. */
export const partEtag = (bytes: Uint8Array): string =>
  `"${createHash("md5").update(bytes).digest("hex")}"`;

/** The ETag of an assembled object, if the ETags of its parts are MD5 sums. */
export function assembledEtag(etags: readonly string[]): string {
  const hash = createHash("md5");
  for (const etag of etags) hash.update(Buffer.from(etag.replaceAll('"', ""), "hex"));
  return `"${hash.digest("hex")}-${etags.length}"`;
}
