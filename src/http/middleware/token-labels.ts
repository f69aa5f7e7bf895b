import { createByteCache, stringBytes } from "../../concurrency/bounded-cache.ts";
import { createSingleFlight } from "../../concurrency/single-flight.ts";

/** A label can change; it is read again after this time. */
const keptMs = 60_000;
const cachedBytesAtMost = 4 * 1024 * 1024;

/** The labels of access tokens by id, for the log: a bearer token has only the id. */
export class TokenLabels {
  readonly #read: (id: string) => Promise<string | undefined>;
  readonly #singleFlight = createSingleFlight<string>();
  readonly #known = createByteCache<{ readonly label: string; readonly untilMs: number }>({
    maxBytes: cachedBytesAtMost,
    sizeOf: ({ label }) => stringBytes(label),
  });

  /** @param read reads a label; `undefined`: the token has been deleted */
  constructor(read: (id: string) => Promise<string | undefined>) {
    this.#read = read;
  }

  /** The label, if it was read in the last 60 s. */
  getCached(id: string): string | undefined {
    const known = this.#known.get(id);
    return known !== undefined && known.untilMs > performance.now() ? known.label : undefined;
  }

  /** The label; the id if the token has been deleted, or the database is away. */
  async find(id: string): Promise<string> {
    return (
      this.getCached(id) ??
      (await this.#singleFlight(id, async () => {
        const label = (await this.#read(id).catch(() => undefined)) ?? id;
        this.#known.set(id, { label, untilMs: performance.now() + keptMs });
        return label;
      }))
    );
  }
}
