/** A blob of at most this size is held in memory and written once, under its final key. */
export const wholeInMemoryBytes = 256 * 1024;
/** The limit for all blobs in memory. Above it, small blobs use an upload as large ones do. */
const memoryBudgetBytes = 32 * 1024 * 1024;

/** Counts the bytes of small blobs that are in memory. */
export interface MemoryBudget {
  fits(bytes: number): boolean;
  reserve(bytes: number): void;
  release(bytes: number): void;
}

export function createMemoryBudget(): MemoryBudget {
  let heldBytes = 0;
  return {
    fits: (bytes) => heldBytes + bytes <= memoryBudgetBytes,
    reserve(bytes) {
      heldBytes += bytes;
    },
    release(bytes) {
      heldBytes -= bytes;
    },
  };
}

export const joined = (pieces: readonly Uint8Array[]): Uint8Array =>
  pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces);
