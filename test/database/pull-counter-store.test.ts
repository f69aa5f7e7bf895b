import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { allRepositories } from "../../src/database/catalog/pull-counters.ts";
import type { Database } from "../../src/database/contract.ts";
import { parseRepositoryName } from "../../src/oci/name.ts";
import { app, base, change, digest, manifest, named, reference, tag } from "./contract/support.ts";
import { counted, openForTest, type Opened } from "./pull-counters.ts";

const fallback = (text: string, suffix = ""): string => `${text.replace(":", "-")}${suffix}`;
const image = digest("image");
const signature = digest("signature");
const signedTag = fallback(image, ".sig");

/** An image with two tags, an index with a child, a referrer, and cosign's tags. */
async function pushImages({ commands }: Database): Promise<void> {
  await commands.createRepository({ ...change, repository: app, visibility: "public" });
  await commands.putManifest(manifest("image", [], { tags: ["1", "2", fallback(image, ".copy")] }));
  await commands.putManifest(manifest("child", []));
  const child = reference(0, "child", "child");
  const columns = { kind: "index" } as const;
  await commands.putManifest(manifest("index", [child], { tags: ["multi"], columns }));
  await commands.putManifest(manifest("signature", [], { tags: [signedTag] }));
  await commands.putManifest(
    manifest("referrer", [], { tags: ["referrer"], columns: { subject_digest: image } }),
  );
}

