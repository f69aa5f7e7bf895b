import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createYieldingWork } from "../../../src/concurrency/yielding-work.ts";
import type { RetentionRule } from "../../../src/database/maintenance/retention-policies.ts";
import {
  planTags,
  type PlanInput,
  type TagPlan,
} from "../../../src/maintenance/retention/tag-plan.ts";
import { digestOf, type Digest } from "../../../src/oci/digest.ts";
import { parseTag } from "../../../src/oci/reference.ts";

const dayMs = 24 * 3_600_000;
const nowMs = 1_000 * dayMs;

const rule = (given: Partial<RetentionRule>): RetentionRule => ({
  ...{ tags: null, except: null, semver: null, keepSigned: false },
  ...{ keepAll: false, keepNewest: null, keepPushedDays: null, keepPulledDays: null },
  ...given,
});

/** Tags with the days since their last push, and since their last pull. */
type Ages = Readonly<Record<string, number | readonly [pushed: number, pulled: number]>>;

function plan(
  ages: Ages,
  rules: readonly Partial<RetentionRule>[],
  more: Partial<PlanInput> = {},
): Promise<TagPlan> {
  const names = Object.keys(ages).toSorted();
  const pairs = names.map((name) => [ages[name] ?? 0].flat() as readonly number[]);
  const timeOf = (days: number | undefined): number =>
    days === undefined ? 0 : nowMs - days * dayMs;
  const input: PlanInput = {
    ...{ rules: rules.map(rule), untaggedDays: null, immutableTags: null },
    tags: {
      names: names.map(parseTag),
      updatedAtMs: pairs.map(([pushed]) => timeOf(pushed)),
      lastPulledAtMs: pairs.map(([, pulled]) => timeOf(pulled)),
    },
    ...{ goneSubjects: new Set<Digest>(), isSigned: () => false, nowMs, pullsKnownSinceMs: 0 },
    ...more,
  };
  return planTags(
    input,
    createYieldingWork(() => false),
  );
}

const deletedBy = ({ deleted }: TagPlan): string => deleted.map(({ name }) => name).join(" ");
const kept = (found: TagPlan): readonly string[] =>
  found.kept(0, 100).map(({ name, reason, rule: number }) => `${name} ${reason} ${number}`);

