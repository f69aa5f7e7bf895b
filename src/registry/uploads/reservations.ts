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

/** What uploads may be while they are open: how large, how many, and how much of the quota of their namespace. */
export interface UploadLimits {
  /** Bytes of one blob; `undefined`: what the store takes. */
  readonly blobBytes: number | undefined;
  /** Sessions that one account may have open. */
  readonly sessionsPerAccount: number;
}

/** Where only the end tells the length, room is taken ahead in steps of this many bytes. */
const stepBytes = 8 * 1024 * 1024;

export interface UploadQuota {
  /** Throws SIZE_INVALID (413) for a blob that is too large. */
  checkSize(sizeBytes: number): void;
  /**
   * The bytes of a chunk that is appended at `offset`, with room in the quota for all that has passed. Throws DENIED or
   * SIZE_INVALID before the first byte where the length is known, and at the first byte that has no room otherwise.
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
  /** Bytes of the largest blob, by the configuration and by the store. */
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
          // What was taken ahead is free for others.
          if (granted > size) await reserve(size, 0);
        }
      };
    },
  };
}

/** Sessions that were left alone for so long end when their account needs room for others. */
const leftAloneMs = 3_600_000;
const countedForMs = 1_000;

/**
 * Counts the sessions of each account before another one begins. The rows are read once a second and account, and when
 * the limit is near. `endOldest` ends a session.
 * Throws TOOMANYREQUESTS when the account has as many as it may, and has used all of them in the last hour.
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
