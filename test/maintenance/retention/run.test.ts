import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Jobs } from "../../../src/coordination/jobs.ts";
import { scheduleRetention } from "../../../src/maintenance/retention/retention.ts";
import { parseRepositoryName } from "../../../src/oci/name.ts";
import { parseTag } from "../../../src/oci/reference.ts";
import { silent } from "../../support/pushes.ts";
import { waitUntil } from "../../support/wait.ts";
import { elsewhere, here, inWorld, manifestOf, pushBlob, putManifest } from "../support.ts";
import { actor, newest, pushTags, retentionOf, rule, tagsOf } from "./support.ts";

const all = { skip: 0, limit: 100 };

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
