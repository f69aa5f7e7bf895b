import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import process from "node:process";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { TestBerth } from "../../support/berth.ts";
import { startMirrorOf, startScriptedUpstream } from "../support.ts";

const sendJson = (response: ServerResponse, document: unknown, headers = {}): void => {
  response.writeHead(200, { "Content-Type": "application/json", ...headers });
  response.end(JSON.stringify(document));
};

const numbered = (count: number): string[] =>
  Array.from({ length: count }, (_, at) => `tag-${String(at).padStart(6, "0")}`);

/** Reads all tags of a repository page by page through `Link`. */
async function walk(mirror: TestBerth, first: string): Promise<string[]> {
  const tags: string[] = [];
  for (let next: string | undefined = first; next !== undefined;) {
    const page: Awaited<ReturnType<typeof mirror.api.get>> = await mirror.api.get(next);
    assert.equal(page.status, 200);
    tags.push(...(page.body.tags as string[]));
    next = /<([^>]+)>; rel="next"/.exec(page.headers["link"] ?? "")?.[1];
    assert.ok(tags.length <= 100_000, "the list has no end");
  }
  return tags;
}

describe("the tag list of a mirror", () => {
  test("is requested from the upstream with a clamped n and with last, and with no other client parameter", async () => {
    const upstream = await startScriptedUpstream((request, response) => {
      const n = new URL(request.url ?? "", "http://x").searchParams.get("n") ?? "";
      if (/^\d{1,4}$/.test(n)) sendJson(response, { tags: ["1"] });
      else response.writeHead(400).end();
    });
    const mirror = await startMirrorOf(upstream.url);
    const list = "/v2/team/app/tags/list";
    await mirror.api.get(`${list}?n=99999999999999999999&last=a%26b&x=y&ns=docker.io`).expect(200);
    await mirror.api.get(`${list}?n=0&orderby=price`).expect(200);
    await mirror.api.get(list).expect(200);
    assert.deepEqual(upstream.seen, [
      "GET /v2/team/app/tags/list?n=1000&last=a%26b",
      "GET /v2/team/app/tags/list?n=1",
      "GET /v2/team/app/tags/list?n=1000",
    ]);
  });

  test("has pages when the upstream's Link has parameters that only the upstream knows", async () => {
    const all = numbered(25);
    const upstream = await startScriptedUpstream((request, response) => {
      const at = Number(new URL(request.url ?? "", "http://x").searchParams.get("cursor") ?? 0);
      const link = { Link: `</v2/team/app/tags/list?n=10&cursor=${at + 10}>; rel="next"` };
      sendJson(response, { tags: all.slice(at, at + 10) }, at + 10 < all.length ? link : {});
    });
    const mirror = await startMirrorOf(upstream.url);
    assert.deepEqual(await walk(mirror, "/v2/team/app/tags/list?n=10"), all);
  });

  test("has pages from one answer when the upstream has no pagination", async () => {
    const all = numbered(2_500);
    const upstream = await startScriptedUpstream((_, response) => {
      sendJson(response, { tags: [...all, "not a tag\u001b[2J"] });
    });
    const mirror = await startMirrorOf(upstream.url);
    assert.deepEqual(await walk(mirror, "/v2/team/app/tags/list"), all);
    assert.equal(upstream.seen.length, 1);
  });

  test("ends when an upstream returns an endless series of empty pages", async () => {
    const upstream = await startScriptedUpstream((_, response) => {
      const link = { Link: '</v2/team/app/tags/list?cursor=1>; rel="next"' };
      sendJson(response, { tags: [] }, link);
    });
    const mirror = await startMirrorOf(upstream.url);
    assert.deepEqual(await walk(mirror, "/v2/team/app/tags/list"), []);
  });

  test("takes less than 100 MB when 60 concurrent clients request 60 long lists", async () => {
    // Each answer is 4 MB from the same buffer, for every page, so that only the mirror's memory grows.
    const tags = numbered(33_000).map((tag) => tag.padEnd(120, "x"));
    const answer = Buffer.from(JSON.stringify({ tags }));
    const upstream = await startScriptedUpstream((_, response) => {
      response.writeHead(200, { "Content-Type": "application/json" });
      response.end(answer);
    });
    const mirror = await startMirrorOf(upstream.url);
    await mirror.api.get("/v2/team/first/tags/list").expect(200);
    const ended = new AbortController();
    setFlagsFromString("--expose-gc");
    const collectGarbage = runInNewContext("gc") as () => void;
    const inUse = (): number => {
      collectGarbage();
      const { heapUsed, external } = process.memoryUsage();
      return heapUsed + external;
    };
    const before = inUse();
    let most = 0;
    const measuring = (async () => {
      while (!ended.signal.aborted) {
        most = Math.max(most, inUse() - before);
        await pause(300);
      }
    })();
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, at) => mirror.api.get(`/v2/team/app${at}/tags/list`)),
    );
    ended.abort();
    await measuring;
    for (const { status, body } of answers) {
      assert.equal(status, 200);
      assert.equal(body.tags.length, 1_000);
    }
    assert.ok(most < 100_000_000, `${Math.round(most / 1e6)} MB`);
  });
});
