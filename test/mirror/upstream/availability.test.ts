import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digestOf } from "../../../src/oci/digest.ts";
import { startMirrorOf, startScriptedUpstream } from "../support.ts";

describe("a client of a mirror", () => {
  test("does not open the circuit breaker with requests that the upstream answers with 400", async () => {
    const upstream = await startScriptedUpstream((request, response) => {
      const isVictim = (request.url ?? "").includes("victim");
      response.writeHead(isVictim ? 404 : 400).end('{"errors":[]}');
    });
    const mirror = await startMirrorOf(upstream.url);
    const statuses = new Set<number>();
    for (let round = 0; round < 12; round += 1) {
      await mirror.api.get("/v2/team/app/manifests/1").expect(502);
      await mirror.api.get(`/v2/team/app/blobs/${digestOf(Buffer.from("x"))}`).expect(502);
      await mirror.api.get("/v2/team/app/tags/list").expect(502);
      statuses.add((await mirror.api.get("/v2/victim/app/manifests/1")).status);
    }
    assert.deepEqual([...statuses], [404]);
  });
});
