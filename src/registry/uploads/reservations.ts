import { LRUCache } from "lru-cache";
import type { ByteSource } from "../../../storage/blob-store.ts";
import type { Database } from "../../database/database.ts";
import type { Actor } from "../../database/events/audit.ts";
import { isRejection } from "../../database/rejections.ts";
import type { PushRules } from "../../database/registry/repository-creation.ts";
import type { UploadRow } from "../../database/schema.ts";
import type { Digest } from "../../oci/digest.ts";
import { OciError } from "../../oci/errors.ts";
import { namespaceOf } from "../../oci/name.ts";
import { rejectionError } from "../rejections.ts";
import type { Clock } from "../leases.ts";
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
    const message = `a blob may have up to ${largestBytes} bytes here`;
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

/** Sessions that were unused for this long end when their account needs sessions. */
const leftAloneMs = 3_600_000;
const countedForMs = 1_000;

/**
 * Counts the sessions of the actor's account before a session begins. The rows are counted once a second per account,
 * and again when the limit is reached. At the limit, `endOldest` ends a session that was unused for one hour. Throws
 * TOOMANYREQUESTS if the account has no such session.
 */
export function createSessionCount(parts: {
  readonly database: Pick<Database, "uploads">;
  readonly clock: Clock;
  readonly limit: number;
  readonly withoutRow: (accountId: number | null) => number;
  readonly endOldest: (row: UploadRow) => Promise<void>;
}): (actor: Actor) => Promise<void> {
  const { database, clock, limit, withoutRow, endOldest } = parts;
  const counted = new LRUCache<string, number>({
    max: 10_000,
    ttl: countedForMs,
    noUpdateTTL: true,
  });

  return async ({ accountId }) => {
    const key = String(accountId);
    let known = counted.get(key);
    if (known === undefined || known >= limit) {
      known = (await database.uploads.countOf(accountId, limit)) + withoutRow(accountId);
      if (known >= limit) {
        const oldest = await database.uploads.oldestOf(accountId, clock() - leftAloneMs);
        if (oldest === undefined) throw tooMany(limit);
        await endOldest(oldest);
        known -= 1;
      }
      counted.delete(key);
    }
    counted.set(key, known + 1);
  };
}

function tooMany(limit: number): OciError {
  return new OciError(
    "TOOMANYREQUESTS",
    `${limit} uploads are open: close or cancel some of them, or try again later`,
    { headers: { "Retry-After": "60" }, detail: { limit } },
  );
}
