import { randomBytes, randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { Database } from "../../database/database.ts";
import type { UploadRow } from "../../database/schema.ts";
import type { RepositoryName } from "../../oci/name.ts";

/** A session that is used at once never needs a row; one that is not gets it after this time. */
const persistAfterMs = 50;

interface UnpersistedSession {
  readonly row: UploadRow;
  readonly timer: NodeJS.Timeout;
  writing?: Promise<void>;
}

/**
 * Upload sessions, as rows that are written no sooner than somebody needs them: before the first byte goes to the store,
 * or when the session is a moment old. A blob that comes whole with the closing request, which is how small ones come,
 * costs one transaction instead of two. What a crash takes are sessions that hold nothing.
 */
export interface UploadSessions {
  /** An id that nobody has had. */
  newId(): string;
  begin(row: UploadRow): void;
  find(id: string): Promise<UploadRow | undefined>;
  /** Whether the store can't hold anything of it yet. */
  isUnpersisted(id: string): boolean;
  /** Sessions of an account that have no row yet. */
  unpersistedOf(accountId: number | null): number;
  /** Resolves when the row is durable. */
  settle(id: string): Promise<void>;
  /** Ends the session in this process. True: it has a row, which has to go too. */
  forget(id: string): Promise<boolean>;
  /** Ends those of a repository that have no row: whoever closes one later finds that it is gone. */
  forgetAll(repository: RepositoryName): void;
  /** Writes the rows that are still to be written. */
  close(): Promise<void>;
}

export function createUploadSessions(database: Pick<Database, "uploads" | "run">): UploadSessions {
  const unpersisted = new Map<string, UnpersistedSession>();
  // Ids of this process begin with it: what it does not know of them has ended, or never was.
  const ours = randomBytes(4).toString("hex");

  const settle = async (id: string): Promise<void> => {
    const session = unpersisted.get(id);
    if (session === undefined) return;
    clearTimeout(session.timer);
    session.writing ??= database.run("startUpload", session.row);
    try {
      await session.writing;
      if (unpersisted.get(id) === session) unpersisted.delete(id);
    } catch (error) {
      delete session.writing;
      throw error;
    }
  };

  return {
    newId: () => ours + randomUUID().slice(ours.length),

    begin(row) {
      // If it can't be written now, the request that needs it says so.
      const timer = setTimeout(() => void settle(row.id).catch(() => undefined), persistAfterMs);
      unpersisted.set(row.id, { row, timer: timer.unref() });
    },

    async find(id) {
      const session = unpersisted.get(id);
      if (session !== undefined) return session.row;
      const row = await database.uploads.find(id);
      if (row !== undefined || id.startsWith(ours)) return row;
      // Another process may have begun it a moment ago.
      await pause(2 * persistAfterMs);
      return database.uploads.find(id);
    },

    isUnpersisted: (id) => unpersisted.has(id),
    unpersistedOf: (accountId) =>
      [...unpersisted.values()].filter(({ row }) => row.account_id === accountId).length,
    settle,

    async forget(id) {
      const session = unpersisted.get(id);
      if (session === undefined) return true;
      clearTimeout(session.timer);
      unpersisted.delete(id);
      if (session.writing === undefined) return false;
      await session.writing;
      return true;
    },

    forgetAll(repository) {
      for (const [id, { row, timer, writing }] of unpersisted) {
        if (row.repository !== repository || writing !== undefined) continue;
        clearTimeout(timer);
        unpersisted.delete(id);
      }
    },

    async close() {
      await Promise.all([...unpersisted.keys()].map(settle));
    },
  };
}
