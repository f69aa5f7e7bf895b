import type { FileHandle } from "node:fs/promises";
import type { BorrowedBytes } from "../blob-store.ts";
import { giveBack, mediumBufferBytes, takeBuffer } from "./buffers.ts";

/**
 * Reads `[start, end]` of an open file and closes the file. It reads the next chunk into a second buffer while the
 * receiver uses the first, unless many clients read. Throws if the file ends before `end`.
 */
export async function* readRange(file: FileHandle, start: number, end: number): BorrowedBytes {
  const buffers: Buffer[] = [];
  let next: Promise<Uint8Array> | undefined;
  try {
    let position = start;
    let filling = takeBuffer(end - start + 1);
    buffers.push(filling);
    let borrowed = filling;
    if (end - start + 1 > filling.length && filling.length > mediumBufferBytes) {
      borrowed = takeBuffer(filling.length);
      buffers.push(borrowed);
    }
    while (position <= end) {
      const chunk = await (next ?? readFully(file, filling, position, end));
      next = undefined;
      position += chunk.length;
      [filling, borrowed] = [borrowed, filling];
      if (position <= end && filling !== borrowed) {
        next = readFully(file, filling, position, end);
        // If the receiver leaves while the read runs, a rejection must not stay unhandled.
        next.catch(() => undefined);
      }
      yield chunk;
    }
  } finally {
    await next?.catch(() => undefined);
    for (const buffer of buffers) giveBack(buffer);
    await file.close();
  }
}

async function readFully(
  file: FileHandle,
  buffer: Buffer,
  position: number,
  end: number,
): Promise<Uint8Array> {
  const wanted = Math.min(buffer.length, end - position + 1);
  let filled = 0;
  while (filled < wanted) {
    const { bytesRead } = await file.read(buffer, filled, wanted - filled, position + filled);
    if (bytesRead === 0) {
      throw new Error(`the file ends at byte ${position + filled}, before byte ${end}`);
    }
    filled += bytesRead;
  }
  return buffer.subarray(0, wanted);
}
