import type { Readable } from "node:stream";
import type { ByteSource } from "../../../storage/blob-store.ts";
import type { Database } from "../../database/contract.ts";
import type { PushRules } from "../../database/registry/repository-creation.ts";
import { isRejection } from "../../database/rejections.ts";
import type { UploadRow } from "../../database/registry/schema.ts";
import type { Digest } from "../../oci/digest.ts";
import { OciError } from "../../oci/errors.ts";
import { namespaceOf } from "../../oci/name.ts";
import type { ByteRange } from "../../oci/range.ts";
import { rejectionError } from "../errors.ts";
import type { Clock } from "../leases.ts";

/*
 * The checks that a chunk passes before and while its bytes are stored: its position in the upload, its length, the
 * size of the blob, and the quota of the namespace.
 */

/** The body of a request that uploads bytes, and its headers. */
export interface Chunk {
  readonly source: Readable;
  /** Content-Length; `undefined` with chunked transfer coding. */
  readonly lengthBytes: number | undefined;
  /** Content-Range: first and last byte, both included. */
  readonly range: ByteRange | undefined;
  /** Called after the last byte. Throws if the client's token has expired while the body arrived too slowly. */
  readonly demandAtEnd?: () => void;
}

/** The chunk does not start at the end of the upload. The upload has not changed. */
export class UploadRangeError extends OciError {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super("RANGE_INVALID", message, { detail: { offset } });
    this.offset = offset;
  }
}

/**
 * Throws {@link UploadRangeError} unless the chunk starts at `offset`, and SIZE_INVALID if its headers contradict each
 * other.
 */
export function checkRange({ range, lengthBytes }: Chunk, offset: number): void {
  if (range === undefined) return;
  if (range.start !== offset) {
    const message = `the chunk starts at ${range.start}, the upload ends at ${offset}`;
    throw new UploadRangeError(message, offset);
  }
  const declared = range.end - range.start + 1;
  if (lengthBytes !== undefined && lengthBytes !== declared) {
    const message = `Content-Range says ${declared} bytes, Content-Length ${lengthBytes}`;
    throw new OciError("SIZE_INVALID", message);
  }
}

/**
 * The chunk's bytes. Throws SIZE_INVALID if the source has fewer or more bytes than its headers declare. Calls
 * `heartbeat` for every piece.
 */
export async function* withCheckedLength(chunk: Chunk, heartbeat: () => void): ByteSource {
  const { range, lengthBytes } = chunk;
  const declared = range === undefined ? lengthBytes : range.end - range.start + 1;
  let received = 0;
  // If the consumer leaves early, do not destroy the source: the connection still carries the response.
  const pieces = chunk.source.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
  for await (const piece of pieces) {
    received += piece.length;
    if (declared !== undefined && received > declared) throw sizeInvalid(declared, received);
    heartbeat();
    yield piece;
  }
  if (declared !== undefined && received !== declared) throw sizeInvalid(declared, received);
  chunk.demandAtEnd?.();
}

function sizeInvalid(declared: number, received: number): OciError {
  return new OciError(
    "SIZE_INVALID",
    `the headers announce ${declared} bytes, but ${received} arrived`,
  );
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
  readonly database: Pick<Database, "quotas" | "commands">;
  readonly rules: PushRules;
  readonly clock: Clock;
  /** The largest blob in bytes, by the configuration and by the store. */
  readonly largestBytes: () => number;
}): UploadQuota {
  const { database, rules, clock, largestBytes } = parts;
  const { defaultQuotaBytes: defaultBytes } = rules;

  const checkSize = (sizeBytes: number): void => {
    const mostBytes = largestBytes();
    if (sizeBytes <= mostBytes) return;
    const message = `the blob is too large: a blob may have up to ${mostBytes} bytes`;
    const detail = { largestBytes: mostBytes };
    throw new OciError("SIZE_INVALID", message, { status: 413, detail });
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
        return lengthBytes === undefined
          ? (all) => limitSize(all, offset, checkSize)
          : (all) => all;

      const reserve = async (sizeBytes: number, atLeastBytes: number): Promise<number> => {
        const asked = { id, repository, digest, defaultBytes, sizeBytes, atLeastBytes };
        const granted = await database.commands.reserveUpload({ ...asked, nowMs: clock() });
        if (isRejection(granted)) throw rejectionError(granted, repository);
        return granted;
      };
      if (lengthBytes !== undefined) {
        await reserve(offset + lengthBytes, offset + lengthBytes);
        return (all) => all;
      }
      return (all) => reserveInSteps(limitSize(all, offset, checkSize), offset, reserve);
    },
  };
}

/** Passes the bytes on after `offset`, and checks the size of the blob before each piece. */
async function* limitSize(
  bytes: ByteSource,
  offset: number,
  checkSize: (sizeBytes: number) => void,
): ByteSource {
  let size = offset;
  for await (const piece of bytes) {
    size += piece.length;
    checkSize(size);
    yield piece;
  }
}

/** Passes bytes of unknown length on. Reserves quota for the whole upload, 8 MiB ahead of the pieces. */
async function* reserveInSteps(
  bytes: ByteSource,
  offset: number,
  reserve: (sizeBytes: number, atLeastBytes: number) => Promise<number>,
): ByteSource {
  let [size, granted] = [offset, 0];
  try {
    for await (const piece of bytes) {
      size += piece.length;
      if (size > granted) granted = await reserve(size + stepBytes, size);
      yield piece;
    }
  } finally {
    // Release the unused part of the last reservation.
    if (granted > size) await reserve(size, 0);
  }
}
