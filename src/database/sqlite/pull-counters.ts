import path from "node:path";
import { Worker } from "node:worker_threads";
import type { RepositoryName } from "../../oci/name.ts";
import type { Tag } from "../../oci/reference.ts";
import type {
  PullBucket,
  PullCounterChange,
  PullCounterRow,
  PullCounterStore,
  PullsOfDay,
  TagPulls,
} from "../catalog/pull-counters.ts";
import { createCacheInvalidation } from "./facts.ts";
import { openPullCounterConnection, translating } from "./connection.ts";
import { sqliteError } from "./errors.ts";
import type { CommandFailure } from "./writer.ts";

export interface PullCounterWriterData {
  readonly file: string;
  readonly mainFile: string;
}

export type PullCounterAnswer =
  | { readonly ranks: readonly PullBucket[] }
  | { readonly error: CommandFailure };

const columns =
  "pulls, pushes, last_pulled_at AS lastPulledAtMs, last_pushed_at AS lastPushedAtMs, registered_at AS registeredAtMs";

interface DaysQuery {
  /** JSON: names and times of creation. */
  readonly repositories: string;
  readonly fromDay: number;
  readonly tag: Tag | null;
}

type Row<Name> = PullCounterRow & { readonly name: Name; readonly registeredAtMs: number };

/**
 * Opens the pull counters in `file`; creates or migrates it if needed. `mainFile` is the database with the repositories
 * that they count. Reads use their own connection; the first write starts a thread for all writes.
 */
export function openPullCounterStore(file: string, mainFile: string): PullCounterStore {
  const connection = openPullCounterConnection(file);
  connection.pragma("query_only = ON");
  const byName = connection.prepare<[string], Row<RepositoryName>>(
    `SELECT repository AS name, ${columns} FROM repository_counts
     WHERE repository IN (SELECT value FROM json_each(?))`,
  );
  const byTag = connection.prepare<[RepositoryName, string], Row<Tag>>(
    `SELECT tag AS name, ${columns} FROM tag_counts
     WHERE repository = ? AND tag IN (SELECT value FROM json_each(?))`,
  );
  const scan = connection.prepare<[RepositoryName, number, string, number], TagPulls>(
    `SELECT tag, pulls, last_pulled_at AS lastPulledAtMs FROM tag_counts
     WHERE repository = ? AND registered_at = ? AND tag > ? ORDER BY tag LIMIT ?`,
  );
  const scanned = translating((name: RepositoryName, atMs: number, last: string, limit: number) =>
    scan.all(name, atMs, last, limit),
  );
  const asked = `FROM json_each(@repositories) AS asked JOIN`;
  const isAsked = `repository = asked.value ->> 0 AND registered_at = asked.value ->> 1 AND day >= @fromDay`;
  const byDay = connection.prepare<[DaysQuery], PullsOfDay>(
    `SELECT day, sum(pulls) AS pulls ${asked} repository_days ON ${isAsked} GROUP BY day`,
  );
  const byDayOfTag = connection.prepare<[DaysQuery], PullsOfDay>(
    `SELECT day, sum(pulls) AS pulls ${asked} tag_days ON ${isAsked} AND tag = @tag GROUP BY day`,
  );
  const rowsByDay = translating((query: DaysQuery) =>
    (query.tag === null ? byDay : byDayOfTag).all(query),
  );
  const selectKnownSince = connection.prepare<[], number>("SELECT since FROM pulls_known").pluck();
  const knownSince = translating(() => selectKnownSince.get());
  const rowsByName = translating((names: string) => byName.all(names));
  const rowsByTag = translating((name: RepositoryName, tags: string) => byTag.all(name, tags));
  const writer = createPullCounterWriter({ file, mainFile });
  const cacheInvalidation = createCacheInvalidation(connection);

  return {
    version: async () => cacheInvalidation.version(),
    add: (counted) => writer.add(counted),
    async of(repositories) {
      const times = new Map(repositories.map(({ name, createdAtMs }) => [name, createdAtMs]));
      const rows = rowsByName(JSON.stringify([...times.keys()]));
      return new Map(
        rows
          .filter(({ name, registeredAtMs }) => times.get(name) === registeredAtMs)
          .map((row) => [row.name, row]),
      );
    },
    async ofTags(repository, tags) {
      const rows = rowsByTag(repository.name, JSON.stringify(tags));
      return new Map(
        rows
          .filter(({ registeredAtMs }) => registeredAtMs === repository.createdAtMs)
          .map((row) => [row.name, row]),
      );
    },
    scanTags: async ({ name, createdAtMs }, { last, limit }) =>
      scanned(name, createdAtMs, last, limit),
    days: async (repositories, { fromDay, tag = null }) =>
      rowsByDay({
        repositories: JSON.stringify(
          repositories.map(({ name, createdAtMs }) => [name, createdAtMs]),
        ),
        ...{ fromDay, tag },
      }),
    knownSinceMs: async () => knownSince() ?? Infinity,
    async close() {
      await writer.close();
      connection.close();
    },
  };
}

/**
 * Runs the thread that writes the pull counters (`pull-counter-thread.ts`): one batch at a time. The first batch starts
 * it.
 */
function createPullCounterWriter(workerData: PullCounterWriterData) {
  let thread: Worker | undefined;
  let busy: Promise<unknown> = Promise.resolve();
  let isClosed = false;

  const start = (): Worker => {
    const extension = path.extname(import.meta.url);
    const started = new Worker(new URL(`./pull-counter-thread${extension}`, import.meta.url), {
      workerData,
    });
    // After the thread has exited, the next batch starts it again.
    started.once("exit", () => {
      if (thread === started) thread = undefined;
    });
    return started;
  };
  const send = (counted: readonly PullCounterChange[]): Promise<readonly PullBucket[]> =>
    new Promise((resolve, reject) => {
      thread ??= start();
      const worker = thread;
      const onAnswer = (answer: PullCounterAnswer): void => {
        forget();
        if ("ranks" in answer) resolve(answer.ranks);
        else reject(sqliteError(answer.error.message, answer.error.code));
      };
      const onEnd = (reason: unknown): void => {
        forget();
        const said =
          reason instanceof Error ? reason.message : `the thread has ended (${String(reason)})`;
        reject(sqliteError(said, "COUNTS_GONE"));
      };
      const forget = (): void => {
        worker.off("message", onAnswer).off("error", onEnd).off("exit", onEnd);
      };
      worker.on("message", onAnswer).on("error", onEnd).on("exit", onEnd);
      worker.postMessage(counted);
    });

  return {
    add(counted: readonly PullCounterChange[]): Promise<readonly PullBucket[]> {
      if (isClosed)
        return Promise.reject(sqliteError("the pull counters are closed", "COUNTS_GONE"));
      const sent = busy.then(() => send(counted));
      busy = sent.catch(() => undefined);
      return sent;
    },
    async close(): Promise<void> {
      isClosed = true;
      await busy;
      const worker = thread;
      if (worker === undefined) return;
      const ended = new Promise((resolve) => worker.once("exit", resolve));
      worker.postMessage("close");
      await ended;
    },
  };
}
