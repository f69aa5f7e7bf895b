import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { everyRoute } from "../support/route-table.ts";
import { password, startClosedBerth } from "../support/closed.ts";

/* PostgreSQL's text cannot hold U+0000. Each route rejects it before a query, with both kinds of database. */

const berth = await startClosedBerth();
await berth.addUser("mia");
await berth.pushImage("mia/app", "mia", "public");
const basic = (name: string, secret: string): string =>
  `Basic ${Buffer.from(`${name}:${secret}`).toString("base64")}`;
const send = (
  method: string,
  target: string,
  headers: Record<string, string> = {},
  body?: string,
) => fetch(`http://127.0.0.1:${berth.port}${target}`, { method, headers, body: body ?? null });

describe("the character U+0000", () => {
  test("in the query of any route is answered 400 in the format of its errors", async () => {
    for (const { method, path } of everyRoute) {
      const target = path.replaceAll(/[:*](?:name|repository)/g, "mia").replaceAll(/:\w+/g, "x");
      const headers = { authorization: basic("mia", password), "content-type": "application/json" };
      const answer = await send(method.toUpperCase(), `${target}?last=a%00&name=%00`, headers);
      assert.equal(answer.status, 400, `${method} ${path}`);
      const body = (await answer.json()) as Record<string, unknown>;
      assert.ok("errors" in body || "message" in body, `${method} ${path}`);
      assert.match(JSON.stringify(body), /the path or the query has the character U\+0000/);
    }
  });

  for (const [target, shown] of [
    ["/v2/users/mi%00a", "errinfo"],
    ["/v2/namespaces/mia/repositories/app/tags/1%00", "errinfo"],
    ["/api/berth/v1/repositories/mia/app%00", "errinfo"],
    ["/v2/mia/app/manifests/1%00", "NAME_INVALID"],
    ["/v2/mia/app%00/tags/list", "NAME_INVALID"],
    ["/v1/search?q=%00", "NAME_INVALID"],
    ["/token?service=berth&scope=%00", "invalid_request"],
    ["/token?service=berth&account=mia%00", "invalid_request"],
  ] as const)
    test(`in ${target} is answered 400 with ${shown}`, async () => {
      const answer = await send("GET", target, { authorization: basic("mia", password) });
      assert.equal(answer.status, 400);
      assert.ok((await answer.text()).includes(shown));
    });

  test("in the form of a token request is answered 400", async () => {
    const form = { grant_type: "password", service: "berth", client_id: "x", password };
    for (const name of ["mia%00", "mia\0"]) {
      const body = `${new URLSearchParams(form).toString()}&username=${name}`;
      const type = { "content-type": "application/x-www-form-urlencoded" };
      const answer = await send("POST", "/token", type, body);
      assert.equal(answer.status, 400);
      assert.match(await answer.text(), /"error":"invalid_request".*U\+0000/);
    }
  });

  test("in a JSON body is answered 400", async () => {
    const type = { "content-type": "application/json" };
    const login = (body: object) => send("POST", "/v2/auth/token", type, JSON.stringify(body));
    assert.equal((await login({ identifier: "mia\0", secret: password })).status, 400);
    assert.equal((await login({ identifier: "mia", secret: `${password}\0` })).status, 400);
    const body = JSON.stringify({ description: "a\0b" });
    const headers = { ...type, authorization: basic("mia", password) };
    const target = "/v2/namespaces/mia/repositories/app";
    assert.equal((await send("PATCH", target, headers, body)).status, 400);
  });

  test("in a name or a password of Basic credentials is answered 401", async () => {
    for (const [name, secret] of [
      ["mia\0", password],
      ["mia", `${password}\0`],
    ] as const)
      for (const target of ["/v2/", "/token?service=berth", "/v2/user"]) {
        const answer = await send("GET", target, { authorization: basic(name, secret) });
        assert.equal(answer.status, 401, target);
      }
  });
});
