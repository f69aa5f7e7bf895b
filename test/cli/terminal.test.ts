import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, describe, test } from "node:test";
import { startClosedBerth } from "../support/closed.ts";
import { sessionOf } from "../http/hub/support.ts";
import { berth as run } from "./support.ts";

/** Colours, a forged line, a window title, other control characters, and bidirectional controls. */
const hostile =
  "\u001B[31mred\nforged line\r\u001B]0;title\u0007\u009B2J\u007F\u202Eabc\u2066\u2028";
const steering = /[^\P{Cc}\n]|\p{Bidi_Control}|\u2028/u;

describe("untrusted text on the command line", async () => {
  const berth = await startClosedBerth();
  await berth.addUser("mia");

  test("prints as one line without control characters when a stored label contains them", async () => {
    await berth.addPersonalToken("mia", "repo:read");
    await berth.tables.rows("UPDATE access_tokens SET label = ?", hostile);
    await berth.tables.rows("UPDATE audit_log SET subject = ?", hostile);
    for (const command of [
      ["token", "list", "mia"],
      ["audit", "--limit", "1"],
    ]) {
      const { code, stdout } = await run([...command, "--data", berth.data]);
      assert.equal(code, 0);
      assert.doesNotMatch(stdout, steering);
      assert.equal(stdout.split("\n").length, 2, stdout);
      const json = await run([...command, "--json", "--data", berth.data]);
      assert.doesNotMatch(json.stdout, steering);
      const facts = JSON.parse(json.stdout) as Record<string, unknown>;
      assert.ok([facts["label"], facts["subject"]].includes(hostile), "JSON keeps the value");
    }
  });

  test("prints as one line without control characters when it is the error of a remote server", async () => {
    const server = createServer((_, response) =>
      response.writeHead(400).end(JSON.stringify({ message: hostile })),
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    after(() => server.close());
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { code, stderr } = await run(["search", "x", "--host", host]);
    assert.equal(code, 1);
    assert.doesNotMatch(stderr, steering);
    assert.equal(stderr.split("\n").length, 2, stderr);
  });

  test("is rejected by `berth token create` when a label contains control characters", async () => {
    for (const label of ["a\nb", "\u001B[31m", "\u202Eabc"]) {
      const words = ["token", "create", "mia", "--scope", "repo:read", "--label", label];
      const { code, stdout, stderr } = await run([...words, "--data", berth.data]);
      assert.deepEqual([code, stdout], [2, ""]);
      assert.match(stderr, /^error: --label contains a control character/);
      assert.doesNotMatch(stderr, steering);
    }
  });

  test("is rejected by the API when a token label or a description contains control characters", async () => {
    const token = await sessionOf(berth, "mia");
    const send = (path: string, body: object) =>
      berth.api.post(path).set("Authorization", `Bearer ${token}`).send(body);
    for (const label of ["a\nb", "\u001B[31m", "\u202Eabc", "\u009B2J"]) {
      const body = { token_label: label, scopes: ["repo:read"] };
      const { text } = await send("/v2/access-tokens", body).expect(400);
      assert.match(text, /token_label: has a control character/);
    }
    const repositories = "/v2/namespaces/mia/repositories";
    const described = { namespace: "mia", name: "app", full_description: "two\nlines" };
    await send(repositories, described).expect(201);
    await send(repositories, { ...described, name: "b", description: "\u001B" }).expect(400);
  });
});