describe("the stored pull counters", () => {
  let opened: Opened;
  before(async () => {
    opened = await openForTest();
    await pushImages(opened.database);
  });
  after(() => opened.close());

  const registration = { name: app, createdAtMs: change.nowMs };
  /** `pulls` and `pushes` of the repository and of these tags. */
  async function read(...tags: readonly string[]): Promise<Record<string, readonly number[]>> {
    const { store } = opened;
    const rows = new Map<string, { pulls: number; pushes: number }>([
      ...(await store.of([registration])),
      ...(await store.ofTags(registration, tags.map(tag))),
    ]);
    return Object.fromEntries(
      [...rows].map(([name, { pulls, pushes }]) => [name, [pulls, pushes]]),
    );
  }

  test("count a pull by digest for each of its tags, except the fallback tags", async () => {
    await opened.store.add([
      counted("1", { pulls: 2, pushes: 1 }),
      counted(image, { pulls: 3 }),
      counted("2", { pushes: 1 }),
    ]);
    assert.deepEqual(await read("1", "2", fallback(image, ".copy")), {
      "team/app": [5, 2],
      "1": [5, 1],
      "2": [3, 1],
    });
  });

  test("count no pull of a child, a referrer, a signature or an absent manifest, and count their pushes", async () => {
    await opened.store.add([
      counted("multi", { pulls: 1 }),
      counted(digest("child"), { pulls: 9 }),
      counted("referrer", { pulls: 9, pushes: 1 }),
      counted(digest("referrer"), { pulls: 9 }),
      counted(signedTag, { pulls: 9, pushes: 1 }),
      counted(signature, { pulls: 9 }),
      counted(digest("absent"), { pulls: 9 }),
      counted("gone", { pulls: 1 }),
    ]);
    assert.deepEqual(await read("multi", "referrer", signedTag, "gone"), {
      "team/app": [7, 4],
      multi: [1, 0],
      referrer: [0, 1],
      [signedTag]: [0, 1],
      gone: [1, 0],
    });
  });

  test("keep the latest times, and none where nothing was pulled or pushed", async () => {
    await opened.store.add([counted("late", { pulls: 1, at: 90 })]);
    await opened.store.add([counted("late", { pulls: 1, at: 70 })]);
    const rows = await opened.store.ofTags(registration, [tag("late")]);
    const { lastPulledAtMs, lastPushedAtMs } = rows.get(tag("late")) ?? {};
    assert.deepEqual([lastPulledAtMs, lastPushedAtMs], [90, null]);
  });

  test("tell each repository once whose pulls reach another bucket", async () => {
    const { database, store } = opened;
    await database.commands.createRepository({ ...change, repository: base, visibility: "public" });
    const of = { repository: base };
    const first = [counted("1", { ...of, pulls: 1 }), counted("2", { ...of, pulls: 2 })];
    assert.deepEqual(await store.add(first), [{ repositoryId: 2, pullBucket: 8 }]);
    assert.deepEqual(await store.add([counted("1", { ...of, pushes: 5 })]), []);
    assert.deepEqual(await store.add([]), []);
  });

  test("of a day are added up for the repository and for each of its tags, and kept for 400 days", async () => {
    const { database, store } = opened;
    const daily = named("team/daily");
    await database.commands.createRepository({
      ...change,
      repository: daily,
      visibility: "public",
    });
    await database.commands.putManifest(
      manifest("daily", [], { repository: daily, tags: ["a", "b"] }),
    );
    const of = { repository: daily };
    const at = (day: number) => day * 86_400_000 + 5;
    await store.add([
      counted("a", { ...of, pulls: 2, at: at(1_000) }),
      counted(digest("daily"), { ...of, pulls: 3, at: at(1_000) }),
      counted("b", { ...of, pulls: 1, pushes: 7, at: at(1_001) }),
      counted("a", { ...of, pushes: 9, at: at(1_001) }),
    ]);
    await store.add([counted("a", { ...of, pulls: 4, at: at(1_000) })]);
    const home = { name: daily, createdAtMs: change.nowMs };
    const days = async (fromDay: number, name?: string) => {
      const wanted = { fromDay, tag: name === undefined ? undefined : tag(name) };
      const rows = await store.days([home], wanted);
      return Object.fromEntries(rows.map(({ day, pulls }) => [day, pulls]));
    };
    assert.deepEqual(await days(0), { 1_000: 9, 1_001: 1 });
    assert.deepEqual(await days(1_001), { 1_001: 1 });
    assert.deepEqual(await days(0, "a"), { 1_000: 9 });
    assert.deepEqual(await days(0, "b"), { 1_000: 3, 1_001: 1 });
    assert.deepEqual(await store.days([{ ...home, createdAtMs: 7 }], { fromDay: 0 }), []);
    await store.add([counted("a", { ...of, pulls: 1, at: at(1_400) })]);
    assert.deepEqual(await days(0), { 1_001: 1, 1_400: 1 });
    assert.deepEqual(await days(0, "a"), { 1_400: 1 });
  });

  test("of a deleted repository are discarded, and those of a new one of its name begin at 0", async () => {
    const { database, store } = opened;
    await database.commands.deleteRepository({ ...change, repository: base });
    await store.add([counted("1", { repository: base, pulls: 7 })]);
    const again = { ...change, nowMs: 9_000, repository: base, visibility: "public" } as const;
    await database.commands.createRepository(again);
    await store.add([
      counted("1", { repository: base, pulls: 7 }),
      counted("1", { repository: base, pulls: 2, removal: 1 }),
    ]);
    const rows = await store.of([{ name: base, createdAtMs: 9_000 }]);
    assert.equal(rows.get(base)?.pulls, 2);
    assert.equal((await store.of([{ name: base, createdAtMs: change.nowMs }])).size, 0);
  });

  test("of a day begin at 0 for a new repository of the same name", async (t) => {
    const { database, store, close } = await openForTest();
    t.after(close);
    const daily = named("team/daily");
    const at = 1_400 * 86_400_000;
    const open = { repository: daily, visibility: "public" } as const;
    const push = async (nowMs: number): Promise<void> => {
      await database.commands.createRepository({ ...change, ...open, nowMs });
      await database.commands.putManifest(
        manifest("daily", [], { repository: daily, tags: ["a"] }),
      );
    };
    await push(change.nowMs);
    await store.add([counted("a", { repository: daily, pulls: 1, at })]);
    await database.commands.deleteRepository({ ...change, repository: daily });
    const createdAtMs = change.nowMs + 1;
    await push(createdAtMs);
    await store.add([counted("a", { repository: daily, pulls: 5, at, removal: 1 })]);
    for (const name of [undefined, tag("a")])
      assert.deepEqual(
        await store.days([{ name: daily, createdAtMs }], { fromDay: 0, tag: name }),
        [{ day: 1_400, pulls: 5 }],
      );
  });

  test("of a day are added up for all repositories together, also of deleted ones", async () => {
    const { database, store } = opened;
    const gone = parseRepositoryName("team/gone");
    const images = { ...change, visibility: "public" } as const;
    for (const repository of [gone, parseRepositoryName("team/stays")]) {
      await database.commands.createRepository({ ...images, repository });
      await database.commands.putManifest(manifest("any", [], { repository, tags: ["1"] }));
    }
    const at = 2_000 * 86_400_000;
    await store.add([
      counted("1", { repository: gone, pulls: 2, at }),
      counted("1", { repository: parseRepositoryName("team/stays"), pulls: 3, at }),
      counted("1", { repository: parseRepositoryName("team/stays"), pushes: 5, at }),
    ]);
    await database.commands.deleteRepository({ ...change, repository: gone });
    await store.add([counted("1", { repository: gone, pulls: 9, at })]);
    assert.deepEqual(await store.days([allRepositories], { fromDay: 2_000 }), [
      { day: 2_000, pulls: 5 },
    ]);
  });

  test("are all added when batches of the same tags are written at the same time", async () => {
    const { store } = opened;
    const tags = ["a", "b", "c", "d"];
    const batches = Array.from({ length: 20 }, (_, round) =>
      (round % 2 === 0 ? tags : tags.toReversed()).map((name) => counted(name, { pulls: 1 })),
    );
    await Promise.all(batches.map((batch) => store.add(batch)));
    const counts = await read(...tags);
    assert.deepEqual(
      tags.map((name) => counts[name]),
      tags.map(() => [20, 0]),
    );
  });
});
