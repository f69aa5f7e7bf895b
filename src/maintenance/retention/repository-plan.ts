import { sortedTagsAtMost } from "../../api/limits.ts";
import type { YieldingWork } from "../../concurrency/yielding-work.ts";
import type { PullCounterStore, Registration } from "../../database/catalog/pull-counters.ts";
import type { Database } from "../../database/contract.ts";
import type { RetentionPolicy } from "../../database/maintenance/retention-policies.ts";
import type { RetainedRepository, UntaggedManifest } from "../../database/maintenance/retention.ts";
import type { Digest } from "../../oci/digest.ts";
import type { RepositoryName } from "../../oci/name.ts";
import type { Tag } from "../../oci/reference.ts";
import type { Clock } from "../../registry/leases.ts";
import { pullsOf, scanTags } from "../../registry/tag-columns.ts";
import { planTags, subjectOf, type RetainedTags, type TagPlan } from "./tag-plan.ts";

/** The pull counters, as far as retention reads them. */
export interface RetentionPulls {
  readonly scanTags: PullCounterStore["scanTags"];
  readonly knownSinceMs: PullCounterStore["knownSinceMs"];
  ofTags(
    repository: Registration,
    tags: readonly Tag[],
  ): Promise<ReadonlyMap<Tag, { readonly lastPulledAtMs?: number | null | undefined }>>;
}

export interface PlanParts {
  readonly database: Pick<Database, "retention" | "retentionPolicies" | "tagRemoval">;
  readonly pulls: RetentionPulls;
  readonly clock: Clock;
  /** `gc.grace`: a candidate of the collector is due this time after its last use ended. */
  readonly graceMs: number;
}

/** What retention deletes in one repository. */
export interface RepositoryPlan {
  readonly home: RetainedRepository;
  readonly tags: TagPlan;
  /** The manifests that nothing uses any more, and those that only they use. */
  readonly manifests: readonly UntaggedManifest[];
}

interface Planned {
  readonly name: RepositoryName;
  readonly policy: RetentionPolicy;
  readonly tagsAtMost?: number;
}

const dayMs = 24 * 3_600_000;
const digestsAtOnce = 500;
/** Manifests that one transaction deletes. */
export const manifestsAtOnce = 100;
/** Manifests that one query checks. */
export const scannedAtOnce = 500;

/**
 * Plans what a policy deletes in a repository; `undefined` if there is no such repository. Throws UNSUPPORTED for more
 * than `tagsAtMost` tags (default: 100,000).
 */
export async function planRepository(
  parts: PlanParts,
  { name, policy, tagsAtMost = sortedTagsAtMost }: Planned,
  work: YieldingWork,
): Promise<RepositoryPlan | undefined> {
  // Read first: a command compares it, so it notices a change during the other reads.
  const home = await parts.database.retention.repository(name);
  if (home === undefined) return undefined;
  const tags = await planTagsOf(parts, { home, policy, tagsAtMost }, work);
  return { home, tags, manifests: await untaggedOf(parts, home.id, policy, work) };
}

async function planTagsOf(
  { database, pulls, clock }: PlanParts,
  {
    home,
    policy: { rules, untaggedDays },
    tagsAtMost,
  }: Omit<Required<Planned>, "name"> & { readonly home: RetainedRepository },
  work: YieldingWork,
): Promise<TagPlan> {
  const wanted = { search: "", hasManifestIds: false, hasTimes: true, tagsAtMost };
  const columns = await scanTags(database.retention, home, wanted, work);
  const { names, updatedAtMs } = columns;
  const { lastPulledAtMs } = await pullsOf(pulls, home, columns, work);
  return planTags(
    {
      ...{ rules, untaggedDays, immutableTags: home.immutableTags },
      tags: { names, updatedAtMs, lastPulledAtMs } satisfies RetainedTags,
      subjects: await subjectsOf(database, home.id, names, work),
      nowMs: clock(),
      pullsKnownSinceMs: await pulls.knownSinceMs(),
    },
    work,
  );
}

/** The subjects of signatures that are manifests of the repository. */
async function subjectsOf(
  { retention }: PlanParts["database"],
  repositoryId: number,
  names: readonly Tag[],
  work: YieldingWork,
): Promise<ReadonlySet<Digest>> {
  const asked = new Set(names.flatMap((name) => subjectOf(name) ?? []));
  const found = new Set<Digest>();
  const digests = [...asked];
  for (let at = 0; at < digests.length; at += digestsAtOnce) {
    await work.step();
    const some = digests.slice(at, at + digestsAtOnce);
    for (const digest of await retention.existing(repositoryId, some)) found.add(digest);
  }
  return found;
}

/** The times for which a manifest must have been without a tag and without a lease. */
export function untaggedQuery(
  { clock, graceMs }: Pick<PlanParts, "clock" | "graceMs">,
  untaggedDays: number,
) {
  const nowMs = clock();
  return { nowMs, dueBeforeMs: nowMs - Math.max(0, untaggedDays * dayMs - graceMs) };
}

/** The manifests that `expireManifests` deletes, if it is called until there are none. */
async function untaggedOf(
  parts: PlanParts,
  repositoryId: number,
  { untaggedDays }: RetentionPolicy,
  work: YieldingWork,
): Promise<readonly UntaggedManifest[]> {
  if (untaggedDays === null) return [];
  const { retention, tagRemoval } = parts.database;
  const query = untaggedQuery(parts, untaggedDays);
  const removed = new Map<number, UntaggedManifest>();
  let added: readonly UntaggedManifest[] = [];
  const add = (found: readonly UntaggedManifest[]): void => {
    added = [...added, ...found.filter(({ id }) => !removed.has(id))];
    for (const manifest of found) removed.set(manifest.id, manifest);
  };
  for (let last: string | undefined = ""; last !== undefined;) {
    await work.step();
    const page = { last, limit: scannedAtOnce };
    const { found, next } = await retention.untagged(repositoryId, { ...query, ...page });
    add(found);
    last = next;
  }
  // The children and referrers that nothing else keeps; then theirs.
  while (added.length > 0) {
    const parents = added.map(({ id }) => id);
    added = [];
    const dependents = await tagRemoval.dependents(repositoryId, parents, dependentsAtMost);
    for (let at = 0; at < dependents.length; at += manifestsAtOnce) {
      await work.step();
      const some = dependents.slice(at, at + manifestsAtOnce);
      const given = { tags: [], manifestIds: [...removed.keys()] };
      const unused = await tagRemoval.unused(repositoryId, some, given);
      add(await retention.over(unused, query));
    }
  }
  return [...removed.values()];
}
const dependentsAtMost = 100_000;
