import type { AppContext } from "../../app/context.ts";
import { openMirrorAdministration } from "../../app/mirrors.ts";
import { withSyncStats, type SyncStats } from "../../mirror/sync/jobs.ts";
import type { SyncStep } from "../../mirror/sync/pull.ts";
import {
  sayFailed,
  saySums,
  type AdministeredMirrors,
  type Copied,
} from "./administered-mirrors.ts";
import { createProgress, type Say } from "./output.ts";

/** The mirrors of a configuration, also while a server runs on its data folder. */
export async function localMirrors(context: AppContext, say: Say): Promise<AdministeredMirrors> {
  const mirrors = await openMirrorAdministration(context);
  const { actor } = context;
  return {
    report: async () =>
      (await mirrors.report()).map(({ contents, ...report }) => ({
        namespace: report.namespace,
        upstream: report.upstream,
        blobs: contents.blobs,
        bytes: contents.bytes,
        budgetBytes: report.budgetBytes,
        failure: report.failure,
        pins: report.pins,
        counters: report.counters,
        schedules: report.schedules.map(({ last, ...schedule }) => ({
          ...schedule,
          last: last && { state: last.state, endedAtMs: last.endedAtMs },
        })),
      })),
    async warm(text, options) {
      const image = await mirrors.parseImage(text);
      return copyAll(text, mirrors.warm(image, { ...options, isDryRun: false }), say);
    },
    pin: async (text, isPinned) => mirrors.pin(actor, await mirrors.parseImage(text), isPinned),
    purge: async (text) => mirrors.purge(actor, await mirrors.parseImage(text)),
    schedules: async () =>
      mirrors.schedules().map(({ name, run }) => ({
        run: (isDryRun) => copyAll(name, run(isDryRun), say),
      })),
  };
}

/** Prints the progress of a copy and its result. */
async function copyAll(name: string, steps: AsyncIterable<SyncStep>, say: Say): Promise<Copied> {
  const failed: string[] = [];
  let stats: Readonly<SyncStats> | undefined;
  let bar: ReturnType<typeof createProgress> | undefined;
  for await (const step of withSyncStats(steps, (sums) => (stats = { ...sums }))) {
    if (step.kind === "tag") {
      bar ??= createProgress(name, step.of);
      if ((stats?.tags ?? 0) > 1) bar.advance(1);
    } else if (step.kind === "failed") {
      const { what, reason } = step;
      failed.push(what);
      if (bar === undefined) sayFailed(say, what, reason);
      else bar.pause(() => sayFailed(say, what, reason));
    }
  }
  bar?.end();
  if (stats === undefined) throw new Error("the sums are shown before the first step");
  saySums(say, name, stats);
  return { failed, stats };
}
