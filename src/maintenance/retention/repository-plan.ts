import { sortedTagsAtMost } from "../../api/limits.ts";
import type { YieldingWork } from "../../concurrency/yielding-work.ts";
import type { PullCounterStore, Registration } from "../../database/catalog/pull-counters.ts";
import type { TagColumns } from "../../database/catalog/tag-pages.ts";
import type { Database } from "../../database/contract.ts";
import type { RetentionPolicy } from "../../database/maintenance/retention-policies.ts";
import type {
  RetainedRepository,
  UntaggedManifest,
} from "../../database/maintenance/retention-reads.ts";
import type { Digest } from "../../oci/digest.ts";
import type { RepositoryName } from "../../oci/name.ts";
import { OciError } from "../../oci/errors.ts";
import { fallbackTagOf, parseTag, type Tag } from "../../oci/reference.ts";
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

/** The tags that retention deletes in one repository. */
export interface RepositoryPlan {
  readonly home: RetainedRepository;
  readonly tags: TagPlan;
}

interface Planned {
  readonly name: RepositoryName;
  readonly policy: RetentionPolicy;
  readonly tagsAtMost?: number;
}

const dayMs = 24 * 3_600_000;
const digestsAtOnce = 500;
const historyAtOnce = 5_000;
const signedAtOnce = 100;
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
  return { home, tags: await planTagsOf(parts, { home, policy, tagsAtMost }, work) };
}

async function planTagsOf(
  { database: { retention }, pulls, clock }: PlanParts,
  {
    home,
    policy: { rules, untaggedDays },
    tagsAtMost,
  }: Omit<Required<Planned>, "name"> & { readonly home: RetainedRepository },
  work: YieldingWork,
): Promise<TagPlan> {
  const hasManifestIds = rules.some(({ keepSigned }) => keepSigned);
  const wanted = { search: "", hasManifestIds, hasTimes: true, tagsAtMost };
  const columns = await scanTags(retention, home, wanted, work);
  const { names, updatedAtMs } = columns;
  const { lastPulledAtMs } = await pullsOf(pulls, home, columns, work);
  const subjects = await subjectsOf(retention, home.id, names, work);
  return planTags(
    {
      ...{ rules, untaggedDays, immutableTags: home.immutableTags },
      tags: { names, updatedAtMs, lastPulledAtMs } satisfies RetainedTags,
      goneSubjects:
        untaggedDays === null ? new Set() : await goneOf(retention, home.id, subjects.absent, work),
      isSigned: await signedBy(retention, columns, subjects.signed, work),
      nowMs: clock(),
      pullsKnownSinceMs: await pulls.knownSinceMs(),
    },
    work,
  );
}

type Reads = PlanParts["database"]["retention"];

/** The digests in tags of signatures: those that the repository does not have, and the signed manifests that it has. */
async function subjectsOf(
  retention: Reads,
  repositoryId: number,
  names: readonly Tag[],
  work: YieldingWork,
): Promise<{ readonly absent: Set<Digest>; readonly signed: Set<number> }> {
  const absent = new Set(names.flatMap((name) => subjectOf(name) ?? []));
  const signed = new Set<number>();
  const stored = new Set(names.filter((name) => name.endsWith(".sig")));
  const digests = [...absent];
  for (let at = 0; at < digests.length; at += digestsAtOnce) {
    await work.step();
    const some = digests.slice(at, at + digestsAtOnce);
    for (const [digest, manifestId] of await retention.existing(repositoryId, some)) {
      absent.delete(digest);
      if (stored.has(parseTag(`${fallbackTagOf(digest)}.sig`))) signed.add(manifestId);
    }
  }
  return { absent, signed };
}

/** Those of the digests that a tag of the repository has pointed at. */
async function goneOf(
  retention: Reads,
  repositoryId: number,
  absent: ReadonlySet<Digest>,
  work: YieldingWork,
): Promise<ReadonlySet<Digest>> {
  const gone = new Set<Digest>();
  type Page = Awaited<ReturnType<Reads["history"]>>;
  for (let last: Page["next"], isMore = absent.size > 0; isMore; isMore = last !== undefined) {
    await work.step();
    const page: Page = await retention.history(repositoryId, { last, limit: historyAtOnce });
    for (const digest of page.digests) if (digest !== null && absent.has(digest)) gone.add(digest);
    last = page.next;
  }
  return gone;
}

/** Whether a signature is stored for the manifest of a tag: as a referrer, or under cosign's tag. */
async function signedBy(
  retention: Reads,
  { manifestIds }: TagColumns,
  tagged: ReadonlySet<number>,
  work: YieldingWork,
): Promise<(at: number) => boolean> {
  const signed = new Set(tagged);
  const distinct = [...new Set(manifestIds)];
  for (let at = 0; at < distinct.length; at += signedAtOnce) {
    await work.step();
    for (const id of await retention.signed(distinct.slice(at, at + signedAtOnce))) signed.add(id);
  }
  return (at) => signed.has(manifestIds[at] ?? 0);
}

/** The times for which a manifest must have been without a tag and without a lease. */
export function untaggedQuery(
  { clock, graceMs }: Pick<PlanParts, "clock" | "graceMs">,
  untaggedDays: number,
) {
  const nowMs = clock();
  return { nowMs, dueBeforeMs: nowMs - Math.max(0, untaggedDays * dayMs - graceMs) };
}

/**
 * The manifests that `expireManifests` deletes, if it is called until there are none: those that nothing uses any more, and
 * those that only they use. Throws UNSUPPORTED for more than `atMost` (default: 100,000).
 */
export async function planManifests(
  parts: PlanParts,
  repositoryId: number,
  {
    policy: { untaggedDays },
    atMost = sortedTagsAtMost,
  }: {
    readonly policy: RetentionPolicy;
    readonly atMost?: number;
  },
  work: YieldingWork,
): Promise<readonly UntaggedManifest[]> {
  if (untaggedDays === null) return [];
  const { retention, tagRemoval } = parts.database;
  const query = untaggedQuery(parts, untaggedDays);
  const removed = new Map<number, UntaggedManifest>();
  const waiting: number[] = [];
  const add = (found: readonly UntaggedManifest[]): void => {
    for (const manifest of found)
      if (!removed.has(manifest.id)) {
        removed.set(manifest.id, manifest);
        waiting.push(manifest.id);
      }
    if (removed.size > atMost)
      throw new OciError("UNSUPPORTED", `there are more than ${atMost} manifests without a tag`, {
        status: 422,
      });
  };
  for (let last: string | undefined = ""; last !== undefined;) {
    await work.step();
    const page = { last, limit: scannedAtOnce };
    const { found, next } = await retention.untagged(repositoryId, { ...query, ...page });
    add(found);
    last = next;
  }
  // The children and referrers that nothing else keeps; then theirs.
  while (waiting.length > 0) {
    const parents = waiting.splice(0, manifestsAtOnce);
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
