import type { Readable } from "node:stream";
import type { ByteSource } from "../../../storage/blob-store.ts";
import { OciError } from "../../oci/errors.ts";
import type { ByteRange } from "../../oci/range.ts";

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
export async function* measured(chunk: Chunk, heartbeat: () => void): ByteSource {
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
