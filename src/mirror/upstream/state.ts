import { LRUCache } from "lru-cache";
import type { Database } from "../../database/database.ts";
import { describeUpstreamError, isOutage, UpstreamFailure } from "./failure.ts";

/** Whether an upstream works, told to the operator once per change. */
export interface UpstreamState {
  /** A request has failed. An answer such as 404 says that the upstream works. */
  failed(error: unknown): void;
  succeeded(): void;
  /** Writes the state down for `berth mirror status`. */
  flush(): Promise<void>;
}

/** Lines of the log; `fields` are those of a structured log. */
export interface MirrorLog {
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
}

/** An upstream of which some requests fail and some do not changes all the time. */
const sameLineAfterMs = 5 * 60_000;
/** Different lines whose time is known; an upstream decides their text. The least recently used go first. */
const linesAtMost = 100;

export function createUpstreamState(parts: {
  readonly namespace: string;
  readonly database: Pick<Database, "run">;
  readonly clock: () => number;
  readonly log: MirrorLog;
}): UpstreamState {
  const { namespace, database, clock, log } = parts;
  let reason: string | undefined;
  let changedAtMs = 0;
  let isWritten = true;
  const saidAtMs = new LRUCache<string, number>({ max: linesAtMost });

  const change = (next: string | undefined): void => {
    if (next === reason) return;
    reason = next;
    changedAtMs = clock();
    isWritten = false;
    const line = next ?? "";
    if ((saidAtMs.get(line) ?? -Infinity) > changedAtMs - sameLineAfterMs) return;
    saidAtMs.set(line, changedAtMs);
    if (next === undefined) log.info({ mirror: namespace }, "the upstream registry works again");
    else log.warn({ mirror: namespace, reason: next }, "the upstream registry does not work");
  };

  return {
    failed(error) {
      if (!(error instanceof UpstreamFailure)) return;
      // A password that is not accepted is an answer, and the operator has to know.
      if (isOutage(error) || error.kind === "serverError") change(describeUpstreamError(error));
      else change(undefined);
    },
    succeeded: () => change(undefined),
    async flush() {
      if (isWritten) return;
      isWritten = true;
      await database.run("setMirrorState", { namespace, reason: reason ?? null, changedAtMs });
    },
  };
}
