import type { VisibilityFilter } from "../../auth/visibility.ts";
import type { YieldingWork } from "../../concurrency/yielding-work.ts";
import {
  JobError,
  type Finding,
  type JobTask,
  type RunningJob,
} from "../../coordination/job-run.ts";
import type { Jobs } from "../../coordination/jobs.ts";
import type {
  RetentionPolicy,
  StoredRetentionPolicy,
} from "../../database/maintenance/retention-policies.ts";
import type { UntaggedManifest } from "../../database/maintenance/retention-reads.ts";
import type { Actor } from "../../database/permissions/authority.ts";
import { OciError } from "../../oci/errors.ts";
import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import type { Tag } from "../../oci/reference.ts";
import { parseTagPatterns } from "../../oci/tag-patterns.ts";
import { isVersionRange } from "../../oci/tag-versions.ts";
import type { Clock } from "../../registry/leases.ts";
import { scheduleTask, type MaintenanceTask } from "../scheduled-task.ts";
import { planManifests, planRepository, type RepositoryPlan } from "./repository-plan.ts";
import { retain, type RetentionParts, type RetentionStep } from "./run.ts";

interface Parts extends RetentionParts {
  /** `gc.deleteUntagged`: the collector deletes the manifests of deleted tags. */
  readonly deletesUntagged: boolean;
  /** The bytes that the collector deletes after the tags and manifests are deleted; `undefined`: too much to add up. */
  frees(
    removal: {
      readonly repositoryId: number;
      readonly tags: readonly Tag[];
      readonly manifestIds: readonly number[];
    },
    visibility: VisibilityFilter,
    work: YieldingWork,
  ): Promise<number | undefined>;
}

export interface ShownPlan extends RepositoryPlan {
  /** The manifests that nothing uses any more, and those that only they use. */
  readonly manifests: readonly UntaggedManifest[];
  readonly freedBytes: number | undefined;
}

export type Retention = ReturnType<typeof createRetention>;

/** The retention policies of repositories and namespaces, what they delete, and their runs. */
export function createRetention(parts: Parts) {
  const { database, clock, mirrored } = parts;
  const { retentionPolicies, commands } = database;
  /** Throws DENIED. */
  const demandHosted = (scope: string): void => {
    const namespace = namespaceIn(scope);
    if (mirrored.has(namespace))
      throw new OciError("DENIED", `${namespace} is a mirror: its cacheSize limits what it keeps`);
  };

  return {
    /** The own policy of a repository or a namespace. Throws DENIED for a mirror. */
    find: async (scope: string): Promise<StoredRetentionPolicy | undefined> => {
      demandHosted(scope);
      return retentionPolicies.find(scope);
    },

    /** The own policy of a repository, or that of its namespace. */
    effective: (repository: RepositoryName): Promise<StoredRetentionPolicy | undefined> =>
      retentionPolicies.effective(repository),

    /**
     * Sets the policy of a repository or a namespace. Throws TAG_INVALID for an invalid expression or range, DENIED for a
     * mirror, and NAME_UNKNOWN.
     */
    async set(actor: Actor, scope: string, given: RetentionPolicy): Promise<void> {
      demandHosted(scope);
      const policy = await checked(given);
      if (!(await commands.setRetention({ actor, scope, policy, nowMs: clock() })))
        throw new OciError("NAME_UNKNOWN", undefined, { detail: { name: scope } });
    },

    /** False: the scope has no policy of its own. */
    remove: (actor: Actor, scope: string): Promise<boolean> =>
      commands.removeRetention({ actor, scope, nowMs: clock() }),

    /**
     * What a policy deletes now. Throws TAG_INVALID, DENIED for a mirror, NAME_UNKNOWN, and UNSUPPORTED for more than
     * 100,000 tags or manifests.
     */
    async plan(
      repository: RepositoryName,
      given: RetentionPolicy,
      visibility: VisibilityFilter,
      work: YieldingWork,
    ): Promise<ShownPlan> {
      demandHosted(repository);
      const policy = await checked(given);
      const plan = await planRepository(parts, { name: repository, policy }, work);
      if (plan === undefined)
        throw new OciError("NAME_UNKNOWN", undefined, { detail: { name: repository } });
      const manifests = await planManifests(parts, plan.home.id, { policy }, work);
      const isFreed = parts.deletesUntagged || policy.untaggedDays !== null;
      const removal = {
        repositoryId: plan.home.id,
        tags: plan.tags.deleted.map(({ name }) => name),
        manifestIds: manifests.map(({ id }) => id),
      };
      const freedBytes = isFreed ? await parts.frees(removal, visibility, work) : 0;
      return { ...plan, manifests, freedBytes };
    },

    /**
     * The steps of a run, or of its dry run.
     * @param scope a repository or a namespace; empty: all that have a policy
     */
    run: (
      scope: string,
      options: { readonly isDryRun: boolean; readonly isOver: () => boolean },
    ): AsyncGenerator<RetentionStep> => retain(parts, scope, options),

    /** A run as a job of a server. */
    job: (scope: string, isDryRun: boolean): JobTask => jobOf(parts, scope, isDryRun),
  };
}

