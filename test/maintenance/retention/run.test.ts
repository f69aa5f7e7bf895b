import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Jobs } from "../../../src/coordination/jobs.ts";
import type {
  RetentionPolicy,
  RetentionRule,
} from "../../../src/database/maintenance/retention-policies.ts";
import { systemActor } from "../../../src/database/permissions/authority.ts";
import {
  createRetention,
  findingsOf,
  scheduleRetention,
} from "../../../src/maintenance/retention/retention.ts";
import { digestOf } from "../../../src/oci/digest.ts";
import { parseRepositoryName, type RepositoryName } from "../../../src/oci/name.ts";
import { fallbackTagOf, parseTag } from "../../../src/oci/reference.ts";
import { createLeasePolicy } from "../../../src/registry/leases.ts";
import { silent } from "../../support/pushes.ts";
import { waitUntil } from "../../support/wait.ts";
import {
  drain,
  elsewhere,
  graceMs,
  here,
  inWorld,
  leaseMs,
  manifestOf,
  pushBlob,
  pushImage,
  putManifest,
  text,
  type World,
} from "../support.ts";

const all = { skip: 0, limit: 100 };
const dayMs = 24 * 3_600_000;
const actor = systemActor("berth");

const rule = (given: Partial<RetentionRule>): RetentionRule => ({
  ...{ tags: null, except: null, semver: null, keepSigned: false },
  ...{ keepAll: false, keepNewest: null, keepPushedDays: null, keepPulledDays: null },
  ...given,
});
const newest = (keepNewest: number, untaggedDays: number | null = null): RetentionPolicy => ({
  rules: [rule({ keepNewest })],
  untaggedDays,
});

interface Made {
  readonly mirrored?: readonly string[];
  /** Runs between a plan and the transaction that deletes its first tags. */
  readonly afterPlan?: () => Promise<void>;
}

