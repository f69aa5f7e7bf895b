import { statfs } from "node:fs/promises";

const MiB = 2 ** 20;

/** What pushes leave free on a file system: bytes, or a percentage of it. */
export type Reserve =
  | { readonly kind: "bytes"; readonly bytes: number }
  | { readonly kind: "percent"; readonly percent: number };

/** Without a setting: 1 % of the file system, at least 16 MiB and at most 1 GiB. */
const usual = { percent: 1, leastBytes: 16 * MiB, mostBytes: 1024 * MiB };
/** A look at the file system is good for this long, and for as many bytes as keep this much above the reserve. */
const goodForMs = 1_000;
const marginBytes = 64 * MiB;

/** The write would eat into the reserve. Its code is that of a full disk, which clients are told in the same way. */
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
   * Counts bytes that are about to be written. Throws {@link ReserveError} if less than the reserve would stay free;
   * asks the file system only once a second, or when it is nearly full. A promise only where it has to ask.
   */
  demand(bytes: number): Promise<void> | undefined;
}

/** @param folder any folder on the file system that is meant */
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
