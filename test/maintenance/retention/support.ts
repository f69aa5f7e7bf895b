import type {
  RetentionPolicy,
  RetentionRule,
} from "../../../src/database/maintenance/retention-policies.ts";
import { systemActor } from "../../../src/database/permissions/authority.ts";
import { createRetention, findingsOf } from "../../../src/maintenance/retention/retention.ts";
import type { RepositoryName } from "../../../src/oci/name.ts";
import { createLeasePolicy } from "../../../src/registry/leases.ts";
import { graceMs, here, leaseMs, pushImage, type World } from "../support.ts";

export const dayMs = 24 * 3_600_000;
export const actor = systemActor("berth");

export const rule = (given: Partial<RetentionRule>): RetentionRule => ({
  ...{ tags: null, except: null, semver: null, keepSigned: false },
  ...{ keepAll: false, keepNewest: null, keepPushedDays: null, keepPulledDays: null },
  ...given,
});
/** Keeps the newest tags of all names. */
export const newest = (
  keepNewest: number,
  untaggedDays: number | null = null,
): RetentionPolicy => ({
  rules: [rule({ keepNewest })],
  untaggedDays,
});

interface Made {
  readonly mirrored?: readonly string[];
  /** Runs between a plan and the transaction that deletes its first tags. */
  readonly afterPlan?: () => Promise<void>;
}

/** Retention in a world; `do` and `dryRun` return what a run did, or would do, as lines of text. */
export function retentionOf(
  world: World,
  { mirrored = [], afterPlan = async () => undefined }: Made = {},
) {
  const { database } = world;
  const clock = (): number => world.nowMs();
  const retention = createRetention({
    ...{ actor, database, clock, graceMs, deletesUntagged: false, mirrored: new Set(mirrored) },
    leasePolicy: createLeasePolicy(clock, { leaseMs, graceMs, deleteDelayMs: 0 }),
    pulls: {
      scanTags: async () => [],
      knownSinceMs: async () => 0,
      ofTags: async () => {
        await afterPlan();
        return new Map();
      },
    },
    frees: async () => 0,
  });
  const stepsOf = async (scope: string, isDryRun: boolean): Promise<readonly string[]> => {
    const found: string[] = [];
    for await (const step of retention.run(scope, { isDryRun, isOver: () => false }))
      for (const { kind, subject, digest, message } of findingsOf(step))
        found.push([kind, subject, digest ?? message].join(" "));
    return found;
  };
  return {
    ...retention,
    dryRun: (scope: string) => stepsOf(scope, true),
    do: (scope: string) => stepsOf(scope, false),
  };
}

export async function tagsOf(
  { registry }: World,
  repository: RepositoryName = here,
): Promise<string> {
  return (await registry.tags.list(repository, { last: undefined, limit: 1_000 })).items.join(" ");
}

/** Pushes images with these tags, one second after another. */
export async function pushTags(world: World, ...tags: readonly string[]): Promise<void> {
  for (const tag of tags) {
    world.wait(1_000);
    await pushImage(world, `layer of ${tag}`, tag);
  }
}
