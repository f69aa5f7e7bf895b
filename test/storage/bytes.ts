import assert from "node:assert/strict";
import type { ByteSource } from "../../storage/blob-store.ts";

/** Bytes that differ by position, so that a test detects shifted or swapped bytes. */
export function pattern(size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  for (let index = 0; index < size; index += 1)
    bytes[index] = (index * 31 + (index >> 8) * 17 + (index >> 16)) & 0xff;
  return bytes;
}

/** The bytes in pieces of `size`. */
export async function* chunks(bytes: Uint8Array, size: number): ByteSource {
  for (let start = 0; start < bytes.length; start += size)
    yield bytes.subarray(start, start + size);
}

/** Reads borrowed bytes: copies each chunk before it requests the next one. */
export async function read(source: AsyncIterable<Uint8Array> | undefined): Promise<Buffer> {
  assert.ok(source !== undefined, "there is no such blob");
  const pieces: Buffer[] = [];
  for await (const piece of source) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}
