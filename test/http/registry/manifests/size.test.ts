import assert from "node:assert/strict";
import { Agent } from "node:http";
import { test } from "node:test";
import * as types from "../../../../src/oci/media-types.ts";
import { describeSharedApi } from "../../../support/describe-api.ts";
import { pathOf, readManifest, send } from "./support.ts";

/** An index manifest of exactly this size in bytes. */
function manifestOf(size: number): Buffer {
  const text = (filler: string): string =>
    JSON.stringify({ schemaVersion: 2, mediaType: types.OCI_INDEX, manifests: [], filler });
  return Buffer.from(text("x".repeat(size - text("").length)));
}

describeSharedApi("the size of a manifest", (berth) => {
  const limit = 4_194_304;
  const halves = (bytes: Buffer): readonly Buffer[] => [
    bytes.subarray(0, 2_000_000),
    bytes.subarray(2_000_000),
  ];
  const headers = { "Content-Type": types.OCI_INDEX };

  test("a manifest of 4,194,304 bytes is accepted with chunked transfer coding", async () => {
    const bytes = manifestOf(limit);
    assert.equal(bytes.length, limit);
    const path = pathOf("size/limit", "chunked");
    const { status, text } = await send(berth(), "PUT", path, { headers, pieces: halves(bytes) });
    assert.equal(status, 201, text);
    assert.equal(Buffer.compare(await readManifest(berth(), "size/limit", "chunked"), bytes), 0);
  });

  for (const [coding, length] of [
    ["chunked transfer coding", undefined],
    ["a Content-Length", limit + 1],
  ] as const) {
    test(`a manifest of 4,194,305 bytes with ${coding} is answered 413, and the connection stays usable`, async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      const declared = length === undefined ? {} : { "Content-Length": String(length) };
      const over = await send(berth(), "PUT", pathOf("size/over", "1"), {
        headers: { ...headers, ...declared },
        pieces: halves(manifestOf(limit + 1)),
        agent,
      });
      assert.equal(over.status, 413);
      assert.equal(JSON.parse(over.text).errors[0].code, "MANIFEST_INVALID");
      const next = await send(berth(), "GET", "/v2/", { agent });
      assert.equal(next.status, 200);
      const { status } = await send(berth(), "GET", pathOf("size/over", "1"), { agent });
      assert.equal(status, 404);
      agent.destroy();
    });
  }
});
