import { setTimeout as pause } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import type { Leadership, Stoppable } from "../coordination/leadership.ts";
import { DatabaseError } from "../database/errors.ts";
import type { Mirrors } from "./mirrors.ts";
import type { MirrorSettings } from "./settings.ts";

interface LiveMirrorsParts {
  /** The mirrors of the configuration as they are now. */
  readonly configured: () => readonly MirrorSettings[];
  /** Reads the mirrors that the API has added. */
  readonly added: () => Promise<readonly MirrorSettings[]>;
  /** Gives the repositories of a mirror its visibility. */
  readonly align: (
    mirror: Pick<MirrorSettings, "namespace" | "visibility"> & { readonly isAdded: boolean },
  ) => Promise<void>;
  /** Opens mirrors. The first call loads their modules. */
  readonly open: (settings: readonly MirrorSettings[]) => Promise<Mirrors>;
  /** Is called with the settings of all mirrors, when they have changed. */
  readonly changed: (settings: readonly MirrorSettings[]) => void;
  /** `undefined`: this process runs no schedules. */
  readonly leadership: Leadership | undefined;
  readonly report: (error: unknown) => void;
}

/** Other processes add mirrors to the database. */
const readEveryMs = 1_000;
/** A request that has found its mirror holds it within this time. */
const checkIdleEveryMs = 1_000;

/**
 * The mirrors of this process, while their settings change. A change opens all mirrors again, beside those before: these
 * are closed after the last request, job and download that uses them, and until then they are to each other like mirrors
 * of two processes on one database.
 */
export class LiveMirrors {
  readonly #parts: LiveMirrorsParts;
  #settings: readonly MirrorSettings[] = [];
  #current: Mirrors | undefined;
  #leading: Stoppable | undefined;
  #isLeading = false;
  #schedules: Stoppable | undefined;
  #following: NodeJS.Timeout | undefined;
  /** Changes run one after another. */
  #last: Promise<void> = Promise.resolve();
  readonly #replaced = new Set<Promise<void>>();
  readonly #closing = new AbortController();

  constructor(parts: LiveMirrorsParts) {
    this.#parts = parts;
  }

  /** `undefined`: there are no mirrors. */
  get current(): Mirrors | undefined {
    return this.#current;
  }

  /** Uses the settings as they are now. What runs finishes with the settings before. */
  refresh(): Promise<void> {
    return this.#afterLast(() => this.#change());
  }

  #afterLast(work: () => Promise<void>): Promise<void> {
    const run = this.#last.then(work);
    this.#last = run.catch(() => undefined);
    return run;
  }

  /**
   * From now on the process learns of changes within a second or two. A failure is reported once; that the database is
   * away, others report.
   */
  follow(): void {
    let reported: string | undefined;
    let isRunning = false;
    const look = async (): Promise<void> => {
      if (isRunning) return;
      isRunning = true;
      try {
        await this.refresh();
        reported = undefined;
      } catch (error) {
        const message = String(error);
        if (message !== reported && !(error instanceof DatabaseError)) this.#parts.report(error);
        reported = message;
      } finally {
        isRunning = false;
      }
    };
    this.#following = setInterval(() => void look(), readEveryMs).unref();
  }

  async close(): Promise<void> {
    clearInterval(this.#following);
    this.#closing.abort();
    await this.#last;
    await this.#leading?.stop();
    await Promise.all([this.#current?.close(), ...this.#replaced]);
  }

  async #change(): Promise<void> {
    const added = await this.#parts.added();
    const settings = joinMirrors(this.#parts.configured(), added);
    if (this.#closing.signal.aborted || isDeepStrictEqual(settings, this.#settings)) return;
    await this.#align(settings);
    const next = settings.length === 0 ? undefined : await this.#parts.open(settings);
    const [before, schedules] = [this.#current, this.#schedules];
    this.#schedules = undefined;
    this.#current = next;
    this.#settings = settings;
    this.#parts.changed(settings);
    if (this.#isLeading) this.#startSchedules();
    await schedules?.stop();
    if (before !== undefined) this.#replace(before);
    if (next === undefined) return;
    // Without mirrors no process has to lead.
    this.#leading ??= this.#parts.leadership?.runAsLeader("mirrors", () => {
      this.#isLeading = true;
      this.#startSchedules();
      return { stop: () => this.#stopSchedules() };
    });
  }

  #startSchedules(): void {
    const { leadership } = this.#parts;
    this.#schedules = leadership && this.#current?.startSchedules(leadership);
  }

  async #stopSchedules(): Promise<void> {
    this.#isLeading = false;
    await this.#schedules?.stop();
    this.#schedules = undefined;
  }

  async #align(settings: readonly MirrorSettings[]): Promise<void> {
    const configured = new Set(this.#parts.configured().map(({ namespace }) => namespace));
    for (const { namespace, visibility } of settings)
      await this.#parts.align({ namespace, visibility, isAdded: !configured.has(namespace) });
  }

  #replace(before: Mirrors): void {
    const { signal } = this.#closing;
    const ended = closeWhenIdle(before, signal)
      // A request of before may have created a repository with the visibility of before.
      .then(() =>
        this.#afterLast(async () => {
          if (!signal.aborted) await this.#align(this.#settings);
        }),
      )
      .catch(this.#parts.report)
      .finally(() => this.#replaced.delete(ended));
    this.#replaced.add(ended);
  }
}

/** All mirrors. One of the configuration has precedence over one that the API has added. */
export function joinMirrors<M extends { readonly namespace: string }>(
  configured: readonly M[],
  added: readonly M[],
): readonly M[] {
  const namespaces = new Set(configured.map(({ namespace }) => namespace));
  return [...configured, ...added.filter(({ namespace }) => !namespaces.has(namespace))];
}

async function closeWhenIdle(mirrors: Mirrors, signal: AbortSignal): Promise<void> {
  try {
    do await pause(checkIdleEveryMs, undefined, { ref: false, signal });
    while (!mirrors.isIdle());
  } catch {
    // The process ends.
  }
  await mirrors.close();
}
