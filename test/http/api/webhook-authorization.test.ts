import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startReceiver } from "../../events/receiver.ts";
import { startClosedBerth } from "../../support/closed.ts";
import { contentOf } from "../../support/database.ts";
import { waitUntil } from "../../support/wait.ts";
import { hubAs, textOf } from "../hub/support.ts";

describe("the header Authorization of a webhook", async () => {
  const berth = await startClosedBerth({ "webhooks.allowedNetworks": "127.0.0.0/8" });
  await berth.addUser("ann");
  const ann = await hubAs(berth, "ann");
  const receiver = await startReceiver();
  const path = "/api/berth/v1/namespaces/ann/webhooks";
  const authorization = "Basic c2VjcmV0LW9mLXRoZS1yZWNlaXZlcg==";

  /** Makes a webhook with the header, and resolves with its path. */
  async function make(): Promise<string> {
    const made = await ann("post", path, { url: receiver.url, authorization });
    assert.equal(made.status, 201, made.text);
    assert.equal(made.body["has_authorization"], true);
    assert.ok(!made.text.includes(authorization), "the answer has it");
    return `${path}/${textOf(made.body["id"])}`;
  }
  /** The header of the next delivery. */
  async function sent(one: string): Promise<string | undefined> {
    receiver.received.length = 0;
    assert.equal((await ann("post", `${one}/ping`, {})).status, 202);
    await waitUntil("the ping has come", () => receiver.received.length > 0);
    return receiver.received[0]?.headers.authorization;
  }

  test("is sent, is in no answer and not in the database, and stays when other things change", async () => {
    const one = await make();
    assert.equal(await sent(one), authorization);
    for (const change of [{ is_active: true }, { url: `${receiver.url}/other` }]) {
      const changed = await ann("patch", one, change);
      assert.equal(changed.body["has_authorization"], true, JSON.stringify(change));
    }
    assert.equal(await sent(one), authorization);
    for (const read of [path, one, `${one}/deliveries`, "/v2/auditlogs/ann"])
      assert.ok(!(await ann("get", read)).text.includes(authorization), read);
    assert.ok(!(await contentOf(berth.data)).includes(authorization), "the database has it");
  });

  test("is replaced, and is removed by null and by a URL of another origin", async () => {
    const one = await make();
    assert.equal((await ann("patch", one, { authorization: "Bearer two" })).status, 200);
    assert.equal(await sent(one), "Bearer two");
    const removed = await ann("patch", one, { authorization: null });
    assert.equal(removed.body["has_authorization"], false);
    assert.equal(await sent(one), undefined);

    await ann("patch", one, { authorization });
    const other = await startReceiver();
    const moved = await ann("patch", one, { url: other.url });
    assert.equal(moved.body["has_authorization"], false);
    const both = await ann("patch", one, { url: receiver.url, authorization: "Bearer three" });
    assert.equal(both.body["has_authorization"], true);
    assert.equal(await sent(one), "Bearer three");
  });

  test("has words of ASCII characters", async () => {
    for (const wrong of [
      "",
      " Bearer a",
      "Bearer a\r\nX-Other: b",
      "Bearer é",
      "x".repeat(4_097),
    ]) {
      const answer = await ann("post", path, { url: receiver.url, authorization: wrong });
      assert.equal(answer.status, 400, wrong.slice(0, 20));
      assert.match(textOf(answer.body["message"]), /authorization/);
    }
  });
});
