import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { PullsAnswer } from "../../../src/api/pulls.ts";
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
const today = async (who: typeof ann, path: string) => (await daysOf(who, path)).at(-1)?.pulls;

describe("pulls per day", () => {
  test("have an entry for each of the last days, and add up the pulls of the repository or of a tag", async () => {
    await berth.pushImage("ann/app", "ann", "public");
    await berth.pushImage("ann/private", "ann", "private");
    for (let count = 0; count < 3; count += 1)
      await ann.api.get("/v2/ann/app/manifests/1").expect(200);
    await ann.api.get("/v2/ann/private/manifests/1").expect(200);
    await waitUntil("the pulls are counted", async () => {
      const sum = await today(ann, "namespaces/ann/pulls");
      return sum === 4;
    });
    const days = await daysOf(ann, "repositories/ann/app/-/pulls");
    assert.equal(days.length, 30);
    assert.deepEqual(days.at(-1), { day: new Date().toISOString().slice(0, 10), pulls: 3 });
    assert.deepEqual(new Set(days.slice(0, -1).map(({ pulls }) => pulls)), new Set([0]));
    assert.equal((await daysOf(ann, "repositories/ann/app/-/pulls?days=365")).length, 365);
    assert.equal(await today(ann, "repositories/ann/app/-/pulls?tag=1"), 3);
    assert.equal(await today(ann, "repositories/ann/app/-/pulls?tag=2"), 0);
    assert.equal(await today(berth.as("mia"), "namespaces/ann/pulls"), 3);
    assert.equal(await today(berth, "namespaces/none/pulls?days=90"), 0);
  });

  test("are 404 for a hidden repository, and 400 for other periods and invalid tags", async () => {
    await berth.as("mia").api.get(`${root}/repositories/ann/private/-/pulls`).expect(404);
    await ann.api.get(`${root}/repositories/ann/app/-/pulls?days=7`).expect(400);
    await ann.api.get(`${root}/repositories/ann/app/-/pulls?tag=a:b`).expect(400);
    await ann.api.get(`${root}/namespaces/ann/pulls?days=x`).expect(400);
  });
});
