import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { test } from "node:test";
import { digestOf } from "../../../../src/oci/digest.ts";
import { describeSharedApi } from "../../../support/describe-api.ts";
import { isPostgresTested } from "../../../support/postgres.ts";
import { waitUntil } from "../../../support/wait.ts";
import { closing, expectBlob, patch, rangeOf, startUpload } from "./support.ts";

describeSharedApi("an upload session", (berth) => {
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
    await patch(berth(), location, Buffer.from("dropped")).expect(202);
    await berth().api.delete(location).expect(204);
    for (const request of [
      berth().api.get(location),
      berth().api.delete(location),
      patch(berth(), location, Buffer.from("x")),
    ]) {
      const { body } = await request.expect(404);
      assert.equal(body.errors[0].code, "BLOB_UPLOAD_UNKNOWN");
    }
  });

  test("an upload is answered 404 below another repository", async () => {
    const location = await startUpload(berth());
    const elsewhere = location.replace("/team/app/", "/team/other/");
    await berth().api.get(elsewhere).expect(404);
    await patch(berth(), elsewhere, Buffer.from("x")).expect(404);
    await berth()
      .api.put(closing(elsewhere, Buffer.from("x")))
      .send("x")
      .expect(404);
    await berth().api.delete(elsewhere).expect(404);
    await berth().api.get(location).expect(204);
    await berth().api.get("/v2/team/app/blobs/uploads/not-an-id").expect(404);
  });

  test("bytes that arrived before the client disconnected are kept, and the status reports them", async (t) => {
    const location = await startUpload(berth());
    const socket = connect(berth().port, "127.0.0.1");
    t.after(() => socket.destroy());
    socket.on("error", () => undefined);
    const head = `PATCH ${location} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n`;
    await new Promise((resolve) => socket.write(head + "a".repeat(70_000), resolve));
    socket.destroy();
    await waitUntil(
      "the status tells it",
      async () => (await rangeOf(berth(), location)) === "0-69999",
    );
    const rest = Buffer.alloc(30_000, "b");
    await patch(berth(), location, rest, "70000-99999").expect(202);
    const whole = Buffer.concat([Buffer.alloc(70_000, "a"), rest]);
    await berth().api.put(closing(location, whole)).expect(201);
    await expectBlob(berth(), digestOf(whole), whole);
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
      const { status } = await patch(berth(), location, Buffer.alloc(10, "b"), "5000-5009");
      return status === 202;
    });
    const whole = Buffer.concat([Buffer.alloc(5_000, "a"), Buffer.alloc(10, "b")]);
    await berth().api.put(closing(location, whole)).expect(201);
    await expectBlob(berth(), digestOf(whole), whole);
  });

  test("a closing PUT takes over an upload from a small closing PUT that sends nothing", async (t) => {
    const whole = Buffer.alloc(10_000, "a");
    const location = await startUpload(berth());
    const path = closing(location, whole);
    const silent = connect(berth().port, "127.0.0.1");
    t.after(() => silent.destroy());
    silent.on("error", () => undefined);
    const head = `PUT ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000\r\n\r\n`;
    await new Promise((resolve) => silent.write(head + "a".repeat(5_000), resolve));
    await waitUntil("the newer request is served", async () => {
      const { status } = await berth().api.put(path).send(whole);
      return status === 201;
    });
    await expectBlob(berth(), digestOf(whole), whole);
    // Among replicas a small closing PUT has no lock that the newer one could take: it ends after limits.idleTimeout.
    assert.equal(silent.destroyed, !isPostgresTested);
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
    // Node sends 100 Continue before the request has its lock, which is a row of PostgreSQL.
    if (isPostgresTested)
      await waitUntil("the first request has the lock", async () => {
        const holders = await berth().tables.values("SELECT holder FROM uploads");
        return holders.some((holder) => holder !== null);
      });
    const second = await patch(berth(), location, Buffer.alloc(50, "b")).expect(416);
    assert.match(second.headers["range"] ?? "", /^0-\d+$/);
    clearInterval(timer);
    busy.end();
    assert.equal(await answered, 202);
    const end = Number((await rangeOf(berth(), location))?.slice(2));
    const whole = Buffer.alloc(end + 1, "a");
    await berth().api.put(closing(location, whole)).expect(201);
  });
});
