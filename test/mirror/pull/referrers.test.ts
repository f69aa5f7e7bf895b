import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digestOf } from "../../../src/oci/digest.ts";
import { startMirrorOf, startScriptedUpstream } from "../support.ts";

describe("the referrers of an upstream", () => {
  test("are filtered by the mirror, and requested once for several filters", async () => {
    const subject = digestOf(Buffer.from("subject"));
    const descriptors = ["a/b", "c/d", "a/b"].map((artifactType, at) => ({
      ...{ artifactType, digest: digestOf(Buffer.from(String(at))), size: 1, mediaType: "x/y" },
    }));
    const upstream = await startScriptedUpstream((_, response) => {
      response.writeHead(200, { "Content-Type": "application/json" });
      response.end(JSON.stringify({ schemaVersion: 2, manifests: descriptors }));
    });
    const mirror = await startMirrorOf(upstream.url);
    const path = `/v2/team/app/referrers/${subject}`;
    const sizes = [];
    for (const query of ["", "?artifactType=a/b", "?artifactType=x/x&artifactType=c/d"]) {
      const { text, body } = await mirror.api
        .get(path + query)
        .buffer(true)
        .expect(200);
      const document: unknown = body.manifests === undefined ? JSON.parse(text) : body;
      sizes.push((document as { manifests: unknown[] }).manifests.length);
    }
    assert.deepEqual(sizes, [3, 2, 1]);
    assert.equal(upstream.seen.length, 1);
  });
});
