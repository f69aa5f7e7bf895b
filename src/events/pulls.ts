import type { Database } from "../database/contract.ts";
import type { SeenPull } from "../database/events/events.ts";
import { namespaceOf, type RepositoryName } from "../oci/name.ts";

/** A webhook that wants pulls gets those after this time. */
const lookEveryMs = 5_000;
/** Pulls are written after this time; a crash loses at most these. */
const writeEveryMs = 1_000;
/** The commands of one process must not wait long behind its pulls. */
const writtenAtOnce = 100;
/** Pulls in memory. More than these are not told: a webhook must not stop the pulls of a registry. */
const heldAtMost = 10_000;

/** Pulls for the webhooks that want them. A pull is not a transaction, so its event is written later. */
export interface PullEvents {
  /** Whether a webhook wants the pulls of a repository. It reads memory only. */
  wants(repository: RepositoryName): boolean;
  record(pull: Omit<SeenPull, "atMs">): void;
}

interface Parts {
  readonly database: Pick<Database, "webhooks" | "unflushedCommands">;
  readonly clock: () => number;
  readonly report: (error: unknown) => void;
}

export class PullEventBuffer implements PullEvents {
  readonly #parts: Parts;
  #scopes: ReadonlySet<string> = new Set();
  #held: SeenPull[] = [];
  #writing: Promise<void> = Promise.resolve();
  readonly #timers: readonly NodeJS.Timeout[];

  constructor(parts: Parts) {
    this.#parts = parts;
    void this.look();
    this.#timers = [
      setInterval(() => void this.look(), lookEveryMs).unref(),
      setInterval(() => void this.flush(), writeEveryMs).unref(),
    ];
  }

  wants(repository: RepositoryName): boolean {
    const scopes = this.#scopes;
    if (scopes.size === 0) return false;
    return scopes.has("") || scopes.has(repository) || scopes.has(namespaceOf(repository));
  }

  record(pull: Omit<SeenPull, "atMs">): void {
    if (this.#held.length >= heldAtMost) return;
    this.#held.push({ ...pull, atMs: this.#parts.clock() });
  }

  /** Reads which repositories have a webhook for pulls. */
  async look(): Promise<void> {
    const { database, report } = this.#parts;
    try {
      this.#scopes = new Set(await database.webhooks.scopesWanting("pull"));
    } catch (error) {
      report(error);
    }
  }

  flush(): Promise<void> {
    const pulls = this.#held;
    this.#held = [];
    if (pulls.length > 0) this.#writing = this.#writing.then(() => this.#write(pulls));
    return this.#writing;
  }

  async #write(pulls: readonly SeenPull[]): Promise<void> {
    const { database, report } = this.#parts;
    for (let start = 0; start < pulls.length; start += writtenAtOnce)
      await database.unflushedCommands
        .recordPulls({ pulls: pulls.slice(start, start + writtenAtOnce) })
        .catch(report);
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.flush();
  }
}
