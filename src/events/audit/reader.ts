import type { Database } from "../../database/contract.ts";
import type { AuditEntry } from "../../database/events/audit.ts";

interface ReadDatabase extends Pick<Database, "coordination"> {
  readonly auditForwarding: Pick<Database["auditForwarding"], "after" | "newestId">;
}

/** Entries up to `upToId` that cannot be read yet may be committed later, until the transactions before `next` have ended. */
interface Wait {
  readonly upToId: number;
  next: number | undefined;
}

/**
 * Reads the audit log in the order of its ids. In PostgreSQL a transaction takes the id of an entry before it commits, so
 * that an entry may appear after others with higher ids, or never. A gap is therefore passed only when all transactions
 * have ended that ran when it was seen. In SQLite the writer commits in the order of the ids.
 */
export class AuditReader {
  readonly #database: ReadDatabase;
  /** No entry up to this id will appear any more. */
  #settledId = 0;
  #wait: Wait | undefined;

  constructor(database: ReadDatabase) {
    this.#database = database;
  }

  /** The first entries after this id of which none before them can appear later; at most `limit`. */
  async after(id: number, limit: number): Promise<readonly AuditEntry[]> {
    const { auditForwarding, coordination } = this.#database;
    if (coordination === undefined) return await auditForwarding.after(id, limit);
    if (this.#wait !== undefined) {
      const { oldest, next } = await coordination.transactions();
      // A transaction gets its number at its first write, which may be the entry itself: the first look after the gap
      // was seen asks for the number, and not the one that saw it.
      if (this.#wait.next === undefined) this.#wait.next = next;
      else if (oldest >= this.#wait.next) {
        this.#settledId = this.#wait.upToId;
        this.#wait = undefined;
      }
    }
    // Read after the transactions: those that have ended are visible.
    const entries = await auditForwarding.after(id, limit);
    const ready = this.#readyOf(id, entries);
    if (ready < entries.length)
      this.#wait ??= { upToId: await auditForwarding.newestId(), next: undefined };
    return entries.slice(0, ready);
  }

  #readyOf(afterId: number, entries: readonly AuditEntry[]): number {
    let last = afterId;
    for (const [at, { id }] of entries.entries()) {
      if (id !== last + 1 && id > this.#settledId) return at;
      last = id;
    }
    return entries.length;
  }
}
