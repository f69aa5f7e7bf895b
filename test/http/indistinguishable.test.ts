import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { openCommandContext } from "../../src/app/command-context.ts";
import { startClosedBerth, password } from "../support/closed.ts";
import { connect } from "../server/support.ts";

/*
 * Compares the raw answers for a forbidden and a missing resource: status line, headers in their order, body.
 * Both names have the same length, so that only the name itself, the Date and the random request id may differ.
 */
const berth = await startClosedBerth();
for (const name of ["ann", "mia"]) await berth.addUser(name);
await berth.pushImage("ann/private", "ann", "private");
await berth.pushImage("mia/own", "mia", "private");
const [there, missing] = ["ann/private", "ann/missing"];
const zero = `sha256:${"0".repeat(64)}`;
/** A placeholder for requests without a repository name: it never occurs in an answer. */
const nothing = "\0";
const basic = (name: string, secret: string): string =>
  `Basic ${Buffer.from(`${name}:${secret}`).toString("base64")}`;

/** The raw answer without its Date and its request id, and with NAME in place of the requested name. */
async function raw(name: string, method: string, path: string, ...lines: string[]) {
  const head = [`${method} ${path.replaceAll("NAME", name)} HTTP/1.1`, "Host: berth"];
  const ended = [...head, ...lines, "Content-Length: 0", "Connection: close"];
  const sent = await connect(berth.port, `${ended.join("\r\n")}\r\n\r\n`);
  const answer = await sent.all();
  const status = Number(answer.split(" ")[1]);
  const text = answer
    .replace(/^Date: .*\r\n/im, "")
    .replace(/^X-Request-Id: [\da-f]{32}\r\n/im, "")
    .replaceAll(name, "NAME")
    // A push is told the name with another namespace.
    .replaceAll(`/${name.split("/").at(-1)}`, "/LAST")
    .replaceAll(encodeURIComponent(name), "NAME");
  return { status, text };
}

const requests = [
  ["GET", "/v2/NAME/manifests/1"],
  ["GET", "/v2/NAME/manifests/1?x"],
  ["HEAD", "/v2/NAME/manifests/1"],
  ["GET", `/v2/NAME/manifests/${zero}`],
  ["PUT", "/v2/NAME/manifests/1"],
  ["DELETE", "/v2/NAME/manifests/1"],
  ["GET", "/v2/NAME/tags/list"],
  ["HEAD", "/v2/NAME/tags/list?n=1"],
  ["GET", "/v2/NAME/tags/list?n=-1"],
  ["GET", `/v2/NAME/referrers/${zero}?n=1`],
  ["HEAD", `/v2/NAME/blobs/${zero}`],
  ["GET", `/v2/NAME/blobs/${zero}`],
  ["GET", "/v2/NAME/blobs/no-digest"],
  ["DELETE", `/v2/NAME/blobs/${zero}`],
  ["POST", "/v2/NAME/blobs/uploads/"],
  ["POST", `/v2/NAME/blobs/uploads/?mount=${zero}&from=mia/own`],
  ["POST", `/v2/NAME/blobs/uploads/?digest=${zero}`],
  ["GET", "/v2/NAME/blobs/uploads/00000000-0000-0000-0000-000000000000"],
  ["PATCH", "/v2/NAME/blobs/uploads/00000000-0000-0000-0000-000000000000"],
  ["PUT", `/v2/NAME/blobs/uploads/00000000-0000-0000-0000-000000000000?digest=${zero}`],
  ["DELETE", "/v2/NAME/blobs/uploads/x"],
  ["OPTIONS", "/v2/NAME/tags/list"],
] as const;

