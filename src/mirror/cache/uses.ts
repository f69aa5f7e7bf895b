import type { Database } from "../../database/database.ts";
import type { Digest } from "../../oci/digest.ts";
import type { BorrowedBytes } from "../../../storage/blob-store.ts";

/** When blobs of one mirror were last asked for, and which are being read right now. */
export interface Uses {
  used(digest: Digest): void;
  /** The bytes; while they are being read, the blob is not taken back. */
  hold(digest: Digest, bytes: BorrowedBytes): BorrowedBytes;
  held(): ReadonlySet<Digest>;
  /** Writes down what was used. */
  flush(): Promise<void>;
}

export function createUses(parts: {
  readonly namespace: string;
  readonly database: Pick<Database, "run">;
  readonly clock: () => number;
  /** A blob is no longer being read. */
  readonly released: () => void;
}): Uses {
  const { namespace, database, clock, released } = parts;
  const holds = new Map<Digest, number>();
  let uses = new Map<Digest, number>();

  return {
    used: (digest) => void uses.set(digest, clock()),
    async *hold(digest, bytes) {
      holds.set(digest, (holds.get(digest) ?? 0) + 1);
      try {
        yield* bytes;
      } finally {
        const left = (holds.get(digest) ?? 1) - 1;
        if (left === 0) holds.delete(digest);
        else holds.set(digest, left);
        uses.set(digest, clock());
        released();
      }
    },
    held: () => new Set(holds.keys()),
    async flush() {
      if (uses.size === 0) return;
      const taken = [...uses].map(([digest, usedAtMs]) => ({ digest, usedAtMs }));
      uses = new Map();
      await database.run("useMirrorBlobs", { namespace, uses: taken });
    },
  };
}
