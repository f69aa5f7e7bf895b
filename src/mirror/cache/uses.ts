import type { Database } from "../../database/database.ts";
import type { Digest } from "../../oci/digest.ts";
import type { BorrowedBytes } from "../../../storage/blob-store.ts";

/** Records when clients last requested each blob of one mirror, and which blobs have readers now. */
export interface Uses {
  used(digest: Digest): void;
  /** Passes the bytes through. Eviction skips the blob until the reader ends. */
  hold(digest: Digest, bytes: BorrowedBytes): BorrowedBytes;
  held(): ReadonlySet<Digest>;
  /** Writes the recorded times to the database. */
  flush(): Promise<void>;
}

export function createUses(parts: {
  readonly namespace: string;
  readonly database: Pick<Database, "run">;
  readonly clock: () => number;
  /** Called after a reader of a blob ends. */
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
