import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { password, startClosedBerth, type ClosedBerth } from "../../support/closed.ts";
import { waitUntil } from "../../support/wait.ts";

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly requestId: string;
  readonly method: string;
  readonly path: string;
  readonly [member: string]: unknown;
}

const levels: Readonly<Record<number, string>> = { 20: "debug", 30: "info", 40: "warn" };

/** A Berth with its log; `lineOf` waits for the line of an answer. */
async function startLogged(settings: Readonly<Record<string, string>> = {}): Promise<{
  readonly berth: ClosedBerth;
  readonly text: () => string;
  readonly lineOf: (answer: { readonly headers: Record<string, string> }) => Promise<Line>;
}> {
  let text = "";
  const berth = await startClosedBerth(
    { "log.level": "debug", "log.format": "json", ...settings },
    { log: (lines) => (text += lines) },
  );
  const lines = (): readonly Line[] =>
    text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Line);
  return {
    berth,
    text: () => text,
    async lineOf({ headers }) {
      const id = headers["x-request-id"];
      assert.ok(id, "the answer has a request id");
      const find = () => lines().find((line) => line.requestId === id && line.msg === "request");
      await waitUntil(`the line of ${id} is written`, () => find() !== undefined);
      return find() ?? assert.fail();
    },
  };
}

describe("the log of requests", async () => {
  const { berth, text, lineOf } = await startLogged({
    trustedProxies: "127.0.0.1",
    "log.requests": "true",
  });
  await berth.addUser("ann");
  await berth.pushImage("ann/app", "ann", "private");

  test("names account, token label, repository, status, bytes, duration, peer and agent", async () => {
    const secret = await berth.addPersonalToken("ann", "repo:read");
    const { body } = await berth
      .as("ann", secret)
      .api.get("/token?service=berth&scope=repository:ann/app:pull")
      .expect(200);
    const bearer = berth.with(String(body.token));
    // The first request goes through the Koa pipeline, the second one takes the fast path.
    const answers = [];
    for (let times = 0; times < 2; times += 1)
      answers.push(
        await bearer.api
          .get("/v2/ann/app/manifests/1")
          .set("User-Agent", "te\u0080st/1")
          .expect(200),
      );
    const [slow, fast] = [await lineOf(answers[0]!), await lineOf(answers[1]!)];
    for (const line of [slow, fast]) {
      const { time, ms, requestId, ...fields } = line;
      assert.match(String(time), /^\d{4}-\d\d-\d\dT.*Z$/);
      assert.ok(Number(ms) >= 0 && Number(ms) < 60_000);
      assert.match(requestId, /^[\da-f]{32}$/);
      assert.deepEqual(fields, {
        level: 30,
        method: "GET",
        path: "/v2/ann/app/manifests/1",
        status: 200,
        repository: "ann/app",
        account: "ann",
        token: "test",
        receivedBytes: 0,
        sentBytes: Number(answers[0]!.headers["content-length"]),
        peer: "127.0.0.1",
        agent: "te\u0080st/1",
        msg: "request",
      });
    }
    assert.notEqual(slow.requestId, fast.requestId);
    assert.ok(!text().includes("\u0080"), "a control character is escaped");
  });

  test("has the error code and the reason of a rejection, and never the query", async () => {
    await berth.addUser("mia");
    const mia = await berth.token("mia", "repository:ann/app:pull");
    const denied = await berth.with(mia).api.get("/v2/ann/app/manifests/1?token=canary");
    const { status, error, reason, account, repository, path } = await lineOf(denied);
    assert.equal(status, denied.status);
    assert.equal(error, denied.body.errors[0].code);
    assert.equal(reason, denied.body.errors[0].message);
    assert.deepEqual({ account, repository }, { account: "mia", repository: "ann/app" });
    assert.equal(path, "/v2/ann/app/manifests/1");
    const wrong = await berth.as("ann", "wrong").api.get("/token").expect(401);
    assert.equal((await lineOf(wrong))["reason"], "incorrect username or password");
    assert.doesNotMatch(text(), new RegExp(`canary|${password}|wrong`));
  });

  test("counts the bytes of a pushed body", async () => {
    const upload = await berth.as("ann").api.post("/v2/ann/app/blobs/uploads/").expect(202);
    const patched = await berth
      .as("ann")
      .api.patch(String(upload.headers["location"]))
      .set("Content-Type", "application/octet-stream")
      .send("x".repeat(12_345))
      .expect(202);
    const { receivedBytes, sentBytes } = await lineOf(patched);
    assert.deepEqual({ receivedBytes, sentBytes }, { receivedBytes: 12_345, sentBytes: 0 });
  });

  test("keeps a request id of a trusted proxy, unless it has other characters than ids have", async () => {
    const ask = (id: string) => berth.api.get("/healthz").set("X-Request-Id", id).expect(200);
    const kept = await ask("4bf92f3577b34da6-7");
    assert.equal(kept.headers["x-request-id"], "4bf92f3577b34da6-7");
    assert.equal((await lineOf(kept)).level, 20, "monitoring is at debug");
    for (const id of ["short", 'x"y"z"012345', "a".repeat(129), "a b c d e f"])
      assert.match(String((await ask(id)).headers["x-request-id"]), /^[\da-f]{32}$/);
  });

  test("gives an error and a response of another API a request id too", async () => {
    for (const path of ["/v2/ann/none/manifests/1", "/api/berth/v1/nothing", "/nothing"])
      assert.ok((await berth.api.get(path)).headers["x-request-id"], path);
  });
});

describe("a request id of a client that is no trusted proxy", () => {
  test("is replaced", async () => {
    const { berth } = await startLogged();
    const { headers } = await berth.api.get("/v2/").set("X-Request-Id", "of-the-client-1");
    assert.match(String(headers["x-request-id"]), /^[\da-f]{32}$/);
  });
});

for (const [requests, expected] of [
  ["true", { ok: "info", unknown: "info", challenge: "info", wrong: "info", ping: "debug" }],
  ["false", { ok: "debug", unknown: "debug", challenge: "debug", wrong: "info", ping: "debug" }],
] as const)
  test(`the level of a line with log.requests: ${requests}`, async () => {
    const { berth, lineOf } = await startLogged({ "log.requests": requests });
    const token = await berth.token("admin");
    const bearer = berth.with(token);
    const levelOf = async (answer: { readonly headers: Record<string, string> }) =>
      levels[(await lineOf(answer)).level];
    await bearer.api.get("/v2/").expect(200);
    assert.deepEqual(
      {
        ok: await levelOf(await bearer.api.get("/v2/").expect(200)),
        unknown: await levelOf(await berth.api.get("/v2/nothing")),
        challenge: await levelOf(await berth.api.get("/v2/").expect(401)),
        wrong: await levelOf(await berth.with("nonsense").api.get("/v2/").expect(401)),
        ping: await levelOf(await berth.api.get("/healthz").expect(200)),
      },
      expected,
    );
  });
