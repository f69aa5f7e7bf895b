import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { request as httpRequest } from "node:http";
import path from "node:path";
import { test } from "node:test";
import { digestOf } from "../../../../src/oci/digest.ts";
import { pushBlob } from "../../../support/berth.ts";
import { describeSharedApi } from "../../../support/describe-api.ts";
import { closing, expectBlob, repository, startUpload } from "./support.ts";

describeSharedApi("pushing a blob", (berth) => {
  for (const size of [0, 1, 262_144, 262_145, 3_000_000]) {
    const bytes = Buffer.alloc(size, `bytes of ${size} `);

    test(`POST with a digest stores a blob of ${size} bytes in one request`, async () => {
      await expectBlob(berth(), await pushBlob(berth(), repository, bytes), bytes);
    });

    test(`POST followed by PUT stores a blob of ${size} bytes`, async () => {
      const location = await startUpload(berth());
      const { headers } = await berth()
        .api.put(closing(location, bytes))
        .set("Content-Type", "application/octet-stream")
        .send(bytes)
        .expect(201);
      assert.equal(headers["location"], `/v2/${repository}/blobs/${digestOf(bytes)}`);
      assert.equal(headers["docker-content-digest"], digestOf(bytes));
      await expectBlob(berth(), digestOf(bytes), bytes);
    });
  }

  test("one chunked PATCH without a range and then an empty PUT, as docker sends them, store a blob", async () => {
    const bytes = Buffer.alloc(500_000, "docker");
    const location = await startUpload(berth());
    const status = await new Promise((resolve, reject) => {
      const request = httpRequest(
        { port: berth().port, path: location, method: "PATCH" },
        (response) => {
          response.resume();
          resolve({ status: response.statusCode, range: response.headers["range"] });
        },
      );
      request.on("error", reject);
      for (let start = 0; start < bytes.length; start += 100_000)
        request.write(bytes.subarray(start, start + 100_000));
      request.end();
    });
    assert.deepEqual(status, { status: 202, range: "0-499999" });
    await berth().api.put(closing(location, bytes)).expect(201);
    await expectBlob(berth(), digestOf(bytes), bytes);
  });

  test("POST with a digest and no body starts an upload, unless it is the digest of the empty blob", async () => {
    await berth()
      .api.post(`/v2/${repository}/blobs/uploads/?digest=${digestOf(Buffer.from("later"))}`)
      .expect(202);
    await berth()
      .api.post(`/v2/${repository}/blobs/uploads/?digest=${digestOf(Buffer.alloc(0))}`)
      .expect(201);
  });

  test("50 concurrent pushes of one digest all succeed, and one copy is stored", async () => {
    const bytes = Buffer.alloc(300_000, "the same for everybody");
    await Promise.all(
      Array.from({ length: 50 }, (_, index) => pushBlob(berth(), `many/r${index}`, bytes)),
    );
    for (let index = 0; index < 50; index += 1)
      await berth()
        .api.head(`/v2/many/r${index}/blobs/${digestOf(bytes)}`)
        .expect(200);
    if (berth().config.storage.driver === "filesystem") {
      const hex = digestOf(bytes).slice(7);
      const files = readdirSync(path.join(berth().data, "blobs", "sha256", hex.slice(0, 2)));
      assert.equal(files.filter((file) => file.startsWith(hex)).length, 1);
    }
  });
});
