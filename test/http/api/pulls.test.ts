import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { PullsAnswer, PushesAnswer } from "../../../src/api/pulls.ts";
import { startClosedBerth } from "../../support/closed.ts";
import { waitUntil } from "../../support/wait.ts";

const root = "/api/berth/v1";
const berth = await startClosedBerth();
await berth.addUser("ann");
await berth.addUser("mia");
const ann = berth.as("ann");

async function daysOf(who: typeof ann, path: string): Promise<PullsAnswer["days"]> {
  const { body } = await who.api.get(`${root}/${path}`).expect(200);
  return (body as PullsAnswer).days;
}
/** The pulls of this test: all are of the last two days, as midnight may pass meanwhile. */
const pullsOf = async (who: typeof ann, path: string): Promise<number> =>
  (await daysOf(who, path)).slice(-2).reduce((sum, { pulls }) => sum + pulls, 0);
const today = (): string => new Date().toISOString().slice(0, 10);

describe("pulls per day", () => {
  test("have an entry for each of the last days, and add up the pulls of the repository or of a tag", async () => {
    const begun = today();
    await berth.pushImage("ann/app", "ann", "public");
    await berth.pushImage("ann/private", "ann", "private");
    for (let count = 0; count < 3; count += 1)
      await ann.api.get("/v2/ann/app/manifests/1").expect(200);
    await ann.api.get("/v2/ann/private/manifests/1").expect(200);
    await waitUntil(
      "the pulls are counted",
      async () => (await pullsOf(ann, "namespaces/ann/pulls")) === 4,
    );
    const days = await daysOf(ann, "repositories/ann/app/-/pulls");
    assert.equal(days.length, 30);
    assert.ok([begun, today()].includes(days.at(-1)?.day ?? ""));
    const times = days.map(({ day }) => Date.parse(day));
    assert.ok(times.every((time, at) => time === (times[0] ?? 0) + at * 86_400_000));
    assert.deepEqual(new Set(days.slice(0, -2).map(({ pulls }) => pulls)), new Set([0]));
    assert.equal((await daysOf(ann, "repositories/ann/app/-/pulls?days=365")).length, 365);
    assert.equal(await pullsOf(ann, "repositories/ann/app/-/pulls"), 3);
    assert.equal(await pullsOf(ann, "repositories/ann/app/-/pulls?tag=1"), 3);
    assert.equal(await pullsOf(ann, "repositories/ann/app/-/pulls?tag=2"), 0);
    assert.equal(await pullsOf(berth.as("mia"), "namespaces/ann/pulls"), 3);
    assert.equal(await pullsOf(berth, "namespaces/none/pulls?days=90"), 0);
  });

  test("add up 10,000 repositories of a namespace, and are 422 for more", async () => {
    for (const name of ["mia/a-first", "mia/z-last"]) await berth.pushImage(name, "mia", "public");
    const fill = (from: number, to: number): Promise<void> =>
      berth.exec(`WITH RECURSIVE numbers (n) AS
          (SELECT ${from} UNION ALL SELECT n + 1 FROM numbers WHERE n < ${to})
        INSERT INTO repositories (name, namespace, visibility, created_at, updated_at)
          SELECT 'mia/m' || n, 'mia', 'public', 0, 0 FROM numbers`);
    await fill(1, 9_998);
    for (const name of ["mia/a-first", "mia/z-last"])
      await berth.as("mia").api.get(`/v2/${name}/manifests/1`).expect(200);
    await waitUntil(
      "the pulls of the first and of the last repository are counted",
      async () => (await pullsOf(ann, "namespaces/mia/pulls")) === 2,
    );
    await fill(9_999, 9_999);
    const { text } = await ann.api.get(`${root}/namespaces/mia/pulls`).expect(422);
    assert.match(text, /there are more than 10000 repositories/);
  });

  test("are 404 for a hidden repository, and 400 for other periods and invalid tags", async () => {
    await berth.as("mia").api.get(`${root}/repositories/ann/private/-/pulls`).expect(404);
    await ann.api.get(`${root}/repositories/ann/app/-/pulls?days=7`).expect(400);
    await ann.api.get(`${root}/repositories/ann/app/-/pulls?tag=a:b`).expect(400);
    await ann.api.get(`${root}/namespaces/ann/pulls?days=x`).expect(400);
  });
});

describe("pushes per day", () => {
  const path = `${root}/repositories/ann/pushed/-/pushes`;
  const dayMs = 86_400_000;
  const dayBefore = (days: number) =>
    new Date(Date.now() - days * dayMs).toISOString().slice(0, 10);

  test("have the tags by the day of their last push, the newest first, without signatures", async () => {
    await berth.pushImage("ann/pushed", "ann", "private");
    await berth.exec(`INSERT INTO tags (repository_id, name, manifest_id, updated_at)
      WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1500)
      SELECT tags.repository_id, 'b' || numbers.n, tags.manifest_id, ${Date.now() - 2 * dayMs} FROM numbers, tags
      JOIN repositories ON repositories.id = tags.repository_id
      WHERE repositories.name = 'ann/pushed' AND tags.name = '1'`);
    const change = async (tag: string, name: string, days: number) =>
      berth.exec(`UPDATE tags SET name = '${name}', updated_at = ${Date.now() - days * dayMs}
        WHERE name = '${tag}' AND repository_id = (SELECT id FROM repositories WHERE name = 'ann/pushed')`);
    await change("b1", "old", 31);
    await change("b2", `sha256-${"0".repeat(64)}.sig`, 1);
    const { body } = await ann.api.get(path).expect(200);
    const { days, more } = body as PushesAnswer;
    assert.equal(more, false);
    assert.deepEqual(days[0], { day: dayBefore(0), tag_count: 1, tags: ["1"] });
    assert.deepEqual([days[1]?.day, days[1]?.tag_count, days.length], [dayBefore(2), 1498, 2]);
    assert.equal(days[1]?.tags.length, 10);
    const longer = await ann.api.get(`${path}?days=90`).expect(200);
    assert.deepEqual((longer.body as PushesAnswer).days.at(-1)?.tags, ["old"]);
  });

  test("are 404 for a hidden repository, and 400 for other periods", async () => {
    await berth.as("mia").api.get(path).expect(404);
    await ann.api.get(`${path}?days=7`).expect(400);
  });
});
