import { createYieldingWork } from "../../concurrency/yielding-work.ts";
import type { Database } from "../../database/contract.ts";
import type { StoredRetentionPolicy } from "../../database/maintenance/retention-policies.ts";
import type { UntaggedManifest } from "../../database/maintenance/retention-reads.ts";
import type { Actor } from "../../database/permissions/authority.ts";
import type { Digest } from "../../oci/digest.ts";
import { OciError } from "../../oci/errors.ts";
import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import type { LeasePolicy } from "../../registry/leases.ts";
import {
  manifestsAtOnce,
  planManifests,
  planRepository,
  scannedAtOnce,
  untaggedQuery,
  type PlanParts,
  type RepositoryPlan,
} from "./repository-plan.ts";
import type { PlannedTag, TagPlan } from "./tag-plan.ts";

/*
 * Runs retention, or lists what it would delete. Both are made from the same plan. A command deletes a slice of the plan
 * only if the repository and its policy are as the plan has seen them; otherwise a new plan is made.
 */

/** One action, done or (in a dry run) planned: at most 100 tags or manifests. */
export type RetentionStep =
  | {
      readonly kind: "tags";
      readonly repository: RepositoryName;
      readonly tags: readonly PlannedTag[];
    }
  | {
      readonly kind: "manifests";
      readonly repository: RepositoryName;
      readonly digests: readonly Digest[];
    }
  /** The rest of the plan waits for the next run. */
  | { readonly kind: "failed"; readonly repository: RepositoryName; readonly message: string }
  | { readonly kind: "pause" };

export interface RetentionParts extends PlanParts {
  readonly database: PlanParts["database"] & Pick<Database, "commands" | "repositories">;
  readonly leasePolicy: LeasePolicy;
  /** The actor of the deletions: the registry itself, by rules that a client with the permission has set. */
  readonly actor: Actor;
  /** The namespaces of mirrors; they have no retention. */
  readonly mirrored: Pick<ReadonlySet<string>, "has">;
}

interface Options {
  readonly isDryRun: boolean;
  /** Whether the run should end. */
  readonly isOver: () => boolean;
}

const tagsAtOnce = 100;
const rowsAtOnce = 500;
/** After this number of plans in a row that a change made invalid, the repository waits for the next run. */
const attemptsAtMost = 20;
/** Each of them takes about 60 bytes of memory while its repository is planned. */
const tagsAtMost = 1_000_000;

/**
 * Runs retention in one repository, in a namespace, or in all that have a policy.
 * @param scope a repository or a namespace; empty: all
 */
export async function* retain(
  parts: RetentionParts,
  scope: string,
  options: Options,
): AsyncGenerator<RetentionStep> {
  for await (const repository of repositoriesIn(parts, scope)) {
    if (options.isOver()) return;
    yield { kind: "pause" };
    try {
      yield* retainRepository(parts, repository, options);
    } catch (error) {
      // Such as too many tags; the other repositories go on.
      if (!(error instanceof OciError)) throw error;
      yield { kind: "failed", repository, message: error.message };
    }
  }
}

/** The repositories of a scope that have a policy, each once. */
async function* repositoriesIn(
  { database, mirrored }: RetentionParts,
  scope: string,
): AsyncGenerator<RepositoryName> {
  if (scope.includes("/")) {
    if (!mirrored.has(namespaceOf(scope as RepositoryName))) yield scope as RepositoryName;
    return;
  }
  const scopes = scope === "" ? policyScopes(database) : ofNamespace(database, scope);
  for await (const one of scopes) {
    const isNamespace = !one.includes("/");
    const namespace = isNamespace ? one : namespaceOf(one as RepositoryName);
    if (mirrored.has(namespace)) continue;
    if (!isNamespace) {
      yield one as RepositoryName;
      continue;
    }
    // Those with a policy of their own have a scope of their own.
    for await (const repository of ofNamespace(database, one))
      if ((await database.retentionPolicies.find(repository)) === undefined) yield repository;
  }
}

async function* policyScopes({
  retentionPolicies,
}: RetentionParts["database"]): AsyncGenerator<string> {
  for (let last = ""; ;) {
    const found = await retentionPolicies.list({ last, limit: rowsAtOnce });
    for (const { scope } of found) yield scope;
    if (found.length < rowsAtOnce) return;
    last = found.at(-1)?.scope ?? last;
  }
}

async function* ofNamespace(
  { repositories }: RetentionParts["database"],
  namespace: string,
): AsyncGenerator<RepositoryName> {
  for (let last = ""; ;) {
    const found = await repositories.ofNamespace(namespace, { last, limit: rowsAtOnce });
    for (const { name } of found) yield name;
    if (found.length < rowsAtOnce) return;
    last = found.at(-1)?.name ?? last;
  }
}

