import type { IncomingMessage } from "node:http";
import { OciError } from "../oci/errors.ts";

/** Length of a request's body in bytes; `undefined` if only its end will tell (chunked transfer coding). */
export function bodyLength(request: IncomingMessage): number | undefined {
  const declared = request.headers["content-length"];
  if (declared !== undefined) return Number(declared);
  return request.headers["transfer-encoding"] === undefined ? 0 : undefined;
}

export type BodyReader = (request: IncomingMessage) => Promise<Buffer>;

/**
 * Reads bodies that must be in memory as a whole. A body over `limitBytes` is 413, and 503 is the answer when all
 * such bodies together would hold more than `budgetBytes`.
 */
export function createBodyReader(limitBytes: number, budgetBytes: number): BodyReader {
  let held = 0;

  return async (request) => {
    const declared = bodyLength(request);
    if (declared !== undefined && declared > limitBytes) throw tooLarge(limitBytes);
    const pieces: Buffer[] = [];
    let size = 0;
    try {
      for await (const piece of request.iterator({
        destroyOnReturn: false,
      }) as AsyncIterable<Buffer>) {
        size += piece.length;
        held += piece.length;
        if (size > limitBytes) throw tooLarge(limitBytes);
        if (held > budgetBytes) throw tooMany();
        pieces.push(piece);
      }
      return pieces.length === 1 && pieces[0] !== undefined
        ? pieces[0]
        : Buffer.concat(pieces, size);
    } finally {
      held -= size;
    }
  };
}

function tooLarge(limitBytes: number): OciError {
  return new OciError("MANIFEST_INVALID", `the manifest is larger than ${limitBytes} bytes`, {
    status: 413,
    detail: { limitBytes },
  });
}

function tooMany(): OciError {
  return new OciError("UNAVAILABLE", "too many manifests are being pushed at once", {
    headers: { "Retry-After": "1" },
  });
}
