import { LRUCache } from "lru-cache";
import type { Database } from "../../database/contract.ts";
import { describeUpstreamError, isOutage, UpstreamFailure } from "./failure.ts";

/** Tracks whether an upstream works, and logs each change. */
interface UpstreamState {
  /** Records a failed request. An answer such as 404 shows that the upstream works. */
  failed(error: unknown): void;
  succeeded(): void;
  /** Writes the state to the database for `berth mirror status`. */
  flush(): Promise<void>;
}

/** The structured log of a mirror. */
export interface MirrorLog {
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
}

/** One line appears at most every 5 minutes: an upstream with some failing requests changes its state very often. */
const sameLineAfterMs = 5 * 60_000;
/** Limits the remembered lines, because an upstream controls their text. */
const linesAtMost = 100;

export function createUpstreamState(parts: {
  readonly namespace: string;
  readonly database: Pick<Database, "commands">;
  readonly clock: () => number;
  readonly log: MirrorLog;
}): UpstreamState {
  const { namespace, database, clock, log } = parts;
  let reason: string | undefined;
  /** An earlier process, or an upstream of before a change, may have left another state in the database. */
  let isKnown = false;
  let changedAtMs = 0;
  let isWritten = true;
  const loggedAtMs = new LRUCache<string, number>({ max: linesAtMost });

  const change = (next: string | undefined): void => {
    if (isKnown && next === reason) return;
    const isFirst = !isKnown;
    isKnown = true;
    reason = next;
    changedAtMs = clock();
    isWritten = false;
    if (isFirst && next === undefined) return;
    const line = next ?? "";
    if ((loggedAtMs.get(line) ?? -Infinity) > changedAtMs - sameLineAfterMs) return;
    loggedAtMs.set(line, changedAtMs);
    if (next === undefined) log.info({ mirror: namespace }, "the upstream registry works again");
    else log.warn({ mirror: namespace, reason: next }, "the upstream registry does not work");
  };

  return {
    failed(error) {
      if (!(error instanceof UpstreamFailure)) return;
      // A rejected password is a 401, so no outage, but the operator must see it: its kind is `serverError`.
      if (isOutage(error) || error.kind === "serverError") change(describeUpstreamError(error));
      else change(undefined);
    },
    succeeded: () => change(undefined),
    async flush() {
      if (isWritten) return;
      isWritten = true;
      await database.commands.setMirrorState({ namespace, reason: reason ?? null, changedAtMs });
    },
  };
}