describe("the plan of retention", () => {
  test("keeps the tags that were pushed last, and of several with one time the last by name", async () => {
    const ages = { a: 5, b: 1, c: 3, d: 3, e: 3 };
    const found = await plan(ages, [{ keepNewest: 3 }]);
    assert.equal(deletedBy(found), "a c");
    assert.deepEqual(kept(found), ["b newest 1", "d newest 1", "e newest 1"]);
    assert.equal(deletedBy(await plan(ages, [{ keepNewest: 5 }])), "");
    assert.equal(deletedBy(await plan({}, [{ keepNewest: 1 }])), "");
  });

  test("keeps what was pushed or pulled within the days of a rule", async () => {
    const ages = { new: 6, old: 8, pulled: [50, 20], forgotten: [50, 40] } as const;
    const found = await plan(ages, [{ keepPushedDays: 7, keepPulledDays: 30 }]);
    assert.deepEqual(kept(found), ["new pushed 1", "old pulled 1", "pulled pulled 1"]);
    assert.equal(deletedBy(found), "forgotten");
    // The push counts as a use.
    assert.equal(deletedBy(await plan(ages, [{ keepPulledDays: 7 }])), "forgotten old pulled");
  });

  test("takes a tag for used when the pull counters began", async () => {
    const since = { pullsKnownSinceMs: nowMs - 10 * dayMs };
    assert.equal(deletedBy(await plan({ old: 50 }, [{ keepPulledDays: 30 }], since)), "");
    assert.equal(deletedBy(await plan({ old: 50 }, [{ keepPulledDays: 9 }], since)), "old");
    // The counters cannot be read.
    const never = { pullsKnownSinceMs: Infinity };
    assert.equal(deletedBy(await plan({ old: 50 }, [{ keepPulledDays: 9 }], never)), "");
    assert.equal(deletedBy(await plan({ old: 50 }, [{ keepPushedDays: 9 }], since)), "old");
  });

  test("deletes a tag only if a rule chooses it and no rule keeps it, in any order of the rules", async () => {
    const ages = { dev: 40, "pr-1": 40, "pr-2": 3, "v1.0": 400, other: 1 };
    const rules = [
      { tags: "pr-.*", keepPushedDays: 7 },
      { tags: "v.*", keepAll: true },
      { except: "other", keepNewest: 1 },
    ];
    for (const some of [rules, rules.toReversed()])
      assert.equal(deletedBy(await plan(ages, some)), "dev pr-1");
    const found = await plan(ages, rules);
    assert.deepEqual(kept(found), ["other no_rule 0", "pr-2 pushed 1", "v1.0 all 2"]);
    assert.deepEqual(
      found.deleted.map(({ reason, rule: number }) => `${reason} ${number}`),
      ["expired 3", "expired 1"],
    );
    assert.deepEqual(Object.fromEntries(found.counts), {
      ...{ expired: 2, no_rule: 1, pushed: 1, all: 1 },
    });
  });

  test("chooses versions by a range", async () => {
    const ages = { "1.2": 9, v2: 9, "2.0.1": 9, "2.1-rc1": 9, latest: 9 };
    assert.equal(deletedBy(await plan(ages, [{ semver: "<2", keepPushedDays: 1 }])), "1.2");
    const newer = [{ semver: ">=2", keepPushedDays: 1 }];
    assert.equal(deletedBy(await plan(ages, newer)), "2.0.1 v2");
  });

  test("never deletes an immutable tag, and deletes nothing without rules", async () => {
    const ages = { "1.0": 50, "1.1": 40, latest: 30 };
    const immutable = { immutableTags: ["1[.]0"] };
    const found = await plan(ages, [{ keepNewest: 1 }], immutable);
    assert.equal(deletedBy(found), "1.1");
    assert.deepEqual(kept(found), ["1.0 immutable 0", "latest newest 1"]);
    const all = await plan(ages, [{ keepNewest: 1 }], { immutableTags: [] });
    assert.equal(deletedBy(all), "");
    assert.equal(deletedBy(await plan(ages, [])), "");
  });

  test("keeps what is signed if a rule says so", async () => {
    const ages = { a: 50, b: 40, c: 30 };
    const isSigned = (at: number): boolean => at === 0;
    const found = await plan(ages, [{ keepSigned: true, keepNewest: 1 }], { isSigned });
    assert.deepEqual(kept(found), ["a signed 1", "c newest 1"]);
    assert.equal(deletedBy(await plan(ages, [{ keepNewest: 1 }], { isSigned })), "a b");
    const others = [{ keepSigned: true, tags: "b" }];
    assert.equal(deletedBy(await plan(ages, others, { isSigned })), "b");
  });

  test("keeps signatures until their subject is gone, and does not count them as tags", async () => {
    const [stored, gone] = [digestOf(Buffer.from("stored")), digestOf(Buffer.from("gone"))];
    const tagOf = (digest: Digest, end: string) => `${digest.replace(":", "-")}${end}`;
    const ages = {
      [tagOf(stored, ".sig")]: 1,
      [tagOf(stored, "")]: 1,
      [tagOf(gone, ".att")]: 20,
      [tagOf(gone, ".sig")]: 5,
      [`sha512-${"a".repeat(64)}.sig`]: 20,
      app: 30,
      base: 40,
    };
    const subjects = { goneSubjects: new Set([gone]) };
    const rules = [{ keepNewest: 1 }];
    assert.equal(deletedBy(await plan(ages, rules, subjects)), "base");
    const untagged = { ...subjects, untaggedDays: 7 };
    const found = await plan(ages, rules, untagged);
    assert.equal(deletedBy(found), `base ${tagOf(gone, ".att")}`);
    assert.equal(found.counts.get("signature"), 4);
    assert.equal(found.counts.get("no_subject"), 1);
    const immutable = { ...untagged, immutableTags: ["sha.*"] };
    assert.equal(deletedBy(await plan(ages, rules, immutable)), "base");
  });
});
