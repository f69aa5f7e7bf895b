import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { request } from "undici";
import { createResponseReader } from "../../../src/mirror/upstream/responses.ts";
import { waitUntil } from "../../support/wait.ts";
import { startScriptedUpstream } from "../support.ts";

describe("upstream responses that are read into memory", () => {
  test("take at most budgetBytes together; further responses wait", async () => {
    const budgetBytes = 1_000_000;
    const responses = createResponseReader({ budgetBytes });
    let begun = 0;
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const upstream = await startScriptedUpstream((_, response) => {
      response.end(Buffer.alloc(400_000));
    });
    const reads = Array.from({ length: 10 }, async () => {
      const { headers, body } = await request(upstream.url);
      return await responses.read({ headers, body }, { limitBytes: 500_000 }, async (bytes) => {
        begun += 1;
        await gate;
        return bytes.length;
      });
    });
    await waitUntil("ten responses have begun", () => upstream.seen.length === 10 && begun > 0);
    assert.ok(begun <= 2, `${begun} responses are in memory`);
    release();
    assert.deepEqual(new Set(await Promise.all(reads)), new Set([400_000]));
  });

  test("are rejected if they are longer than limitBytes, with and without Content-Length", async () => {
    const responses = createResponseReader();
    for (const headers of [{ "Content-Length": "600" }, {}]) {
      const upstream = await startScriptedUpstream((_, response) => {
        response.writeHead(200, headers);
        response.write(Buffer.alloc(300));
        response.end(Buffer.alloc(300));
      });
      const answer = await request(upstream.url);
      await assert.rejects(
        responses.read(answer, { limitBytes: 500 }, () => undefined),
        /is longer than 500 bytes/,
      );
    }
  });
});
