import { setTimeout as pause } from "node:timers/promises";
import { timeOf } from "../../api/fields.ts";
import type { Database } from "../../database/contract.ts";
import type { AuditEntry } from "../../database/events/audit.ts";
import { reasonOf } from "../errors.ts";
import { AuditReader } from "./reader.ts";

const lookEveryMs = 1_000;
/** Entries that are sent at once: about 150 kB. */
const sentAtOnce = 500;
const longestWaitMs = 60_000;

/** Where the audit log is forwarded to. */
export interface AuditReceiver {
  /** The address for the log, without what may be secret. */
  readonly address: string;
  /** Sends entries in their order. Rejects if the receiver may not have all of them. */
  send(entries: readonly AuditEntry[], signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** An entry as in the API, with its id: by it a receiver knows what it got before. */
export const shownEntry = ({ id, atMs, peer, ...entry }: AuditEntry) => ({
  ...{ id, at: timeOf(atMs) },
  ...{ actor: entry.actor, account: entry.account, action: entry.action },
  ...{ subject: entry.subject, data: entry.data, address: peer },
});

interface ForwarderParts {
  readonly database: Pick<Database, "auditForwarding" | "coordination" | "commands">;
  readonly openReceiver: () => Promise<AuditReceiver>;
  readonly log: {
    warn(facts: object, message: string): void;
    info(facts: object, message: string): void;
  };
}

/**
 * Forwards the audit log, in order and at least once: the position is recorded after the receiver has the entries, so a
 * process that dies sends some of them again. One process of a database does it; if two do it for a moment, the receiver
 * gets some entries twice.
 */
export class AuditForwarder {
  readonly #parts: ForwarderParts;
  readonly #ending = new AbortController();
  readonly #reader: AuditReader;
  #receiver: AuditReceiver | undefined;
  /** The id of the last entry that the receiver has. */
  #lastId: number | undefined;
  /** In a row. */
  #failures = 0;
  #running: Promise<void> | undefined;

  constructor(parts: ForwarderParts) {
    this.#parts = parts;
    this.#reader = new AuditReader(parts.database);
  }

  start(): this {
    this.#running = this.#run();
    return this;
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#running;
    await this.#receiver?.close();
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      const waitMs = await this.#forward().then(
        (count) => (count === sentAtOnce ? 0 : lookEveryMs),
        (error: unknown) => this.#failed(error),
      );
      await pause(waitMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /** Sends the next entries, and returns their number. */
  async #forward(): Promise<number> {
    const { database, openReceiver, log } = this.#parts;
    this.#lastId ??= await database.commands.beginAuditForwarding();
    const entries = await this.#reader.after(this.#lastId, sentAtOnce);
    const last = entries.at(-1);
    if (last === undefined) return 0;
    const receiver = (this.#receiver ??= await openReceiver());
    await receiver.send(entries, this.#ending.signal);
    await database.commands.recordAuditForwarding({ lastId: last.id });
    this.#lastId = last.id;
    if (this.#failures > 0)
      log.info({ receiver: receiver.address }, "the audit log is forwarded again");
    this.#failures = 0;
    return entries.length;
  }

  /** Returns the milliseconds until the next attempt. The log has the first failure in a row. */
  #failed(error: unknown): number {
    if (this.#ending.signal.aborted) return 0;
    this.#failures += 1;
    if (this.#failures === 1)
      this.#parts.log.warn(
        { reason: reasonOf(error) },
        "the audit log cannot be forwarded (audit.forward)",
      );
    return Math.min(longestWaitMs, lookEveryMs * 2 ** (this.#failures - 1));
  }
}
