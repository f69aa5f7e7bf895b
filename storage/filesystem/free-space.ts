import { statfs } from "node:fs/promises";

const MiB = 2 ** 20;

/** The space that pushes leave free on a file system, in bytes or in percent of its size. */
export type Reserve =
  | { readonly kind: "bytes"; readonly bytes: number }
  | { readonly kind: "percent"; readonly percent: number };

/** The default: 1 % of the file system, at least 16 MiB and at most 1 GiB. */
const usual = { percent: 1, leastBytes: 16 * MiB, mostBytes: 1024 * MiB };
/** A statfs result is reused for 1 second, while the free space stays 64 MiB above the reserve. */
const goodForMs = 1_000;
const marginBytes = 64 * MiB;

/** The write would use the reserve. The error has the code of a full disk, and clients get the same response. */
export class ReserveError extends Error {
  override readonly name = "ReserveError";
  readonly code = "ENOSPC";

  constructor(freeBytes: number, reserveBytes: number) {
    super(
      `no space left: ${Math.floor(freeBytes / MiB)} MiB are free, and storage.reserve keeps ${Math.ceil(reserveBytes / MiB)} MiB of them`,
    );
  }
}

export interface FreeSpace {
  /**
   * Counts `bytes` that the caller is about to write. Throws {@link ReserveError} if less than the reserve would stay
   * free. Calls statfs at most once a second, or at every call when less than 64 MiB above the reserve are free.
   * Returns a promise only when it calls statfs.
   */
  demand(bytes: number): Promise<void> | undefined;
}

/**
 * @param folder any folder on the file system
 */
export function createFreeSpace(folder: string, reserve: Reserve | undefined): FreeSpace {
  let freeBytes = 0;
  let reserveBytes = 0;
  let lookedAtMs = -Infinity;

  const ask = async (bytes: number): Promise<void> => {
    const { bavail, bsize, blocks } = await statfs(folder);
    freeBytes = bavail * bsize;
    reserveBytes = reserveOf(blocks * bsize, reserve);
    lookedAtMs = performance.now();
    if (freeBytes - bytes < reserveBytes) throw new ReserveError(freeBytes, reserveBytes);
    freeBytes -= bytes;
  };

  return {
    demand(bytes) {
      if (reserve?.kind === "bytes" && reserve.bytes === 0) return undefined;
      const isGood = performance.now() - lookedAtMs < goodForMs;
      if (!isGood || freeBytes - bytes < reserveBytes + marginBytes) return ask(bytes);
      freeBytes -= bytes;
      return undefined;
    },
  };
}

function reserveOf(totalBytes: number, reserve: Reserve | undefined): number {
  if (reserve?.kind === "bytes") return reserve.bytes;
  if (reserve?.kind === "percent") return (totalBytes * reserve.percent) / 100;
  const { percent, leastBytes, mostBytes } = usual;
  return Math.min(mostBytes, Math.max(leastBytes, (totalBytes * percent) / 100));
}
