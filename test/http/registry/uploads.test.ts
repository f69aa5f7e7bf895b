import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import path from "node:path";
import { test } from "node:test";
import { digestOf } from "../../../src/oci/digest.ts";
import { collect, describeSharedApi, pushBlob, type TestBerth } from "../../support/berth.ts";
import { waitUntil } from "../../support/wait.ts";

const repository = "team/app";

async function startUpload(berth: TestBerth, query = ""): Promise<string> {
  const { headers } = await berth.api.post(`/v2/${repository}/blobs/uploads/${query}`).expect(202);
  assert.equal(headers["range"], "0-0");
  assert.match(headers["location"] ?? "", /^\/v2\/team\/app\/blobs\/uploads\/[^?]+\?.+/);
  assert.ok(headers["location"]?.includes(String(headers["docker-upload-uuid"])));
  assert.equal(headers["content-length"], "0");
  return headers["location"] ?? "";
}

const closing = (
  location: string,
  bytes: Buffer,
  algorithm: "sha256" | "sha512" = "sha256",
): string => `${location}&digest=${digestOf(bytes, algorithm)}`;

describeSharedApi("uploads", (berth) => {
  const patch = (location: string, bytes: Buffer, range?: string) => {
    const request = berth().api.patch(location).set("Content-Type", "application/octet-stream");
    if (range !== undefined) void request.set("Content-Range", range);
    return request.send(bytes);
  };
  const rangeOf = async (location: string): Promise<string | undefined> =>
    (await berth().api.get(location).expect(204)).headers["range"];
  const holds = async (digest: string, bytes: Buffer): Promise<void> => {
    const got = await berth()
      .api.get(`/v2/${repository}/blobs/${digest}`)
      .buffer(true)
      .parse(collect)
      .expect(200);
    assert.equal(Buffer.compare(got.body, bytes), 0);
  };

  for (const size of [0, 1, 262_144, 262_145, 3_000_000]) {
    const bytes = Buffer.alloc(size, `bytes of ${size} `);

    test(`POST with a digest stores a blob of ${size} bytes in one request`, async () => {
      await holds(await pushBlob(berth(), repository, bytes), bytes);
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
      await holds(digestOf(bytes), bytes);
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
    await holds(digestOf(bytes), bytes);
  });

  test("chunks with ranges store a blob, also if the closing PUT has the last one", async () => {
    const bytes = Buffer.from("0123456789");
    const location = await startUpload(berth());
    assert.equal(
      (await patch(location, bytes.subarray(0, 4), "0-3").expect(202)).headers["range"],
      "0-3",
    );
    assert.equal(
      (await patch(location, bytes.subarray(4, 8), "bytes 4-7/*").expect(202)).headers["range"],
      "0-7",
    );
    await berth()
      .api.put(closing(location, bytes))
      .set("Content-Range", "8-9")
      .send(bytes.subarray(8))
      .expect(201);
    await holds(digestOf(bytes), bytes);
  });

  test("a chunk at a wrong offset is answered 416 with the current Range, also as first or last chunk", async () => {
    const bytes = Buffer.from("0123456789");
    const location = await startUpload(berth());
    const first = await patch(location, bytes.subarray(5), "5-9").expect(416);
    assert.equal(first.headers["range"], "0-0");
    assert.ok(first.headers["location"]);
    assert.equal(first.body.errors[0].code, "RANGE_INVALID");
    assert.equal((await berth().api.get(location).expect(204)).headers["range"], "0-0");
    await patch(location, bytes.subarray(0, 5), "0-4").expect(202);
    await patch(location, bytes.subarray(0, 5), "0-4").expect(416);
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
    await holds(digestOf(bytes), bytes);
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
    const { body } = await patch(location, Buffer.from("abc"), "0-9").expect(400);
    assert.equal(body.errors[0].code, "SIZE_INVALID");
    assert.equal((await berth().api.get(location).expect(204)).headers["range"], "0-0");
  });

  test("an upload closes with sha256 or sha512, whatever digest-algorithm its POST named", async () => {
    const bytes = Buffer.from("either algorithm");
    for (const [query, algorithm] of [
      ["", "sha512"],
      ["?digest-algorithm=sha512", "sha512"],
      ["?digest-algorithm=sha512", "sha256"],
    ] as const) {
      const location = await startUpload(berth(), query);
      await patch(location, bytes).expect(202);
      await berth()
        .api.put(closing(location, bytes, algorithm))
        .expect(201);
      await holds(digestOf(bytes, algorithm), bytes);
    }
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

  test("a wrong digest is rejected on every route and ends the session; a malformed one does not", async () => {
    const bytes = Buffer.alloc(300_000, "right");
    const wrong = digestOf(Buffer.from("wrong"));
    await berth()
      .api.post(`/v2/${repository}/blobs/uploads/?digest=${wrong}`)
      .send(bytes)
      .expect(400);
    for (const chunked of [false, true]) {
      const location = await startUpload(berth());
      if (chunked) await patch(location, bytes).expect(202);
      const { body } = await berth()
        .api.put(`${location}&digest=${wrong}`)
        .send(chunked ? "" : bytes)
        .expect(400);
      assert.equal(body.errors[0].code, "DIGEST_INVALID");
      await berth().api.get(location).expect(404);
    }
    await berth().api.head(`/v2/${repository}/blobs/${wrong}`).expect(404);
    const location = await startUpload(berth());
    await berth().api.put(location).send(bytes).expect(400);
    await berth()
      .api.put(`${location}&digest=${wrong}&digest=${digestOf(bytes)}`)
      .expect(400);
    await berth().api.put(`${location}&digest=sha256:abc`).expect(400);
    await berth().api.delete(location).expect(204);
  });

  test("a closing PUT that is repeated after its success is answered 201 again", async () => {
    const bytes = Buffer.from("sent twice");
    const location = await startUpload(berth());
    await berth().api.put(closing(location, bytes)).send(bytes).expect(201);
    await berth().api.put(closing(location, bytes)).send(bytes).expect(201);
    await berth()
      .api.put(closing(location, Buffer.from("never pushed")))
      .expect(404);
  });

  test("a cancelled upload is answered 404 BLOB_UPLOAD_UNKNOWN", async () => {
    const location = await startUpload(berth());
    await patch(location, Buffer.from("dropped")).expect(202);
    await berth().api.delete(location).expect(204);
    for (const request of [
      berth().api.get(location),
      berth().api.delete(location),
      patch(location, Buffer.from("x")),
    ]) {
      const { body } = await request.expect(404);
      assert.equal(body.errors[0].code, "BLOB_UPLOAD_UNKNOWN");
    }
  });

  test("an upload is answered 404 below another repository", async () => {
    const location = await startUpload(berth());
    const elsewhere = location.replace("/team/app/", "/team/other/");
    await berth().api.get(elsewhere).expect(404);
    await patch(elsewhere, Buffer.from("x")).expect(404);
    await berth()
      .api.put(closing(elsewhere, Buffer.from("x")))
      .send("x")
      .expect(404);
    await berth().api.delete(elsewhere).expect(404);
    await berth().api.get(location).expect(204);
    await berth().api.get("/v2/team/app/blobs/uploads/not-an-id").expect(404);
  });

  test("a mount links a blob of another repository, with or without from", async () => {
    const digest = await pushBlob(berth(), "team/source", "to be mounted");
    for (const [target, query] of [
      ["team/named", "&from=team/source"],
      ["team/unnamed", ""],
    ]) {
      const { headers } = await berth()
        .api.post(`/v2/${target}/blobs/uploads/?mount=${digest}${query}`)
        .expect(201);
      assert.equal(headers["location"], `/v2/${target}/blobs/${digest}`);
      assert.equal(headers["docker-content-digest"], digest);
      await berth().api.get(`/v2/${target}/blobs/${digest}`).expect(200);
    }
  });

  test("a mount of a blob that is not found starts an upload", async () => {
    const missing = digestOf(Buffer.from("nowhere"));
    for (const query of ["", "&from=team/source", "&from=no/such", "&from=NOT%20A%20NAME"]) {
      const { headers } = await berth()
        .api.post(`/v2/${repository}/blobs/uploads/?mount=${missing}${query}`)
        .expect(202);
      assert.ok(headers["location"]);
    }
  });

  test("POST with a digest and no body starts an upload, unless it is the digest of the empty blob", async () => {
    await berth()
      .api.post(`/v2/${repository}/blobs/uploads/?digest=${digestOf(Buffer.from("later"))}`)
      .expect(202);
    await berth()
      .api.post(`/v2/${repository}/blobs/uploads/?digest=${digestOf(Buffer.alloc(0))}`)
      .expect(201);
  });

  test("bytes that arrived before the client disconnected are kept, and the status reports them", async (t) => {
    const location = await startUpload(berth());
    const socket = connect(berth().port, "127.0.0.1");
    t.after(() => socket.destroy());
    socket.on("error", () => undefined);
    const head = `PATCH ${location} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n`;
    await new Promise((resolve) => socket.write(head + "a".repeat(70_000), resolve));
    socket.destroy();
    await waitUntil("the status tells it", async () => (await rangeOf(location)) === "0-69999");
    const rest = Buffer.alloc(30_000, "b");
    await patch(location, rest, "70000-99999").expect(202);
    const whole = Buffer.concat([Buffer.alloc(70_000, "a"), rest]);
    await berth().api.put(closing(location, whole)).expect(201);
    await holds(digestOf(whole), whole);
  });

  test("a newer request takes over an upload from a connection that sends nothing", async (t) => {
    const location = await startUpload(berth());
    const silent = connect(berth().port, "127.0.0.1");
    t.after(() => silent.destroy());
    silent.on("error", () => undefined);
    silent.write(
      `PATCH ${location} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n${"a".repeat(5_000)}`,
    );
    await waitUntil("the newer request is let in behind what has arrived", async () => {
      const { status } = await patch(location, Buffer.alloc(10, "b"), "5000-5009");
      return status === 202;
    });
    const whole = Buffer.concat([Buffer.alloc(5_000, "a"), Buffer.alloc(10, "b")]);
    await berth().api.put(closing(location, whole)).expect(201);
    await holds(digestOf(whole), whole);
  });

  test("a PATCH during an active PATCH is answered 416 with the Range, and their bytes do not mix", async (t) => {
    const location = await startUpload(berth());
    const busy = httpRequest({
      ...{ port: berth().port, path: location, method: "PATCH" },
      headers: { Expect: "100-continue" },
    });
    const answered = new Promise<number | undefined>((resolve, reject) =>
      busy.on("response", (response) => resolve(response.resume().statusCode)).on("error", reject),
    );
    // `once` rejects on a request error. An answer without 100 Continue also ends the wait.
    const isRead = Promise.race([once(busy, "continue"), answered]);
    const timer = setInterval(() => busy.write("a".repeat(100)), 50);
    t.after(() => {
      clearInterval(timer);
      busy.destroy();
    });
    await isRead;
    const second = await patch(location, Buffer.alloc(50, "b")).expect(416);
    assert.match(second.headers["range"] ?? "", /^0-\d+$/);
    clearInterval(timer);
    busy.end();
    assert.equal(await answered, 202);
    const end = Number((await rangeOf(location))?.slice(2));
    const whole = Buffer.alloc(end + 1, "a");
    await berth().api.put(closing(location, whole)).expect(201);
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
