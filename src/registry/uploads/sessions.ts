import { randomBytes, randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { Database } from "../../database/contract.ts";
import type { Actor } from "../../database/permissions/authority.ts";
import type { NewUpload, UploadRow } from "../../database/registry/schema.ts";
import { OciError } from "../../oci/errors.ts";
import type { RepositoryName } from "../../oci/name.ts";
import type { MemoryBudget } from "./memory-budget.ts";

/** A session that a pusher names in a request. */
export interface SessionRequest {
  readonly actor: Actor;
  readonly repository: RepositoryName;
  readonly id: string;
}

/** A session without a row gets its row after this time. A session that the client uses at once needs none. */
export const persistAfterMs = 50;
/** A session whose row or bytes could not be written ends if its client sends nothing more for this time. */
const keptAfterFailureMs = 60_000;

interface UnpersistedSession {
  readonly row: UploadRow;
  timer: NodeJS.Timeout;
  /** The first chunk, which is not in the store. */
  held: Uint8Array | undefined;
  /** The row is written, but the store could not write `held`. */
  hasRow: boolean;
  /** The row and `held` are being written. */
  writing: Promise<void> | undefined;
}

/** How sessions hold their first chunk in memory. */
interface Holding {
  readonly memory: MemoryBudget;
  /** Writes the chunk of a session with a row to the store. */
  readonly store: (row: UploadRow, held: Uint8Array) => Promise<void>;
}

/**
 * Upload sessions with delayed rows. A row is written before the first byte goes to the store, or 50 ms after the
 * session begins. A blob that arrives completely in the closing request, as small blobs do, costs one transaction
 * instead of two: with a row for each session, a push of images of 25 KB by POST and PUT took 24 % more CPU time and
 * 25 % longer (16 clients). A small first chunk stays in memory until the row is written, so that this also holds for
 * PATCH and an empty PUT (held-chunks.ts).
 *
 * A crash loses the sessions that have no row yet, and their chunk of at most 256 KiB, although its PATCH was answered
 * 202 less than 50 ms before. Their clients get BLOB_UPLOAD_UNKNOWN and start again. A blob whose push was answered 201
 * is never lost.
 */
export class UploadSessions {
  readonly #database: Pick<Database, "uploads" | "commands">;
  readonly #isShared: boolean;
  readonly #holding: Holding | undefined;
  readonly #unpersisted = new Map<string, UnpersistedSession>();
  /**
   * The prefix of the ids of this process. An id with this prefix that is neither in the map nor in a row has ended or
   * has never existed.
   */
  readonly #ours = randomBytes(4).toString("hex");

  /**
   * @param options.isShared every process writes the row of a session at its begin
   * @param options.holding `undefined`: chunks are not held in memory
   */
  constructor(
    database: Pick<Database, "uploads" | "commands">,
    options: { readonly isShared?: boolean; readonly holding?: Holding | undefined } = {},
  ) {
    this.#database = database;
    this.#isShared = options.isShared ?? false;
    this.#holding = options.holding;
  }

  /** A new unique id. */
  newId(): string {
    return this.#ours + randomUUID().slice(this.#ours.length);
  }

  begin(session: NewUpload): void {
    // Ignore the error: the request that needs the row gets it.
    const write = (): void => void this.persist(session.id).catch(() => undefined);
    this.#unpersisted.set(session.id, {
      row: { ...session, held_until: null },
      timer: setTimeout(write, persistAfterMs).unref(),
      ...{ held: undefined, hasRow: false, writing: undefined },
    });
  }

  /** Begins a session and writes its row. After a failure there is no session: the client does not get its id. */
  beginWithRow(session: NewUpload): Promise<void> {
    return this.#database.commands.startUpload(session);
  }

  async find(id: string): Promise<UploadRow | undefined> {
    const session = this.#unpersisted.get(id);
    if (session !== undefined) return session.row;
    const row = await this.#database.uploads.find(id);
    // Another process may have begun the session and not written its row yet.
    const mayComeLater = !this.#isShared && !id.startsWith(this.#ours);
    if (row !== undefined || !mayComeLater) return row;
    // A chunk in memory delays the row once more.
    await pause(3 * persistAfterMs);
    return await this.#database.uploads.find(id);
  }

  /** Throws BLOB_UPLOAD_UNKNOWN unless the session belongs to this repository and this account began it. */
  async get({ actor, repository, id }: SessionRequest): Promise<UploadRow> {
    const row = await this.find(id);
    if (row?.repository === repository && row.account_id === actor.accountId) return row;
    throw new OciError("BLOB_UPLOAD_UNKNOWN");
  }

  /** The bytes in memory of a session without a row, of which the store has none. `undefined`: it is persisted. */
  unpersistedBytes(id: string): number | undefined {
    const session = this.#unpersisted.get(id);
    return session === undefined ? undefined : (session.held?.length ?? 0);
  }

  /** The number of the account's sessions without a row. */
  unpersistedOf(accountId: number | null): number {
    const sessions = [...this.#unpersisted.values()];
    return sessions.filter(({ row }) => row.account_id === accountId).length;
  }

  /** Whether the session has neither a row nor bytes, and may hold its first chunk in memory. */
  mayHold(id: string): boolean {
    const session = this.#unpersisted.get(id);
    if (this.#holding === undefined || session === undefined) return false;
    return session.held === undefined && session.writing === undefined && !session.hasRow;
  }

  /** Holds the first chunk in memory for 50 ms. False: the session may not hold it, or the budget is used up. */
  hold(id: string, bytes: Uint8Array): boolean {
    const session = this.#unpersisted.get(id);
    const memory = this.#holding?.memory;
    if (!this.mayHold(id) || session === undefined || memory?.fits(bytes.length) !== true)
      return false;
    if (bytes.length === 0) return true;
    memory.reserve(bytes.length);
    session.held = bytes;
    session.timer.refresh();
    return true;
  }

  /**
   * The chunk in memory, for the request that closes the session: it is not written after 50 ms any more, and stays
   * until `forget`. `undefined`: there is none, or it is being written.
   */
  heldForClose(id: string): Uint8Array | undefined {
    const session = this.#unpersisted.get(id);
    if (session?.held === undefined || session.writing !== undefined || session.hasRow)
      return undefined;
    clearTimeout(session.timer);
    return session.held;
  }

  /**
   * Resolves when the row is durable and the store has the bytes that were in memory. After an error, of the database
   * or of the store, the session stays as it is for 60 s: the next request tries again.
   */
  async persist(id: string): Promise<void> {
    const session = this.#unpersisted.get(id);
    if (session === undefined) return;
    clearTimeout(session.timer);
    session.writing ??= this.#write(session);
    try {
      await session.writing;
      this.#end(session);
    } catch (error) {
      session.writing = undefined;
      clearTimeout(session.timer);
      session.timer = setTimeout(() => this.#end(session), keptAfterFailureMs).unref();
      throw error;
    }
  }

  async #write(session: UnpersistedSession): Promise<void> {
    if (!session.hasRow) await this.#database.commands.startUpload(session.row);
    session.hasRow = true;
    if (session.held !== undefined) await this.#holding?.store(session.row, session.held);
  }

  /** Ends the session in this process. True: it has a row, which the caller must delete, and maybe bytes in the store. */
  async forget(id: string): Promise<boolean> {
    const session = this.#unpersisted.get(id);
    if (session === undefined) return true;
    this.#end(session);
    await session.writing?.catch(() => undefined);
    return session.hasRow;
  }

  /** Ends the sessions of a repository that have no row. Their next request gets BLOB_UPLOAD_UNKNOWN. */
  forgetAll(repository: RepositoryName): void {
    for (const session of this.#unpersisted.values())
      if (session.row.repository === repository && session.writing === undefined)
        this.#end(session);
  }

  /** Writes the pending rows and bytes. */
  async close(): Promise<void> {
    await Promise.all([...this.#unpersisted.keys()].map((id) => this.persist(id)));
  }

  #end(session: UnpersistedSession): void {
    clearTimeout(session.timer);
    if (this.#unpersisted.get(session.row.id) !== session) return;
    this.#unpersisted.delete(session.row.id);
    this.#holding?.memory.release(session.held?.length ?? 0);
  }
}
