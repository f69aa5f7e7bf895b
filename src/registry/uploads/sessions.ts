import { randomBytes, randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { LRUCache } from "lru-cache";
import type { Database } from "../../database/contract.ts";
import type { Actor } from "../../database/permissions/authority.ts";
import type { NewUpload, UploadRow } from "../../database/registry/schema.ts";
import { OciError } from "../../oci/errors.ts";
import type { RepositoryName } from "../../oci/name.ts";
import type { Clock } from "../leases.ts";

/** A session that a pusher names in a request. */
export interface SessionRequest {
  readonly actor: Actor;
  readonly repository: RepositoryName;
  readonly id: string;
}

/** A session without a row gets its row after this time. A session that the client uses at once needs none. */
const persistAfterMs = 50;

interface UnpersistedSession {
  readonly row: UploadRow;
  readonly timer: NodeJS.Timeout;
  writing?: Promise<void>;
}

/**
 * Upload sessions with delayed rows. A row is written before the first byte goes to the store, or 50 ms after the
 * session begins. A blob that arrives completely in the closing request, as small blobs do, costs one transaction
 * instead of two: with a row for each session, a push of images of 25 KB by POST and PUT took 24 % more CPU time and
 * 25 % longer (16 clients); by PATCH it took the same CPU time. A crash loses only sessions without bytes.
 */
export interface UploadSessions {
  /** A new unique id. */
  newId(): string;
  begin(session: NewUpload): void;
  /** Begins a session and writes its row. After a failure there is no session: the client does not get its id. */
  beginWithRow(session: NewUpload): Promise<void>;
  find(id: string): Promise<UploadRow | undefined>;
  /** Throws BLOB_UPLOAD_UNKNOWN unless the session belongs to this repository and this account began it. */
  get(request: SessionRequest): Promise<UploadRow>;
  /** Whether the session has no row yet; the store then has no bytes of it. */
  isUnpersisted(id: string): boolean;
  /** The number of the account's sessions without a row. */
  unpersistedOf(accountId: number | null): number;
  /** Resolves when the row is durable. */
  persist(id: string): Promise<void>;
  /** Ends the session in this process. True: it has a row, which the caller must delete. */
  forget(id: string): Promise<boolean>;
  /** Ends the sessions of a repository that have no row. Their next request gets BLOB_UPLOAD_UNKNOWN. */
  forgetAll(repository: RepositoryName): void;
  /** Writes the pending rows. */
  close(): Promise<void>;
}

/** @param options.isShared every process writes the row of a session at its begin */
export function createUploadSessions(
  database: Pick<Database, "uploads" | "commands">,
  { isShared = false }: { readonly isShared?: boolean } = {},
): UploadSessions {
  const unpersisted = new Map<string, UnpersistedSession>();
  // The prefix of the ids of this process. An id with this prefix that is neither in the map nor in a row has ended or
  // has never existed.
  const ours = randomBytes(4).toString("hex");

  const persist = async (id: string): Promise<void> => {
    const session = unpersisted.get(id);
    if (session === undefined) return;
    clearTimeout(session.timer);
    session.writing ??= database.commands.startUpload(session.row);
    try {
      await session.writing;
      if (unpersisted.get(id) === session) unpersisted.delete(id);
    } catch (error) {
      delete session.writing;
      throw error;
    }
  };

  const find = async (id: string): Promise<UploadRow | undefined> => {
    const session = unpersisted.get(id);
    if (session !== undefined) return session.row;
    const mayComeLater = !isShared && !id.startsWith(ours);
    return await findRow(database, id, mayComeLater);
  };

  return {
    newId: () => ours + randomUUID().slice(ours.length),

    begin(session) {
      // Ignore the error: the request that needs the row gets it.
      const timer = setTimeout(
        () => void persist(session.id).catch(() => undefined),
        persistAfterMs,
      );
      unpersisted.set(session.id, { row: { ...session, held_until: null }, timer: timer.unref() });
    },

    beginWithRow: (session) => database.commands.startUpload(session),

    find,

    async get({ actor, repository, id }) {
      const row = await find(id);
      if (row?.repository === repository && row.account_id === actor.accountId) return row;
      throw new OciError("BLOB_UPLOAD_UNKNOWN");
    },

    isUnpersisted: (id) => unpersisted.has(id),
    unpersistedOf: (accountId) =>
      [...unpersisted.values()].filter(({ row }) => row.account_id === accountId).length,
    persist,

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
      await Promise.all([...unpersisted.keys()].map(persist));
    },
  };
}

/** @param mayComeLater another process may have begun the session and not written its row yet */
async function findRow(
  { uploads }: Pick<Database, "uploads">,
  id: string,
  mayComeLater: boolean,
): Promise<UploadRow | undefined> {
  const row = await uploads.find(id);
  if (row !== undefined || !mayComeLater) return row;
  await pause(2 * persistAfterMs);
  return uploads.find(id);
}

/** Sessions that were unused for this long end when their account needs sessions. */
const leftAloneMs = 3_600_000;
const countedForMs = 1_000;

/**
 * Counts the sessions of the actor's account before a session begins. The rows are counted once a second per account,
 * and again when the limit is reached. At the limit, `endOldest` ends a session that was unused for one hour. Throws
 * TOOMANYREQUESTS if the account has no such session.
 */
export function createSessionCount(parts: {
  readonly database: Pick<Database, "uploads">;
  readonly clock: Clock;
  readonly limit: () => number;
  readonly sessions: Pick<UploadSessions, "unpersistedOf">;
  readonly endOldest: (row: UploadRow) => Promise<void>;
}): (actor: Actor) => Promise<void> {
  const { database, clock, limit, sessions, endOldest } = parts;
  const counted = new LRUCache<string, number>({
    max: 10_000,
    ttl: countedForMs,
    noUpdateTTL: true,
  });

  return async ({ accountId }) => {
    const key = String(accountId);
    const most = limit();
    let known = counted.get(key);
    if (known === undefined || known >= most) {
      known = (await database.uploads.countOf(accountId, most)) + sessions.unpersistedOf(accountId);
      if (known >= most) {
        const oldest = await database.uploads.oldestOf(accountId, clock() - leftAloneMs);
        if (oldest === undefined) throw tooMany(most);
        await endOldest(oldest);
        known -= 1;
      }
      counted.delete(key);
    }
    counted.set(key, known + 1);
  };
}

function tooMany(limit: number): OciError {
  return new OciError(
    "TOOMANYREQUESTS",
    `the maximum of ${limit} open uploads (limits.uploadsPerAccount) is reached: finish some, or try later`,
    { headers: { "Retry-After": "60" }, detail: { limit } },
  );
}
