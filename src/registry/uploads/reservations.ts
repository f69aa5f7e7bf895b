import type { ByteSource } from "../../../storage/blob-store.ts";
import type { Database } from "../../database/database.ts";
import { isRejection } from "../../database/rejections.ts";
import type { PushRules } from "../../database/registry/repository-creation.ts";
import type { UploadRow } from "../../database/schema.ts";
import type { Digest } from "../../oci/digest.ts";
import { OciError } from "../../oci/errors.ts";
import { namespaceOf } from "../../oci/name.ts";
import { rejectionError } from "../errors.ts";
import type { Chunk } from "./chunk.ts";

/** Limits of open uploads. The quota of their namespace applies too. */
export interface UploadLimits {
  /** The largest blob in bytes; `undefined`: the limit of the store. */
  readonly blobBytes: number | undefined;
  /** The sessions that one account may have open. */
  readonly sessionsPerAccount: number;
}

/** Without a Content-Length, quota is reserved in steps of this many bytes. */
const stepBytes = 8 * 1024 * 1024;

export interface UploadQuota {
  /** Throws SIZE_INVALID (413) for a blob that is too large. */
  checkSize(sizeBytes: number): void;
  /**
   * Reserves quota for a chunk that is appended at `offset`, and resolves with a filter for its bytes. Throws DENIED or
   * SIZE_INVALID: before the first byte if the length is known, otherwise at the first byte that exceeds the limit.
   */
  admit(
    row: UploadRow,
    offset: number,
    chunk: Pick<Chunk, "lengthBytes">,
    digest: Digest | undefined,
  ): Promise<(bytes: ByteSource) => ByteSource>;
}

export function createUploadQuota(parts: {
  readonly database: Pick<Database, "quotas" | "run">;
  readonly rules: PushRules;
  /** The largest blob in bytes, by the configuration and by the store. */
  readonly largestBytes: number;
}): UploadQuota {
  const { database, rules, largestBytes } = parts;
  const { defaultQuotaBytes: defaultBytes } = rules;

  const checkSize = (sizeBytes: number): void => {
    if (sizeBytes <= largestBytes) return;
    const message = `the blob is too large: a blob may have up to ${largestBytes} bytes`;
    throw new OciError("SIZE_INVALID", message, { status: 413, detail: { largestBytes } });
  };

  const sizeChecked = async function* (bytes: ByteSource, offset: number): ByteSource {
    let size = offset;
    for await (const piece of bytes) {
      size += piece.length;
      checkSize(size);
      yield piece;
    }
  };

  return {
    checkSize,
    async admit(row, offset, { lengthBytes }, digest) {
      checkSize(offset + (lengthBytes ?? 0));
      const { id, repository } = row;
      const isCounted =
        defaultBytes !== null ||
        (await database.quotas.find(namespaceOf(repository))) !== undefined;
      if (!isCounted)
        return lengthBytes === undefined ? (all) => sizeChecked(all, offset) : (all) => all;

      const reserve = async (sizeBytes: number, atLeastBytes: number): Promise<number> => {
        const asked = { id, repository, digest, defaultBytes, sizeBytes, atLeastBytes };
        const granted = await database.run("reserveUpload", asked);
        if (isRejection(granted)) throw rejectionError(granted, repository);
        return granted;
      };
      if (lengthBytes !== undefined) {
        await reserve(offset + lengthBytes, offset + lengthBytes);
        return (all) => all;
      }
      return async function* (bytes) {
        let [size, granted] = [offset, 0];
        try {
          for await (const piece of sizeChecked(bytes, offset)) {
            size += piece.length;
            if (size > granted) granted = await reserve(size + stepBytes, size);
            yield piece;
          }
        } finally {
          // Release the unused part of the last reservation.
          if (granted > size) await reserve(size, 0);
        }
      };
    },
  };
}
