import { addedRepositoriesAtMost, pushedTagsAtMost } from "../api/limits.ts";
import type { VisibilityFilter } from "../auth/visibility.ts";
import type { YieldingWork } from "../concurrency/yielding-work.ts";
import { dayMs, dayOf, fallbackTag, type Registration } from "../database/catalog/pull-counters.ts";
import type { TagCursorPosition } from "../database/catalog/tag-pages.ts";
import type { Database } from "../database/contract.ts";
import { OciError } from "../oci/errors.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { Tag } from "../oci/reference.ts";
import type { PullCounts } from "./pull-counters.ts";
import { namesIn } from "./storage-usage.ts";

/** The pulls of one day. */
interface DailyPulls {
  /** The beginning of the day, in UTC. */
  readonly atMs: number;
  readonly pulls: number;
}

/** The tags whose last push was on one day. */
interface DailyPushes {
  /** The beginning of the day, in UTC. */
  readonly atMs: number;
  readonly count: number;
  /** The newest of them. */
  readonly tags: readonly Tag[];
}

const repositoriesAtOnce = 100;
const tagsAtOnce = 1_000;
const countedTagsAtMost = 10_000;

export type PullHistory = ReturnType<typeof createPullHistory>;

/** The pulls of each of the last days, today included. The counters are at most a few seconds old. */
export function createPullHistory(parts: {
  readonly database: Pick<Database, "catalog" | "repositoryDetails" | "tagPages">;
  readonly counts: PullCounts;
  readonly clock: () => number;
}) {
  const { database, counts, clock } = parts;

  const add = async (
    sums: Map<number, number>,
    repositories: readonly Registration[],
    wanted: { readonly fromDay: number; readonly tag?: Tag | undefined },
  ): Promise<void> => {
    for (const { day, pulls } of await counts.days(repositories, wanted))
      sums.set(day, (sums.get(day) ?? 0) + pulls);
  };
  const daysOf = (fromDay: number, days: number, sums: ReadonlyMap<number, number>): DailyPulls[] =>
    Array.from({ length: days }, (_, at) => ({
      atMs: (fromDay + at) * dayMs,
      pulls: sums.get(fromDay + at) ?? 0,
    }));

  return {
    /** Throws NAME_UNKNOWN. A tag that does not exist has no pulls, or those of a deleted tag of its name. */
    async ofRepository(
      name: RepositoryName,
      { days, tag }: { readonly days: number; readonly tag?: Tag | undefined },
    ): Promise<readonly DailyPulls[]> {
      const [home] = await database.repositoryDetails.find([name], { fullTexts: false });
      if (home === undefined) throw new OciError("NAME_UNKNOWN");
      const fromDay = dayOf(clock()) - days + 1;
      const sums = new Map<number, number>();
      await add(sums, [home], { fromDay, tag });
      return daysOf(fromDay, days, sums);
    },

    /** See {@link pushesOf}. */
    pushes: (name: RepositoryName, { days }: { readonly days: number }, work: YieldingWork) =>
      pushesOf(database, { name, sinceMs: (dayOf(clock()) - days + 1) * dayMs }, work),

    /** Sums the repositories of a namespace that are visible. Throws UNSUPPORTED (422) for more than 10,000. */
    async ofNamespace(
      namespace: string,
      visibility: VisibilityFilter,
      { days }: { readonly days: number },
      work: YieldingWork,
    ): Promise<readonly DailyPulls[]> {
      const fromDay = dayOf(clock()) - days + 1;
      const sums = new Map<number, number>();
      let waiting: RepositoryName[] = [];
      let count = 0;
      const flush = async (): Promise<void> => {
        await work.step();
        await add(sums, await database.repositoryDetails.find(waiting, { fullTexts: false }), {
          fromDay,
        });
        waiting = [];
      };
      for await (const name of namesIn(database, namespace, visibility)) {
        waiting.push(name);
        count += 1;
        if (count > addedRepositoriesAtMost)
          throw new OciError(
            "UNSUPPORTED",
            `there are more than ${addedRepositoriesAtMost} repositories: request the pulls of single ones`,
            { status: 422 },
          );
        if (waiting.length === repositoriesAtOnce) await flush();
      }
      if (waiting.length > 0) await flush();
      return daysOf(fromDay, days, sums);
    },
  };
}

/**
 * The tags by the day of their last push, the newest day first, without signatures under fallback tags. Throws
 * NAME_UNKNOWN.
 */
async function pushesOf(
  { tagPages, repositoryDetails }: Pick<Database, "tagPages" | "repositoryDetails">,
  { name, sinceMs }: { readonly name: RepositoryName; readonly sinceMs: number },
  work: YieldingWork,
): Promise<{ readonly days: readonly DailyPushes[]; readonly more: boolean }> {
  const [home] = await repositoryDetails.find([name], { fullTexts: false });
  if (home === undefined) throw new OciError("NAME_UNKNOWN");
  const byDay = new Map<number, { atMs: number; count: number; tags: Tag[] }>();
  const order = { repositoryId: home.id, order: "updated", descending: true } as const;
  const whole = (more: boolean) => ({ days: [...byDay.values()], more });
  let after: TagCursorPosition | undefined;
  for (let read = 0; read < countedTagsAtMost; read += tagsAtOnce) {
    await work.step();
    const page = await tagPages.list({ ...order, after, skip: 0, limit: tagsAtOnce });
    for (const { name: tag, updatedAtMs } of page) {
      if (updatedAtMs < sinceMs) return whole(false);
      if (fallbackTag.test(tag)) continue;
      const atMs = dayOf(updatedAtMs) * dayMs;
      const day = byDay.get(atMs) ?? { atMs, count: 0, tags: [] };
      byDay.set(atMs, day);
      day.count += 1;
      if (day.tags.length < pushedTagsAtMost) day.tags.push(tag);
    }
    if (page.length < tagsAtOnce) return whole(false);
    after = page.at(-1);
  }
  return whole(true);
}
