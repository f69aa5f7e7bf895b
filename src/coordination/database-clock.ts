/** The clock of a machine that differs by more than this from the database's is wrong. */
const largeSkewMs = 30_000;

/**
 * The clock of the database, so that replicas on several machines compare the same times. It is the clock of this
 * machine plus its difference to the database's.
 */
export class DatabaseClock {
  #offsetMs = 0;

  /** Milliseconds since the epoch. */
  readonly now = (): number => Date.now() + this.#offsetMs;

  /**
   * Measures the difference with one question to the database. The answer's time lies within the round trip, so a
   * difference that fits the answer stays: the clock does not jump to and fro with each measurement.
   */
  async measure(askDatabase: () => Promise<number>): Promise<void> {
    const beganAtMs = performance.now();
    const databaseMs = await askDatabase();
    const arrivedAtMs = Date.now();
    const uncertainMs = (performance.now() - beganAtMs) / 2 + 1;
    const offsetMs = databaseMs + uncertainMs - arrivedAtMs;
    if (Math.abs(offsetMs - this.#offsetMs) > uncertainMs) this.#offsetMs = Math.round(offsetMs);
  }

  /** The problem of this machine's clock, for an operator; `undefined`: it is right. */
  problem(): string | undefined {
    if (Math.abs(this.#offsetMs) <= largeSkewMs) return undefined;
    const seconds = Math.round(Math.abs(this.#offsetMs) / 1_000);
    const direction = this.#offsetMs > 0 ? "behind" : "ahead of";
    return `the clock of this machine is ${seconds} s ${direction} the clock of the database: run NTP on both`;
  }
}
