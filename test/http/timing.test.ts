import assert from "node:assert/strict";
import { Agent, request } from "node:http";
import { after, describe, test } from "node:test";
import { startClosedBerth } from "../support/closed.ts";

/*
 * What could be learned from how long an answer takes: printed, since a test that judges times fails on a busy machine.
 * That the same work is done is held elsewhere: by the tests of the policy, the rights and the authenticator.
 */
const berth = await startClosedBerth();
for (const name of ["ann", "mia"]) berth.addUser(name);
await berth.pushImage("ann/private", "ann", "private");
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
after(() => agent.destroy());

/** Milliseconds until the whole answer is there; it has to be one of these statuses. */
async function timed(path: string, authorization: string, status: number): Promise<number> {
  const before = performance.now();
  const answered = await new Promise((resolve, reject) => {
    const sent = request(
      { port: berth.port, path, agent, headers: { authorization } },
      (answer) => {
        answer.resume().on("end", () => resolve(answer.statusCode));
      },
    );
    sent.on("error", reject).end();
  });
  assert.equal(answered, status);
  return performance.now() - before;
}

const median = (times: readonly number[]): number =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;

/** Both in turn, so that what else the machine does falls on both. */
async function medians(
  rounds: number,
  one: (round: number) => Promise<number>,
  other: (round: number) => Promise<number>,
): Promise<string> {
  const [first, second]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    first.push(await one(round));
    second.push(await other(round));
  }
  return `${median(first).toFixed(2)} ms and ${median(second).toFixed(2)} ms`;
}

describe("the time of an answer (printed, not judged)", () => {
  test("for a wrong password of a known and of an unknown user", async (context) => {
    const basic = (name: string, round: number): string =>
      `Basic ${Buffer.from(`${name}:wrong ${round}`).toString("base64")}`;
    const told = await medians(
      9,
      (round) => timed("/token", basic("mia", round), 401),
      (round) => timed("/token", basic(`nobody${round}`, round), 401),
    );
    context.diagnostic(`known and unknown user: ${told}`);
  });

  test("for a private repository and one that is not there, to somebody without rights", async (context) => {
    const scopes = ["repository:ann/private:pull", "repository:ann/missing:pull"];
    const token = `Bearer ${await berth.token("mia", ...scopes)}`;
    for (const path of ["manifests/1", "tags/list", "blobs/sha256:00"]) {
      const told = await medians(
        200,
        () => timed(`/v2/ann/private/${path}`, token, 401),
        () => timed(`/v2/ann/missing/${path}`, token, 401),
      );
      context.diagnostic(`private and missing, ${path}: ${told}`);
    }
    const anonymous = await medians(
      100,
      () => timed(`/token?scope=${scopes[0]}`, "", 200),
      () => timed(`/token?scope=${scopes[1]}`, "", 200),
    );
    context.diagnostic(`private and missing, anonymous token: ${anonymous}`);
  });
});
