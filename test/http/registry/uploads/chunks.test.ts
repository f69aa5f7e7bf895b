import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { test } from "node:test";
import { digestOf } from "../../../../src/oci/digest.ts";
import { describeSharedApi } from "../../../support/describe-api.ts";
import { closing, expectBlob, patch, startUpload } from "./support.ts";

describeSharedApi("the chunks of an upload", (berth) => {
  test("chunks with ranges store a blob, also if the closing PUT has the last one", async () => {
    const bytes = Buffer.from("0123456789");
    const location = await startUpload(berth());
    assert.equal(
      (await patch(berth(), location, bytes.subarray(0, 4), "0-3").expect(202)).headers["range"],
      "0-3",
    );
    assert.equal(
      (await patch(berth(), location, bytes.subarray(4, 8), "bytes 4-7/*").expect(202)).headers[
        "range"
      ],
      "0-7",
    );
    await berth()
      .api.put(closing(location, bytes))
      .set("Content-Range", "8-9")
      .send(bytes.subarray(8))
      .expect(201);
    await expectBlob(berth(), digestOf(bytes), bytes);
  });

  test("a first chunk at a wrong offset is answered 416 with the Range 0-0, and appends nothing", async () => {
    const location = await startUpload(berth());
    const first = await patch(berth(), location, Buffer.from("56789"), "5-9").expect(416);
    assert.equal(first.headers["range"], "0-0");
    assert.ok(first.headers["location"]);
    assert.equal(first.body.errors[0].code, "RANGE_INVALID");
    assert.equal((await berth().api.get(location).expect(204)).headers["range"], "0-0");
  });

  test("a chunk that is sent twice is answered 416 the second time, and the upload continues", async () => {
    const bytes = Buffer.from("0123456789");
    const location = await startUpload(berth());
    await patch(berth(), location, bytes.subarray(0, 5), "0-4").expect(202);
    await patch(berth(), location, bytes.subarray(0, 5), "0-4").expect(416);
    await patch(berth(), location, bytes.subarray(5), "5-9").expect(202);
    await berth().api.put(closing(location, bytes)).expect(201);
    await expectBlob(berth(), digestOf(bytes), bytes);
  });

  test("a closing PUT whose chunk has a wrong offset is answered 416, and may be sent again", async () => {
    const bytes = Buffer.from("0123456789");
    const location = await startUpload(berth());
    await patch(berth(), location, bytes.subarray(0, 5), "0-4").expect(202);
    await berth()
      .api.put(closing(location, bytes))
      .set("Content-Range", "7-9")
      .send(bytes.subarray(7))
      .expect(416);
    assert.equal((await berth().api.get(location).expect(204)).headers["range"], "0-4");
    await berth()
      .api.put(closing(location, bytes))
      .set("Content-Range", "5-9")
      .send(bytes.subarray(5))
      .expect(201);
    await expectBlob(berth(), digestOf(bytes), bytes);
  });

  test("a closing PUT without a body is answered 416 if its Content-Range is at a wrong offset", async () => {
    const bytes = Buffer.from("01234");
    const location = await startUpload(berth());
    await patch(berth(), location, bytes, "0-4").expect(202);
    await berth().api.put(closing(location, bytes)).set("Content-Range", "7-9").expect(416);
    await berth().api.put(closing(location, bytes)).expect(201);
  });

  test("a chunked PATCH with fewer bytes than its range is rejected with SIZE_INVALID", async () => {
    const location = await startUpload(berth());
    const short = httpRequest({
      ...{ port: berth().port, path: location, method: "PATCH" },
      headers: { "Content-Range": "0-9", "Transfer-Encoding": "chunked" },
    });
    short.end("abc");
    const [response] = (await once(short, "response")) as [IncomingMessage];
    const body = Buffer.concat(await response.toArray()).toString();
    assert.equal(response.statusCode, 400, body);
    assert.match(body, /"SIZE_INVALID"/);
  });

  test("a range that contradicts the Content-Length is rejected with SIZE_INVALID and appends nothing", async () => {
    const location = await startUpload(berth());
    const { body } = await patch(berth(), location, Buffer.from("abc"), "0-9").expect(400);
    assert.equal(body.errors[0].code, "SIZE_INVALID");
    assert.equal((await berth().api.get(location).expect(204)).headers["range"], "0-0");
  });
});
