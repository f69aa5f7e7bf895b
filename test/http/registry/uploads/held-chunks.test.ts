import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { test } from "node:test";
import { digestOf } from "../../../../src/oci/digest.ts";
import type { TestBerth } from "../../../support/berth.ts";
import { describeSharedApi } from "../../../support/describe-api.ts";
import { closing, expectBlob, patch, rangeOf, startUpload } from "./support.ts";

const KiB = 1024;

/** Sends a PATCH with chunked transfer coding, and resolves with the status and the Range of its answer. */
async function patchChunked(berth: TestBerth, path: string, pieces: readonly Buffer[]) {
  return await new Promise<readonly unknown[]>((resolve, reject) => {
    const sent = httpRequest({ port: berth.port, path, method: "PATCH" }, (response) => {
      resolve([response.resume().statusCode, response.headers["range"]]);
    });
    sent.on("error", reject);
    for (const piece of pieces) sent.write(piece);
    sent.end();
  });
}

describeSharedApi("a small blob by PATCH and an empty PUT", (berth) => {
  test("is stored, and the status in between tells its bytes", async () => {
    const bytes = Buffer.from("patched");
    const location = await startUpload(berth());
    await patch(berth(), location, bytes).expect(202).expect("Range", "0-6");
    assert.equal(await rangeOf(berth(), location), "0-6");
    await berth().api.put(closing(location, bytes)).expect(201);
    await expectBlob(berth(), digestOf(bytes), bytes);
    await berth().api.put(closing(location, bytes)).expect(201);
    await berth().api.get(location).expect(404);
  });

  for (const size of [1, 100 * KiB, 256 * KiB, 256 * KiB + 1, 1024 * KiB])
    test(`with chunked transfer coding is stored: ${size} bytes`, async () => {
      const bytes = Buffer.alloc(size, "c");
      const pieces = [bytes.subarray(0, size / 3), bytes.subarray(size / 3)];
      const location = await startUpload(berth());
      assert.deepEqual(await patchChunked(berth(), location, pieces), [202, `0-${size - 1}`]);
      await berth().api.put(closing(location, bytes)).expect(201);
      await expectBlob(berth(), digestOf(bytes), bytes);
    });

  test("closes with sha512 too", async () => {
    const bytes = Buffer.from("with sha512");
    const location = await startUpload(berth());
    await patch(berth(), location, bytes).expect(202);
    await berth()
      .api.put(closing(location, bytes, "sha512"))
      .expect(201)
      .expect("Docker-Content-Digest", digestOf(bytes, "sha512"));
  });

  test("with another digest is answered 400 DIGEST_INVALID, and the session ends", async () => {
    const location = await startUpload(berth());
    await patch(berth(), location, Buffer.from("patched")).expect(202);
    const { body } = await berth()
      .api.put(closing(location, Buffer.from("other")))
      .expect(400);
    assert.equal(body.errors[0].code, "DIGEST_INVALID");
    await berth().api.get(location).expect(404);
  });

  test("is continued by a PATCH at its end, and one at another offset is answered 416", async () => {
    const location = await startUpload(berth());
    await patch(berth(), location, Buffer.from("x"), "1-1").expect(416).expect("Range", "0-0");
    await patch(berth(), location, Buffer.from("first"), "0-4").expect(202);
    await patch(berth(), location, Buffer.from("first"), "0-4").expect(416).expect("Range", "0-4");
    await patch(berth(), location, Buffer.from(" last"), "5-9").expect(202).expect("Range", "0-9");
    await berth()
      .api.put(closing(location, Buffer.from("first last")))
      .expect(201);
  });

  test("is continued by a closing PUT with a body", async () => {
    const location = await startUpload(berth());
    await patch(berth(), location, Buffer.from("first")).expect(202);
    const whole = Buffer.from("first last");
    await berth().api.put(closing(location, whole)).send(Buffer.from(" last")).expect(201);
    await expectBlob(berth(), digestOf(whole), whole);
  });

  test("of zero bytes is stored", async () => {
    const empty = Buffer.alloc(0);
    const location = await startUpload(berth());
    assert.deepEqual(await patchChunked(berth(), location, []), [202, "0-0"]);
    await berth().api.put(closing(location, empty)).expect(201);
    await expectBlob(berth(), digestOf(empty), empty);
  });

  test("continues after a restart between the PATCH and the PUT", async () => {
    if (berth().config.storage.driver === "memory") return;
    const bytes = Buffer.from("before the restart");
    const location = await startUpload(berth());
    await patch(berth(), location, bytes).expect(202);
    await berth().restart();
    assert.equal(await rangeOf(berth(), location), `0-${bytes.length - 1}`);
    await berth().api.put(closing(location, bytes)).expect(201);
    await expectBlob(berth(), digestOf(bytes), bytes);
  });
});
