/** A buffer that one writer fills and many readers read. It is reused after the last holder releases it. */
export interface ReadBuffer {
  readonly bytes: Uint8Array;
  /** Adds one holder, which must call `release`. The caller of `take` is the first holder. */
  keep(): void;
  release(): void;
}

/** A filled part of a buffer. The receiver must release the buffer. */
export interface Filled {
  readonly buffer: ReadBuffer;
  readonly from: number;
  readonly to: number;
}

export const bytesOf = ({ buffer, from, to }: Filled): Uint8Array =>
  buffer.bytes.subarray(from, to);

export interface ReadBuffers {
  take(): ReadBuffer;
  readonly heldBytes: () => number;
}

const MiB = 1024 * 1024;
const largeBytes = MiB;
/**
 * When buffers hold more than this many bytes together, new buffers are small. Small buffers have no limit: the number
 * of readers bounds their number.
 */
const budget = 48 * MiB;
const sparesAtMost = 16;

export function createReadBuffers(smallBytes = MiB / 8): ReadBuffers {
  const spares = new Map<number, Uint8Array[]>([
    [largeBytes, []],
    [smallBytes, []],
  ]);
  let heldBytes = 0;

  return {
    heldBytes: () => heldBytes,
    take() {
      const size = heldBytes < budget ? largeBytes : smallBytes;
      const spare = spares.get(size) ?? [];
      const bytes = spare.pop() ?? Buffer.allocUnsafeSlow(size);
      heldBytes += size;
      let holders = 1;
      return {
        bytes,
        keep() {
          holders += 1;
        },
        release() {
          holders -= 1;
          if (holders > 0) return;
          heldBytes -= size;
          if (spare.length < sparesAtMost) spare.push(bytes);
        },
      };
    },
  };
}
