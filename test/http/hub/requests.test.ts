import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startClosedBerth } from "../../support/closed.ts";

/* Bodies that are expensive to parse, sent by a client without an account. */
describe("a JSON body of the Hub-shaped API", async () => {
  const berth = await startClosedBerth();
  const login = (body: string) =>
    berth.api.post("/v2/users/login").set("Content-Type", "application/json").send(body);

  for (const [name, body] of [
    ["arrays", "[".repeat(100_000) + "]".repeat(100_000)],
    ["objects", `${'{"a":'.repeat(40_000)}1${"}".repeat(40_000)}`],
  ] as const) {
    test(`with ${name} nested too deeply in ${name} is rejected with 400`, async () => {
      const { body: told } = await login(body).expect(400);
      assert.match(told.message, /^the body is too complex: nested too deeply at byte \d+$/);
    });
  }

  test("with more than 10,000 values is rejected with 400", async () => {
    const { body: told } = await login(`[${"1,".repeat(100_000)}1]`).expect(400);
    assert.match(told.message, /^the body is too complex: more than 10000 values at byte \d+$/);
  });

  test("with thousands of invalid values is answered with at most 20 field errors", async () => {
    await berth.addUser("mia");
    await berth.addOrganisation("team", "mia");
    const resources = Array.from({ length: 5_000 }, () => 1);
    const { body, text } = await berth
      .as("mia")
      .api.post("/v2/orgs/team/access-tokens")
      .send({ label: "many", resources })
      .expect(400);
    assert.ok(Object.keys(body.fields).length <= 20);
    assert.ok(text.length < 10_000);
  });
});
