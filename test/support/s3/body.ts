import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { crc32 } from "node:zlib";
import { Refusal, type Body } from "./bucket.ts";

/** The rate of a body, and the number of bytes before a cut or a stall. */
export interface Pace {
  readonly bytesPerSecond?: number;
  readonly cutAfterBytes?: number;
  /** After so many bytes no more arrive, and the connection stays open. */
  readonly stallAfterBytes?: number;
}

const keptBytes = 64 * 1024 * 1024;

/** Reads a body and verifies its checksum, as S3 does. Returns `undefined` if the connection was cut. */
export async function receive(
  request: IncomingMessage,
  pace: Pace,
  sparse: boolean,
): Promise<Body | undefined> {
  const md5 = createHash("md5");
  const sha256 = createHash("sha256");
  const pieces: Buffer[] = [];
  let sizeBytes = 0;
  let crc = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    sizeBytes += piece.length;
    if (pace.cutAfterBytes !== undefined && sizeBytes > pace.cutAfterBytes) {
      request.socket.resetAndDestroy();
      return undefined;
    }
    if (pace.bytesPerSecond !== undefined) await pause((piece.length * 1000) / pace.bytesPerSecond);
    if (sparse) {
      // The piece is neither stored nor hashed: all parts have the same bytes.
      continue;
    }
    md5.update(piece);
    sha256.update(piece);
    crc = crc32(piece, crc);
    pieces.push(piece);
  }
  const checksums = request.headers;
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc);
  const found = {
    "x-amz-checksum-crc32": sum.toString("base64"),
    "x-amz-checksum-sha256": sha256.digest("base64"),
  };
  for (const [header, value] of Object.entries(found)) {
    const said = checksums[header];
    if (!sparse && said !== undefined && said !== value) throw new Refusal(400, "BadDigest");
  }
  const bytes = sparse || sizeBytes > keptBytes ? undefined : Buffer.concat(pieces);
  return { sizeBytes, bytes, md5: md5.digest("hex") };
}

/** Writes bytes at the given rate. A cut closes the connection before the last byte. */
export async function send(response: ServerResponse, bytes: Buffer, pace: Pace): Promise<void> {
  const step = pace.bytesPerSecond === undefined ? bytes.length : pace.bytesPerSecond / 20;
  for (let start = 0; start < bytes.length; start += step) {
    const end = Math.min(
      bytes.length,
      start + step,
      pace.cutAfterBytes ?? pace.stallAfterBytes ?? Infinity,
    );
    if (end > start)
      await new Promise((resolve) => response.write(bytes.subarray(start, end), resolve));
    if (end === pace.cutAfterBytes) return void response.socket?.resetAndDestroy();
    if (end === pace.stallAfterBytes) return;
    if (pace.bytesPerSecond !== undefined) await pause(50);
    if (response.destroyed) return;
  }
  response.end();
}
