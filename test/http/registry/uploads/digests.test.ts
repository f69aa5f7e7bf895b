import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../../../src/oci/digest.ts";
import { describeSharedApi } from "../../../support/describe-api.ts";
import { closing, expectBlob, patch, repository, startUpload } from "./support.ts";

describeSharedApi("the digest of an upload", (berth) => {
  test("an upload closes with sha256 or sha512, whatever digest-algorithm its POST named", async () => {
    const bytes = Buffer.from("either algorithm");
    for (const [query, algorithm] of [
      ["", "sha512"],
      ["?digest-algorithm=sha512", "sha512"],
      ["?digest-algorithm=sha512", "sha256"],
    ] as const) {
      const location = await startUpload(berth(), query);
      await patch(berth(), location, bytes).expect(202);
      await berth()
        .api.put(closing(location, bytes, algorithm))
        .expect(201);
      await expectBlob(berth(), digestOf(bytes, algorithm), bytes);
    }
  });

  test("a POST with an unknown digest-algorithm is rejected with 400", async () => {
    await berth().api.post(`/v2/${repository}/blobs/uploads/?digest-algorithm=md5`).expect(400);
  });

  // The server hashes the body of one request in memory up to 262,144 bytes, and a larger one as a stream.
  for (const size of [1, 262_144, 262_145])
    test(`a blob of ${size} bytes with a wrong digest is rejected, and neither digest is stored`, async () => {
      const bytes = Buffer.alloc(size, "right");
      for (const algorithm of ["sha256", "sha512"] as const) {
        const wrong = digestOf(Buffer.from(`wrong ${size}`), algorithm);
        const inOne = `/v2/${repository}/blobs/uploads/?digest=${wrong}`;
        const closingPut = `${await startUpload(berth())}&digest=${wrong}`;
        for (const request of [berth().api.post(inOne), berth().api.put(closingPut)]) {
          const { body } = await request
            .set("Content-Type", "application/octet-stream")
            .send(bytes)
            .expect(400);
          assert.equal(body.errors[0].code, "DIGEST_INVALID");
        }
        for (const digest of [wrong, digestOf(bytes, algorithm)])
          await berth().api.head(`/v2/${repository}/blobs/${digest}`).expect(404);
      }
    });

  for (const chunked of [false, true])
    test(`a wrong digest in a closing PUT ${chunked ? "after a PATCH" : "with the whole blob"} ends the session`, async () => {
      const bytes = Buffer.alloc(300_000, "right");
      const wrong = digestOf(Buffer.from("wrong"));
      const location = await startUpload(berth());
      if (chunked) await patch(berth(), location, bytes).expect(202);
      const { body } = await berth()
        .api.put(`${location}&digest=${wrong}`)
        .send(chunked ? "" : bytes)
        .expect(400);
      assert.equal(body.errors[0].code, "DIGEST_INVALID");
      await berth().api.get(location).expect(404);
      await berth().api.head(`/v2/${repository}/blobs/${wrong}`).expect(404);
    });

  test("a closing PUT with no digest, two digests or a malformed one is rejected and keeps the session", async () => {
    const bytes = Buffer.alloc(300_000, "right");
    const wrong = digestOf(Buffer.from("wrong"));
    const location = await startUpload(berth());
    await berth().api.put(location).send(bytes).expect(400);
    await berth()
      .api.put(`${location}&digest=${wrong}&digest=${digestOf(bytes)}`)
      .expect(400);
    await berth().api.put(`${location}&digest=sha256:abc`).expect(400);
    await berth().api.delete(location).expect(204);
  });
});
