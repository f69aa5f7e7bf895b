/** Memory that one writer fills and any number of readers look at; it is used again when the last has let go. */
export interface ReadBuffer {
  readonly bytes: Uint8Array;
  /** One more who must release it. Whoever takes it is the first. */
  keep(): void;
  release(): void;
}

/** A part of a buffer that has been filled. Whoever is given it must release the buffer. */
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
/** What large buffers may hold together. Small ones are refused to nobody: their number is bounded by that of readers. */
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
