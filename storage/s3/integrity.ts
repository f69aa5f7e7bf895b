import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";

/** How the store is told what it must receive, besides the signature. */
export type ChecksumKind = "crc32" | "sha256" | "none";

export interface Checksums {
  readonly ChecksumCRC32?: string;
  readonly ChecksumSHA256?: string;
}

/**
 * The checksum that goes with these bytes, in base64. Computed here, natively and once: left to itself the SDK hashes
 * every body for its signature besides. `none` is for stores that know no checksums; the signed hash still covers the way.
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

/** The value of `x-amz-content-sha256` for a body with this checksum; `undefined` leaves it to the SDK. */
export function payloadHash(headers: Readonly<Record<string, string>>): string | undefined {
  const sha256 = headers["x-amz-checksum-sha256"];
  if (sha256 !== undefined) return Buffer.from(sha256, "base64").toString("hex");
  return headers["x-amz-checksum-crc32"] === undefined ? undefined : "UNSIGNED-PAYLOAD";
}

/** The ETag that S3 gives to a part, unless it encrypts with a key of one's own. */
export const partEtag = (bytes: Uint8Array): string =>
  `"${createHash("md5").update(bytes).digest("hex")}"`;

/** The ETag that S3 gives to parts joined, if it gives MD5 sums to the parts. */
export function assembledEtag(etags: readonly string[]): string {
  const hash = createHash("md5");
  for (const etag of etags) hash.update(Buffer.from(etag.replaceAll('"', ""), "hex"));
  return `"${hash.digest("hex")}-${etags.length}"`;
}
