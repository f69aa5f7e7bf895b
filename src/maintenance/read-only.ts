import { setTimeout as pause } from "node:timers/promises";
import type { Database } from "../database/contract.ts";
import type { ReadOnlyMode } from "../database/maintenance/read-only-mode.ts";
import type { Actor } from "../database/permissions/authority.ts";
import type { Clock } from "../registry/leases.ts";

/** A process uses what it has read for this time, so that a push needs no query of its own. */
const knownForMs = 500;

interface Parts {
  readonly database: Pick<Database, "commands" | "readOnlyMode">;
  readonly clock: Clock;
  /** Milliseconds of a clock that never goes back. */
  readonly elapsedMs?: () => number;
}

/**
 * Read-only mode of the registry. It is a row of the database, so all processes obey it within half a second.
 */
export class ReadOnly {
  readonly #parts: Parts;
  readonly #elapsedMs: () => number;
  #known: ReadOnlyMode | undefined;
  #readAtMs = -Infinity;
  #reading: Promise<ReadOnlyMode | undefined> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#elapsedMs = parts.elapsedMs ?? (() => performance.now());
  }

  /** `undefined`: the registry is not read-only. At most half a second old; rejects as the database. */
  async current(): Promise<ReadOnlyMode | undefined> {
    if (this.#elapsedMs() - this.#readAtMs < knownForMs) return this.#known;
    return await (this.#reading ??= this.#read());
  }

  /** Reads the row. */
  find(): Promise<ReadOnlyMode | undefined> {
    return this.#parts.database.readOnlyMode.find();
  }

  /**
   * Resolves when all processes obey.
   * @param reason for people; it may be empty
   */
  async start(actor: Actor, reason: string): Promise<ReadOnlyMode> {
    const { database, clock } = this.#parts;
    const mode = await database.commands.startReadOnlyMode({ actor, nowMs: clock(), reason });
    this.#know(mode);
    await pause(knownForMs);
    return mode;
  }

  /** False: the registry was not read-only. */
  async end(actor: Actor): Promise<boolean> {
    const { database, clock } = this.#parts;
    const isChanged = await database.commands.endReadOnlyMode({ actor, nowMs: clock() });
    this.#know(undefined);
    return isChanged;
  }

  async #read(): Promise<ReadOnlyMode | undefined> {
    const askedAtMs = this.#elapsedMs();
    try {
      const mode = await this.find();
      // A change of this process may have come after the query.
      if (askedAtMs < this.#readAtMs) return this.#known;
      this.#known = mode;
      this.#readAtMs = askedAtMs;
      return mode;
    } finally {
      this.#reading = undefined;
    }
  }

  #know(mode: ReadOnlyMode | undefined): void {
    this.#known = mode;
    this.#readAtMs = this.#elapsedMs();
  }
}
