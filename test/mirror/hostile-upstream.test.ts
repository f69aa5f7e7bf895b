import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digestOf } from "../../src/oci/digest.ts";
import { collect, pushBlob } from "../support/berth.ts";
import { startMirrorOf, startScriptedUpstream } from "./support.ts";

describe("a blob that is private here and that an upstream claims to have", () => {
  const secret = Buffer.from("the bytes of a private image");
  const digest = digestOf(secret);
  let delivers = false;

  test("is not given to a client of the mirror until the upstream has delivered the bytes", async () => {
    const upstream = await startScriptedUpstream((request, response) => {
      const known = request.method === "HEAD" || delivers;
      response.writeHead(known ? 200 : 404, {
        "Content-Length": known ? secret.length : 0,
        "Docker-Content-Digest": digest,
      });
      response.end(request.method === "GET" && known ? secret : undefined);
    });
    const mirror = await startMirrorOf(upstream.url);
    await pushBlob(mirror, "team/private", secret);
    const path = `/v2/docker.io/attacker/app/blobs/${digest}`;
    const stolen = await mirror.api.get(path).buffer(true).parse(collect);
    assert.equal(stolen.status, 404);
    delivers = true;
    const got = await mirror.api.get(path).buffer(true).parse(collect).expect(200);
    assert.deepEqual(got.body, secret);
  });
});
