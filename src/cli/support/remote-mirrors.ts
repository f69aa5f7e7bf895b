import { pageSchema } from "../../api/fields.ts";
import { jobSchema, type JobAnswer } from "../../api/jobs.ts";
import {
  mirrorItemSchema,
  mirrorSchema,
  pinSchema,
  type MirrorAnswer,
  type MirrorItemAnswer,
} from "../../api/mirrors.ts";
import type { SyncStats } from "../../mirror/sync/jobs.ts";
import {
  sayFailed,
  saySums,
  type AdministeredMirrors,
  type Copied,
  type MirrorStatus,
} from "./administered-mirrors.ts";
import { CliError } from "./failure.ts";
import { untilEnded } from "./jobs.ts";
import type { Remote } from "./remote.ts";

const root = "/mirrors";

/** The mirrors of a running server, by its API. */
export function remoteMirrors(remote: Remote): AdministeredMirrors {
  const list = async (): Promise<readonly MirrorItemAnswer[]> => {
    const found: MirrorItemAnswer[] = [];
    for await (const one of remote.items(pageSchema(mirrorItemSchema), root)) found.push(one);
    return found;
  };
  const all = async (): Promise<readonly MirrorAnswer[]> => {
    const found: MirrorAnswer[] = [];
    for (const { namespace } of await list())
      found.push(await remote.get(mirrorSchema, pathOf(namespace)));
    return found;
  };
  /** The path of the mirror of an image. */
  const mirrorOf = async (image: string): Promise<string> => {
    const mirrors = await list();
    const found =
      mirrors.find(({ namespace }) => image.startsWith(`${namespace}/`)) ??
      mirrors.find(({ is_root }) => is_root);
    if (found !== undefined) return pathOf(found.namespace);
    const [name = ""] = /^.+?(?=:[^/:]+$|$)/.exec(image) ?? [];
    throw new CliError(`no mirror has ${name}: begin it with the namespace of a mirror`);
  };
  return {
    report: async () => (await all()).map(statusOf),
    async warm(image, { platforms, referrers }) {
      const body = { image, platforms, referrers };
      const started = await remote.post(jobSchema, `${await mirrorOf(image)}/warm`, body);
      return shown(remote, image, await untilEnded(remote, started));
    },
    async pin(image, isPinned) {
      const path = `${await mirrorOf(image)}/${isPinned ? "pin" : "unpin"}`;
      return (await remote.post(pinSchema, path, { image })).changed;
    },
    purge: async (image) => remote.send(`${await mirrorOf(image)}/purge`, { image }),
    schedules: async () =>
      (await all()).flatMap(({ namespace, details }) =>
        (details?.schedules ?? []).map(({ name: schedule }) => ({
          async run(isDryRun: boolean) {
            const body = { schedule, dry_run: isDryRun };
            const started = await remote.post(jobSchema, `${pathOf(namespace)}/sync`, body);
            return shown(remote, schedule, await untilEnded(remote, started));
          },
        })),
      ),
  };
}

const pathOf = (namespace: string): string => `${root}/${encodeURIComponent(namespace)}`;

/** Prints the failures and the sums of a job. */
function shown({ say }: Remote, name: string, job: JobAnswer): Copied {
  const failed: string[] = [];
  for (const { subject, message } of job.findings) {
    sayFailed(say, subject ?? "", message ?? "");
    failed.push(subject ?? "");
  }
  const stats = job.counts as unknown as SyncStats;
  if (stats.tags === undefined || job.state === "canceled")
    throw new CliError(job.reason ?? `the job was ${job.state}`);
  saySums(say, name, stats);
  return { failed, stats };
}

function statusOf({ namespace, upstream, health, numbers, details }: MirrorAnswer): MirrorStatus {
  if (numbers === null || details === null)
    throw new CliError("only an administrator who logs in with the password sees the figures");
  return {
    namespace,
    upstream,
    blobs: numbers.blobs,
    bytes: numbers.bytes,
    budgetBytes: numbers.cache_size ?? undefined,
    failure:
      health.since === null
        ? undefined
        : { reason: health.reason ?? "", sinceMs: Date.parse(health.since) },
    pins: details.pins,
    counters: {
      hits: numbers.hits,
      misses: numbers.misses,
      stale: numbers.stale,
      bytesFetched: numbers.bytes_fetched,
      bytesServed: numbers.bytes_served,
      upstreamRequests: numbers.upstream_requests,
      upstreamFailures: numbers.upstream_failures,
      upstreamLimited: numbers.upstream_limited,
      evictedBlobs: numbers.evicted_blobs,
      evictedBytes: numbers.evicted_bytes,
    },
    schedules: details.schedules.map(({ name, cron, last, next_at: nextAt }) => ({
      name,
      cron: cron ?? undefined,
      last: last === null ? undefined : { state: last.state, endedAtMs: msOf(last.ended_at) },
      nextAtMs: msOf(nextAt) ?? undefined,
    })),
  };
}

const msOf = (time: string | null): number | null => (time === null ? null : Date.parse(time));