describe("a private repository and a missing one", () => {
  const scopes = [there, missing].map((name) => `repository:${name}:*`);
  const requestAuthenticator: [string, () => Promise<string[]>][] = [
    ["nobody", () => Promise.resolve([])],
    [
      "a stranger with a token for both",
      async () => [`Authorization: Bearer ${await berth.token("mia", ...scopes)}`],
    ],
    [
      "somebody anonymous",
      async () => [`Authorization: Bearer ${await berth.token(undefined, ...scopes)}`],
    ],
    [
      "a stranger with a password",
      () => Promise.resolve([`Authorization: ${basic("mia", password)}`]),
    ],
    [
      "a stranger's access token",
      async () => [
        `Authorization: ${basic("mia", await berth.addPersonalToken("mia", "repo:admin"))}`,
      ],
    ],
    ["a broken token", () => Promise.resolve(["Authorization: Bearer x.y.z"])],
  ];
  for (const [grant, lines] of requestAuthenticator) {
    test(`all answers are the same to the byte for ${grant}`, async () => {
      const shown = await lines();
      for (const [method, path] of requests) {
        const first = await raw(there, method, path, ...shown);
        const second = await raw(missing, method, path, ...shown);
        assert.equal(second.text, first.text, `${method} ${path}`);
        assert.ok([401, 405].includes(first.status), `${method} ${path}: ${first.status}`);
      }
    });
  }

  test("a token that was requested for either has the same claims and grants no access", async () => {
    for (const name of [undefined, "mia"]) {
      const [first, second] = await Promise.all(
        [there, missing].map((repository) => berth.token(name, `repository:${repository}:*`)),
      );
      const claims = [first, second].map((token = "") => {
        const text = Buffer.from(token.split(".")[1] ?? "", "base64url").toString();
        const {
          jti: _,
          exp: __,
          nbf: ___,
          iat: ____,
          ...rest
        } = JSON.parse(text) as Record<string, unknown>;
        return rest;
      });
      assert.deepEqual(claims[1], claims[0]);
      assert.deepEqual(claims[0]?.["access"], []);
    }
  });

  test("a mount from either has the same answer", async () => {
    const { api } = berth.as("ann");
    const { headers } = await api.get(`/v2/${there}/manifests/1`).expect(200);
    const token = await berth.token("mia", "repository:mia/own:pull,push", ...scopes);
    const told = async (name: string) => {
      const digest = String(headers["docker-content-digest"]);
      const path = `/v2/mia/own/blobs/uploads/?mount=${digest}&from=NAME`;
      const { status, text } = await raw(name, "POST", path, `Authorization: Bearer ${token}`);
      return {
        status,
        text: text.replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "ID"),
      };
    };
    const first = await told(there);
    assert.equal(first.status, 202);
    assert.deepEqual(await told(missing), first);
  });

  test("the catalog neither lists a hidden repository nor links to a next page because of it", async () => {
    const { headers } = await berth.as("mia").api.get("/v2/_catalog?n=1").expect(200);
    assert.equal(headers["link"], undefined, "what may not be seen is no reason for a next page");
    const { body } = await berth.as("mia").api.get("/v2/_catalog?last=ann/pri").expect(200);
    assert.deepEqual(body.repositories, ["mia/own"]);
  });
});

describe("an existing user and a missing one", () => {
  test("wrong passwords get the same answers to the byte, both the 401 and the 429", async () => {
    const answers = async (name: string): Promise<ReadonlyMap<number, string>> => {
      const told = new Map<number, string>();
      for (let attempt = 0; !told.has(429); attempt += 1) {
        const shown = `Authorization: ${basic(name, `wrong ${attempt}`)}`;
        const { status, text } = await raw(nothing, "GET", "/token", shown);
        assert.equal(/^Retry-After: /im.test(text), status === 429);
        told.set(status, text.replace(/^Retry-After: \d+/im, "Retry-After: N"));
      }
      return told;
    };
    const known = await answers("ann");
    assert.deepEqual([...known.keys()], [401, 429]);
    assert.deepEqual(await answers("nun"), known);
  });

  test("a disabled user with the right password gets the same answer as a missing user", async () => {
    const context = await openCommandContext(berth.config, { store: false });
    await (await context.accounts()).users.setDisabled(context.actor, "mia", true);
    await context.close();
    const asked = (name: string) =>
      raw(nothing, "GET", "/token", `Authorization: ${basic(name, password)}`);
    assert.deepEqual(await asked("mia"), await asked("mio"));
  });
});