function retentionOf(
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

async function tagsOf({ registry }: World, repository: RepositoryName = here): Promise<string> {
  return (await registry.tags.list(repository, { last: undefined, limit: 1_000 })).items.join(" ");
}

/** Pushes images with these tags, one second after another. */
async function pushTags(world: World, ...tags: readonly string[]): Promise<void> {
  for (const tag of tags) {
    world.wait(1_000);
    await pushImage(world, `layer of ${tag}`, tag);
  }
}

describe("a run of retention", () => {
  test(
    "deletes what its dry run lists, and leaves an audit row for each tag",
    inWorld(async (world) => {
      await pushTags(world, "a", "b", "c");
      const retention = retentionOf(world);
      assert.deepEqual(await retention.dryRun(here), []);
      await retention.set(actor, here, newest(1));
      const planned = await retention.dryRun(here);
      assert.deepEqual(planned, ["tag team/app:a rule 1", "tag team/app:b rule 1"]);
      assert.equal(await tagsOf(world), "a b c");
      assert.deepEqual(await retention.do(here), planned);
      assert.equal(await tagsOf(world), "c");
      assert.deepEqual(await retention.do(here), []);
      const rows = await world.database.audit.list({ action: "repo.tag.delete", limit: 10 });
      const audited = rows.map(({ subject, data }) => [subject, data["reason"]].join(" "));
      assert.deepEqual(audited.toSorted(), ["team/app:a retention", "team/app:b retention"]);
    }),
  );

  test(
    "deletes several hundred tags in slices",
    inWorld(async (world) => {
      await pushTags(world, "first");
      const bytes = manifestOf("layer of first");
      for (let at = 0; at < 250; at += 1) await putManifest(world, `t${at}`, bytes);
      world.wait(1_000);
      await putManifest(world, "last", bytes);
      const retention = retentionOf(world);
      await retention.set(actor, here, newest(1));
      assert.equal((await retention.do(here)).length, 251);
      assert.equal(await tagsOf(world), "last");
    }),
  );

  test(
    "makes a new plan if the tags change after its plan",
    inWorld(async (world) => {
      await pushTags(world, "a", "b", "c");
      // Without `c`, `a` is one of the newest two.
      const afterPlan = async (): Promise<void> => {
        await world.registry.tags.delete(actor, here, [parseTag("c")]);
      };
      const retention = retentionOf(world, { afterPlan });
      await retention.set(actor, here, newest(2));
      assert.deepEqual(await retention.dryRun(here), ["tag team/app:a rule 1"]);
      assert.deepEqual(await retention.do(here), []);
      assert.equal(await tagsOf(world), "a b");
    }),
  );

  test(
    "keeps a tag that was pushed again, or that became immutable, after its plan",
    inWorld(async (world) => {
      await pushTags(world, "a", "b", "c");
      let changes = 0;
      const afterPlan = async (): Promise<void> => {
        changes += 1;
        world.wait(1_000);
        if (changes === 1) await putManifest(world, "a", manifestOf("layer of a"));
        const immutable = { actor, repository: here, patterns: ["b"], nowMs: world.nowMs() };
        if (changes === 2) await world.database.commands.setImmutableTags(immutable);
      };
      const retention = retentionOf(world, { afterPlan });
      await retention.set(actor, here, newest(1));
      assert.deepEqual(await retention.do(here), ["tag team/app:c rule 1"]);
      assert.equal(await tagsOf(world), "a b");
      assert.equal(changes, 3);
    }),
  );

  test(
    "deletes nothing by rules that have been removed or changed after its plan",
    inWorld(async (world) => {
      await pushTags(world, "a", "b");
      let isFirst = true;
      const afterPlan = async (): Promise<void> => {
        if (isFirst) await retention.remove(actor, here);
        isFirst = false;
      };
      const retention = retentionOf(world, { afterPlan });
      await retention.set(actor, here, newest(1));
      assert.deepEqual(await retention.do(here), []);
      isFirst = true;
      await retention.set(actor, "team", newest(1));
      const own = { rules: [], untaggedDays: null };
      const later = retentionOf(world, { afterPlan: () => retention.set(actor, here, own) });
      assert.deepEqual(await later.do("team"), []);
      assert.equal(await tagsOf(world), "a b");
    }),
  );

  test(
    "says so if a repository changes all the time, and goes on with the others",
    inWorld(async (world) => {
      await pushTags(world, "a", "b");
      for (const tag of ["x", "y"]) {
        world.wait(1_000);
        await pushBlob(world, "{}", elsewhere);
        await pushBlob(world, tag, elsewhere);
        await putManifest(world, tag, manifestOf(tag), elsewhere);
      }
      let changes = 0;
      const afterPlan = async (): Promise<void> => {
        changes += 1;
        world.wait(1_000);
        if (changes <= 20) await putManifest(world, "busy", manifestOf("layer of a"));
      };
      const retention = retentionOf(world, { afterPlan });
      await retention.set(actor, "team", newest(1));
      assert.deepEqual(await retention.do("team"), [
        "failed team/app it changed again and again while its tags were deleted",
        "tag team/other:x rule 1",
      ]);
      assert.equal(await tagsOf(world), "a b busy");
    }),
  );

  test(
    "uses the own rules of a repository in place of those of its namespace, and leaves mirrors out",
    inWorld(async (world) => {
      await pushTags(world, "a", "b");
      for (const repository of [elsewhere, parseRepositoryName("library/app")])
        for (const tag of ["x", "y"]) {
          world.wait(1_000);
          await pushBlob(world, "{}", repository);
          await pushBlob(world, tag, repository);
          await putManifest(world, tag, manifestOf(tag), repository);
        }
      const retention = retentionOf(world, { mirrored: ["library"] });
      await assert.rejects(retention.set(actor, "library", newest(1)), /library is a mirror/);
      await retentionOf(world).set(actor, "library", newest(1));
      await retention.set(actor, "team", newest(1));
      const all = ["tag team/app:a rule 1", "tag team/other:x rule 1"];
      assert.deepEqual(await retention.dryRun(""), all);
      assert.deepEqual(await retention.dryRun("team"), all);
      assert.deepEqual(await retention.dryRun("library"), []);
      await retention.set(actor, elsewhere, { rules: [], untaggedDays: null });
      assert.deepEqual(await retention.dryRun(""), ["tag team/app:a rule 1"]);
      assert.deepEqual(await retention.do("team"), ["tag team/app:a rule 1"]);
      assert.equal(await tagsOf(world, elsewhere), "x y");
    }),
  );

  test(
    "keeps signed images if a rule says so, with a referrer or with a tag of cosign",
    inWorld(async (world) => {
      await pushTags(world, "by-referrer", "by-tag", "other", "last");
      const subject = manifestOf("layer of by-referrer");
      const referrer = {
        ...(JSON.parse(manifestOf("signature").toString()) as object),
        artifactType: "application/vnd.dev.sigstore.bundle.v0.3+json",
        subject: {
          mediaType: "application/vnd.oci.image.manifest.v1+json",
          digest: digestOf(subject),
          size: subject.length,
        },
      };
      await pushBlob(world, "signature");
      const signature = text(JSON.stringify(referrer));
      await putManifest(world, digestOf(signature), signature);
      const tagged = fallbackTagOf(digestOf(manifestOf("layer of by-tag")));
      await putManifest(world, `${tagged}.sig`, manifestOf("signature"));
      const retention = retentionOf(world);
      const rules = [rule({ keepNewest: 1, keepSigned: true })];
      await retention.set(actor, here, { rules, untaggedDays: null });
      assert.deepEqual(await retention.do(here), ["tag team/app:other rule 1"]);
      await retention.set(actor, here, newest(1));
      assert.equal((await retention.do(here)).length, 2);
      assert.equal(await tagsOf(world), `last ${tagged}.sig`);
    }),
  );

  test(
    "deletes the signature of an image that the repository had, and no signature of other repositories",
    inWorld(async (world) => {
      const image = await pushImage(world, "app", "1");
      const signature = `${fallbackTagOf(image)}.sig`;
      await pushBlob(world, "signature");
      await putManifest(world, signature, manifestOf("signature"));
      for (const blob of ["{}", "signature"]) await pushBlob(world, blob, elsewhere);
      await putManifest(world, signature, manifestOf("signature"), elsewhere);
      const retention = retentionOf(world);
      await retention.set(actor, "team", { rules: [], untaggedDays: 7 });
      await world.registry.tags.delete(actor, here, [parseTag("1")]);
      world.wait(7 * dayMs);
      assert.deepEqual(await retention.do("team"), [`manifest team/app ${image}`]);
      const planned = [`tag team/app:${signature} its image is gone`];
      assert.deepEqual(await retention.dryRun("team"), planned);
      assert.deepEqual(await retention.do("team"), planned);
      assert.equal(await tagsOf(world, elsewhere), signature);
    }),
  );

  test(
    "is started by a timer as a job, which the list of jobs shows",
    inWorld(async (world) => {
      await pushTags(world, "a", "b");
      const retention = retentionOf(world);
      await retention.set(actor, here, newest(1));
      const { database } = world;
      const clock = (): number => world.nowMs();
      const jobs = new Jobs({ database, clock, report: (error) => assert.fail(String(error)) });
      const { run } = retention;
      const task = scheduleRetention({ interval: 20, run, clock, jobs, report: silent });
      const first = async () => (await jobs.list(all)).items.at(-1);
      await waitUntil("a run has ended", async () => (await first())?.state === "done");
      await task.stop();
      await jobs.close();
      const { kind, actor: by, state, counts } = (await first()) ?? {};
      assert.deepEqual(
        [kind, by, state, counts],
        ["retention", "berth", "done", { tags: 1, manifests: 0, failed: 0 }],
      );
    }),
  );

  test(
    "rejects expressions and ranges that are invalid",
    inWorld(async (world) => {
      const retention = retentionOf(world);
      for (const [given, message] of [
        [{ tags: "(" }, /tag pattern "\("/],
        [{ except: "[" }, /tag pattern "\["/],
        [{ semver: "one" }, /one is not a range of versions/],
      ] as const) {
        const rules = [rule({ ...given, keepNewest: 1 })];
        await assert.rejects(retention.set(actor, "team", { rules, untaggedDays: null }), message);
      }
      await assert.rejects(retention.set(actor, here, newest(1)), /NAME_UNKNOWN|repository/);
    }),
  );
});

describe("retention of manifests without a tag", () => {
  const index = (...children: readonly Buffer[]): Buffer =>
    text(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: "application/vnd.oci.image.index.v1+json",
        manifests: children.map((bytes) => ({
          mediaType: "application/vnd.oci.image.manifest.v1+json",
          digest: digestOf(bytes),
          size: bytes.length,
        })),
      }),
    );

  test(
    "deletes them with what only they keep, as the dry run lists it",
    inWorld(async (world) => {
      const child = await pushImage(world, "child", "child");
      const referrer = {
        ...(JSON.parse(manifestOf("signature").toString()) as object),
        subject: {
          mediaType: "application/vnd.oci.image.manifest.v1+json",
          digest: child,
          size: manifestOf("child").length,
        },
      };
      await pushBlob(world, "signature");
      const signature = text(JSON.stringify(referrer));
      await putManifest(world, digestOf(signature), signature);
      const both = index(manifestOf("child"));
      await putManifest(world, "both", both);
      const { tags } = world.registry;
      await tags.delete(actor, here, [parseTag("child")]);
      const retention = retentionOf(world);
      await retention.set(actor, here, { rules: [], untaggedDays: 7 });
      world.wait(30 * dayMs);
      assert.deepEqual(await retention.dryRun(here), []);

      await tags.delete(actor, here, [parseTag("both")]);
      world.wait(7 * dayMs - 1);
      assert.deepEqual(await retention.dryRun(here), []);
      world.wait(1);
      const planned = await retention.dryRun(here);
      const expected = [both, manifestOf("child"), signature].map(
        (bytes) => `manifest team/app ${digestOf(bytes)}`,
      );
      assert.deepEqual(planned.toSorted(), expected.toSorted());
      assert.deepEqual((await retention.do(here)).toSorted(), expected.toSorted());
      assert.deepEqual(await retention.do(here), []);
      world.wait(graceMs);
      const freed = (await drain(world.collect())).filter(({ kind }) => kind === "bytes");
      assert.equal(freed.length, 3, "the two layers and the config");
    }),
  );

  test(
    "keeps a child that was pushed again since, and what a lease protects",
    inWorld(async (world) => {
      await pushImage(world, "child", "child");
      const both = index(manifestOf("child"));
      await putManifest(world, "both", both);
      const { tags } = world.registry;
      await tags.delete(actor, here, [parseTag("both"), parseTag("child")]);
      const retention = retentionOf(world);
      await retention.set(actor, here, { rules: [], untaggedDays: 7 });
      world.wait(6 * dayMs);
      // A tag for a moment: the time without a tag begins again.
      await putManifest(world, "again", manifestOf("child"));
      await tags.delete(actor, here, [parseTag("again")]);
      world.wait(dayMs);
      const only = [`manifest team/app ${digestOf(both)}`];
      assert.deepEqual(await retention.dryRun(here), only);
      assert.deepEqual(await retention.do(here), only);
      world.wait(6 * dayMs);
      const repository = here;
      const digest = digestOf(manifestOf("child"));
      const leasedUntilMs = world.nowMs() + 1_000;
      await world.database.commands.leaseManifest({ repository, digest, leasedUntilMs });
      assert.deepEqual(await retention.do(here), []);
      world.wait(1_000);
      assert.deepEqual(await retention.do(here), [`manifest team/app ${digest}`]);
    }),
  );
});