async function* retainRepository(
  parts: RetentionParts,
  repository: RepositoryName,
  { isDryRun, isOver }: Options,
): AsyncGenerator<RetentionStep> {
  const work = createYieldingWork(() => false);
  for (let attempts = 0; attempts < attemptsAtMost && !isOver(); attempts += 1) {
    const policy = await parts.database.retentionPolicies.effective(repository);
    if (policy === undefined) return;
    const plan = await planRepository(parts, { name: repository, policy, tagsAtMost }, work);
    if (plan === undefined) return;
    if (isDryRun) {
      const { id } = plan.home;
      const manifests = await planManifests(parts, id, { policy, atMost: tagsAtMost }, work);
      return yield* stepsOf(repository, plan.tags, manifests);
    }
    const steps = deleteTags(parts, { plan, policy, isOver });
    let outcome = await steps.next();
    for (; outcome.done !== true; outcome = await steps.next()) {
      // Each slice that was deleted is progress.
      attempts = -1;
      yield outcome.value;
    }
    if (outcome.value === "done") return yield* deleteManifests(parts, { plan, policy, isOver });
  }
  const message = "it changed again and again while its tags were deleted";
  if (!isOver()) yield { kind: "failed", repository, message };
}

function* stepsOf(
  repository: RepositoryName,
  tags: TagPlan,
  manifests: readonly UntaggedManifest[],
): Generator<RetentionStep> {
  for (let at = 0; at < tags.deleted.length; at += tagsAtOnce)
    yield { kind: "tags", repository, tags: tags.deleted.slice(at, at + tagsAtOnce) };
  for (let at = 0; at < manifests.length; at += manifestsAtOnce) {
    const some = manifests.slice(at, at + manifestsAtOnce);
    yield { kind: "manifests", repository, digests: some.map(({ digest }) => digest) };
  }
}

interface Deletion {
  readonly plan: RepositoryPlan;
  readonly policy: StoredRetentionPolicy;
  readonly isOver: () => boolean;
}

/** Deletes the tags of a plan in slices, until it is done or no longer valid. */
async function* deleteTags(
  parts: RetentionParts,
  { plan: { home, tags }, policy, isOver }: Deletion,
): AsyncGenerator<RetentionStep, "done" | "changed"> {
  const { id, updatedAtMs, tagCount, name: repository } = home;
  let seen = { id, updatedAtMs, tagCount };
  for (let at = 0; at < tags.deleted.length; at += tagsAtOnce) {
    if (isOver()) return "done";
    const some = tags.deleted.slice(at, at + tagsAtOnce);
    if (await arePulled(parts, home, some)) return "changed";
    const result = await parts.database.commands.expireTags({
      ...{ actor: parts.actor, ...parts.leasePolicy.eventTimes() },
      ...{ repository, seen, policy },
      tags: some.map(({ name, updatedAtMs: pushedAtMs }) => ({ name, updatedAtMs: pushedAtMs })),
    });
    if (result === "changed") return "changed";
    seen = { ...result.seen };
    yield { kind: "tags", repository, tags: some };
  }
  return "done";
}

/** Whether one of the tags was pulled since the plan was made. */
async function arePulled(
  { pulls }: RetentionParts,
  home: RepositoryPlan["home"],
  tags: readonly PlannedTag[],
): Promise<boolean> {
  const names = tags.map(({ name }) => name);
  const now = await pulls.ofTags(home, names);
  return tags.some(
    ({ name, lastPulledAtMs }) => (now.get(name)?.lastPulledAtMs ?? 0) > lastPulledAtMs,
  );
}

/** Deletes the manifests that nothing keeps, in slices. Those that only a deleted one kept follow in a later slice. */
async function* deleteManifests(
  parts: RetentionParts,
  { plan: { home }, policy, isOver }: Deletion,
): AsyncGenerator<RetentionStep> {
  const { retention, commands } = parts.database;
  const { untaggedDays } = policy;
  if (untaggedDays === null) return;
  const query = untaggedQuery(parts, untaggedDays);
  for (let isProgress = true; isProgress;) {
    isProgress = false;
    for (let last: string | undefined = ""; last !== undefined && !isOver();) {
      const page = { last, limit: scannedAtOnce };
      const { found, next } = await retention.untagged(home.id, { ...query, ...page });
      for (let at = 0; at < found.length; at += manifestsAtOnce) {
        const result = await commands.expireManifests({
          ...{ actor: parts.actor, ...parts.leasePolicy.eventTimes(), ...query },
          ...{ repository: home.name, repositoryId: home.id, policy },
          manifestIds: found.slice(at, at + manifestsAtOnce).map(({ id }) => id),
        });
        if (result === "changed") return;
        if (result.deleted.length === 0) continue;
        // Another pass, for those that a deleted manifest kept.
        isProgress = true;
        yield { kind: "manifests", repository: home.name, digests: result.deleted };
      }
      last = next;
      yield { kind: "pause" };
    }
  }
}
