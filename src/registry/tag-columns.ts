import { sortedTagsAtMost } from "../api/limits.ts";
import type { YieldingWork } from "../concurrency/yielding-work.ts";
import type { PullCounterStore, Registration } from "../database/catalog/pull-counters.ts";
import type { TagColumns } from "../database/catalog/tag-pages.ts";
import type { Database } from "../database/contract.ts";
import { OciError } from "../oci/errors.ts";

/*
 * Reads all tags of a repository, in columns and in steps: 100,000 tags take 30 ms, and other requests run meanwhile.
 */

const tagsAtOnce = 10_000;

/** The tags that have the text in their name. Throws UNSUPPORTED (422) for more than `tagsAtMost`. */
export async function scanTags(
  tagPages: Pick<Database["tagPages"], "scan">,
  { id }: { readonly id: number },
  wanted: {
    readonly search: string;
    readonly hasManifestIds: boolean;
    readonly hasTimes: boolean;
    /** Default: 100,000. */
    readonly tagsAtMost?: number;
  },
  work: YieldingWork,
): Promise<TagColumns> {
  const { tagsAtMost = sortedTagsAtMost, ...columns } = wanted;
  const pages: TagColumns[] = [];
  for (let [last, count] = ["", 0]; ;) {
    await work.step();
    const page = await tagPages.scan(id, { ...columns, last, limit: tagsAtOnce });
    pages.push(page);
    count += page.names.length;
    if (count > tagsAtMost)
      throw new OciError(
        "UNSUPPORTED",
        `there are more than ${tagsAtMost} tags: use a longer filter, or the order name or updated`,
        { status: 422 },
      );
    if (page.names.length < tagsAtOnce) break;
    last = page.names.at(-1) ?? last;
  }
  return {
    names: pages.flatMap(({ names }) => names),
    manifestIds: joined(pages.map(({ manifestIds }) => manifestIds)),
    updatedAtMs: joined(pages.map(({ updatedAtMs }) => updatedAtMs)),
  };
}

function joined(parts: readonly Float64Array[]): Float64Array {
  const all = new Float64Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** The pull counters of the tags, by position; 0 for a tag without pulls. */
export async function pullsOf(
  counts: Pick<PullCounterStore, "scanTags">,
  home: Registration,
  { names }: TagColumns,
  work: YieldingWork,
) {
  const pulls = new Float64Array(names.length);
  const lastPulledAtMs = new Float64Array(names.length);
  // Both are in the order of the names.
  let at = 0;
  for (let last = ""; ;) {
    await work.step();
    const rows = await counts.scanTags(home, { last, limit: tagsAtOnce });
    for (const row of rows) {
      while (at < names.length && (names[at] ?? "") < row.tag) at += 1;
      if (names[at] !== row.tag) continue;
      pulls[at] = row.pulls;
      lastPulledAtMs[at] = row.lastPulledAtMs ?? 0;
    }
    if (rows.length < tagsAtOnce || at >= names.length) return { pulls, lastPulledAtMs };
    last = rows.at(-1)?.tag ?? last;
  }
}