const namespaceIn = (scope: string): string =>
  scope.includes("/") ? namespaceOf(scope as RepositoryName) : scope;

function jobOf(parts: Parts, scope: string, isDryRun: boolean): JobTask {
  return {
    ...{ kind: "retention", subject: scope, isDryRun },
    ...(scope === "" ? {} : { account: namespaceIn(scope) }),
    async run(job) {
      const isOver = (): boolean => job.signal.aborted;
      const counts = { tags: 0, manifests: 0, failed: 0 };
      for await (const step of retain(parts, scope, { isDryRun, isOver })) {
        countStep(counts, step);
        job.count({ ...counts });
        for (const finding of findingsOf(step)) job.find(finding);
      }
      if (counts.failed > 0)
        throw new JobError(`${counts.failed} repositories could not be done: run it again`);
    },
  };
}

export interface RetentionCounts {
  tags: number;
  manifests: number;
  /** Repositories. */
  failed: number;
}

export function countStep(counts: RetentionCounts, step: RetentionStep): void {
  if (step.kind === "tags") counts.tags += step.tags.length;
  if (step.kind === "manifests") counts.manifests += step.digests.length;
  if (step.kind === "failed") counts.failed += 1;
}

/** The step as findings of a job: one for each tag or manifest. */
export function findingsOf(step: RetentionStep): readonly Finding[] {
  switch (step.kind) {
    case "tags":
      return step.tags.map(({ name, reason, rule }) => ({
        kind: "tag",
        subject: `${step.repository}:${name}`,
        message: reason === "expired" ? `rule ${rule}` : "its image is gone",
      }));
    case "manifests":
      return step.digests.map((digest) => ({
        kind: "manifest",
        subject: step.repository,
        digest,
      }));
    case "failed":
      return [{ kind: "failed", subject: step.repository, message: step.message }];
    case "pause":
      return [];
  }
}

/** A run is no faster than that, so that pushes wait for at most a few transactions of 100 tags. */
const slicesPerSecond = 20;

/** Runs all policies every `interval` milliseconds. */
export function scheduleRetention({
  interval,
  run,
  ...parts
}: {
  readonly interval: number;
  readonly run: Retention["run"];
  readonly clock: Clock;
  readonly jobs: Jobs;
  readonly report: {
    info(facts: object, message: string): void;
    warn(facts: object, message: string): void;
    error(facts: object, message: string): void;
  };
}): MaintenanceTask {
  const { clock, jobs, report } = parts;
  const steps = async function* (
    job: RunningJob | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<void> {
    const counts = { tags: 0, manifests: 0, failed: 0 };
    const isOver = (): boolean => signal.aborted;
    for await (const step of run("", { isDryRun: false, isOver })) {
      countStep(counts, step);
      job?.count({ ...counts });
      if (step.kind === "failed") report.warn(step, "retention could not be run in a repository");
      yield;
    }
    if (counts.tags + counts.manifests > 0) report.info(counts, "retention deleted tags");
  };
  return scheduleTask({
    everyMs: interval,
    waitAfterClockSetMs: Math.min(600_000, interval),
    stepsPerSecond: slicesPerSecond,
    clock,
    recorded: { jobs, kind: "retention", keepsPlan: true },
    steps,
    onError: (error) =>
      report.error({ err: error }, "retention failed; it runs again after retention.interval"),
  });
}

/** Checks what the schema of the API does not. Throws TAG_INVALID. */
async function checked(policy: RetentionPolicy): Promise<RetentionPolicy> {
  const expressions = policy.rules.flatMap(({ tags, except }) => [tags, except]);
  await parseTagPatterns(expressions.filter((text) => text !== null));
  for (const { semver } of policy.rules)
    if (semver !== null && !isVersionRange(semver))
      throw new OciError("TAG_INVALID", `${semver} is not a range of versions, such as >=1.2 <2`);
  return policy;
}
