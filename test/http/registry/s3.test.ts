import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { request } from "node:http";
import path from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { recentBytes } from "../../../src/registry/recent-blobs.ts";
import { digestOf } from "../../../src/oci/digest.ts";
import { pattern } from "../../storage/bytes.ts";
import { collect, pushBlob, startBerth, type TestBerth } from "../../support/berth.ts";
import type { Settings } from "../../support/settings.ts";
import { isPostgresTested } from "../../support/postgres.ts";
import { s3SettingsOf } from "../../support/s3/settings.ts";
import { startS3Stub, type S3Stub } from "../../support/s3/stub.ts";
import { isReplicated } from "../../support/two-replicas.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { waitUntil } from "../../support/wait.ts";

const MiB = 2 ** 20;

describe("with blobs in S3", () => {
  const folder = temporaryFolder();
  let stub: S3Stub;
  const started: TestBerth[] = [];

  beforeEach(async () => {
    stub = await startS3Stub();
  });
  afterEach(async () => {
    for (const berth of started.splice(0)) await berth.close();
    await stub.close();
  });

  const start = async (settings: Settings = {}): Promise<TestBerth> => {
    const berth = await startBerth(mkdtempSync(path.join(folder, "data-")), {
      ...s3SettingsOf(stub),
      "storage.s3.partSize": "5MiB",
      ...settings,
    });
    started.push(berth);
    return berth;
  };
  const blobPath = (digest: string): string => `/v2/team/app/blobs/${digest}`;
  const begin = async (berth: TestBerth): Promise<string> => {
    const { headers } = await berth.api.post("/v2/team/app/blobs/uploads/").expect(202);
    return new URL(String(headers["location"]), "http://berth").pathname;
  };

  for (const algorithm of ["sha256", "sha512"] as const) {
    test(`an upload continues after a restart and closes with a ${algorithm} digest`, async () => {
      const berth = await start();
      const bytes = pattern(12 * MiB + 3);
      const location = await begin(berth);
      await berth.api
        .patch(location)
        .send(bytes.subarray(0, 7 * MiB))
        .expect(202);
      await berth.restart();
      const { headers } = await berth.api.get(location).expect(204);
      assert.equal(headers["range"], `0-${7 * MiB - 1}`);
      await berth.api
        .patch(location)
        .set("Content-Range", `${7 * MiB}-${bytes.length - 1}`)
        .send(bytes.subarray(7 * MiB))
        .expect(202);
      const digest = digestOf(bytes, algorithm);
      await berth.api.put(`${location}?digest=${digest}`).expect(201);
      const got = await berth.api.get(blobPath(digest)).buffer(true).parse(collect).expect(200);
      assert.equal(Buffer.compare(got.body, bytes), 0);
    });
  }

  test("at start Berth aborts its multipart uploads without a session, and no others", async () => {
    const berth = await start();
    const location = await begin(berth);
    await berth.api
      .patch(location)
      .send(pattern(6 * MiB))
      .expect(202);
    const dead = stub.bucket.create(
      "blobs/multipart/ZZ/01J9ZZZZZZZZZZZZZZZZZZZZZZ.01J9ZZZZZZZZZZZZZZZZZZZZZY",
      {},
    );
    const elses = stub.bucket.create("of/somebody/else", {});
    assert.equal(stub.bucket.multiparts.size, 3);
    await berth.restart();
    if (isPostgresTested)
      await waitUntil("the replica leads", () => !stub.bucket.multiparts.has(dead));
    assert.equal(stub.bucket.multiparts.has(dead), false);
    assert.equal(stub.bucket.multiparts.has(elses), true);
    assert.equal(stub.bucket.multiparts.size, 2);
    const digest = digestOf(pattern(6 * MiB));
    await berth.api.put(`${location}?digest=${digest}`).expect(201);
  });

  test("a cancelled upload and one with a wrong digest leave no multipart upload in S3", async () => {
    const berth = await start();
    const cancelled = await begin(berth);
    await berth.api
      .patch(cancelled)
      .send(pattern(6 * MiB))
      .expect(202);
    await berth.api.delete(cancelled).expect(204);
    const mismatched = await begin(berth);
    await berth.api
      .patch(mismatched)
      .send(pattern(6 * MiB))
      .expect(202);
    await berth.api.put(`${mismatched}?digest=${digestOf(pattern(1))}`).expect(400);
    assert.equal(stub.bucket.multiparts.size, 0);
    // A replica without the running digest assembles the parts to read them. The collector deletes this object.
    const isAssembled = (key: string): boolean => isReplicated && key.startsWith("blobs/multipart");
    const objects = [...stub.bucket.objects.keys()].filter((key) => !isAssembled(key));
    assert.deepEqual(objects, ["blobs/instance"]);
  });

  test("a PATCH with a Content-Length of 60 GB is answered 413 before its body is sent", async () => {
    const berth = await start();
    const location = await begin(berth);
    const status = await new Promise((resolve, reject) => {
      const sending = request(
        { port: berth.port, path: location, method: "PATCH", headers: { "Content-Length": 60e9 } },
        (response) => {
          resolve(response.statusCode);
          response.destroy();
        },
      );
      sending.on("error", reject);
      sending.write("the first of many");
    });
    assert.equal(status, 413);
  });

  test("a read from S3 that breaks resets the client's connection", async () => {
    const berth = await start();
    const digest = await pushBlob(berth, "team/app", pattern(200_000));
    stub.fault = ({ operation }) => (operation === "get" ? { cutAfterBytes: 70_000 } : undefined);
    const ended = await new Promise<string>((resolve) => {
      request({ port: berth.port, path: blobPath(digest) }, (response) => {
        assert.equal(response.statusCode, 200);
        response
          .on("end", () => resolve("end"))
          .on("error", (error: NodeJS.ErrnoException) => {
            resolve(error.code ?? "");
          });
        response.resume();
      }).end();
    });
    assert.equal(ended, "ECONNRESET");
  });

  test("reads and pushes are answered 503 while S3 rejects requests, and /readyz names the reason", async () => {
    const berth = await start();
    // A smaller blob would be in memory since its push.
    const digest = await pushBlob(berth, "team/app", pattern(recentBytes + 1));
    stub.fault = () => ({ refuse: { status: 403, code: "AccessDenied" } });
    const read = await berth.api.get(blobPath(digest)).expect(503);
    assert.equal(read.body.errors[0].code, "UNAVAILABLE");
    await berth.api
      .post(`/v2/team/app/blobs/uploads/?digest=${digestOf(pattern(3))}`)
      .send(pattern(3))
      .expect(503);
    // Replicas share S3: no other replica works better.
    const ready = await berth.api.get("/readyz").expect(isPostgresTested ? 200 : 503);
    assert.match(JSON.stringify(ready.body), /AccessDenied/);
    stub.fault = () => undefined;
    await berth.api.get(blobPath(digest)).expect(200);
  });

  test("a blob whose S3 object is missing is answered 404, and the next push restores it", async () => {
    const berth = await start();
    // A smaller blob would be in memory since its push.
    const content = pattern(recentBytes + 1);
    const digest = await pushBlob(berth, "team/app", content);
    for (const key of stub.bucket.objects.keys())
      if (key.includes("sha256")) stub.bucket.objects.delete(key);
    await berth.api.get(blobPath(digest)).expect(404);
    await berth.api.head(blobPath(digest)).expect(404);
    await pushBlob(berth, "team/app", content);
    await berth.api.get(blobPath(digest)).expect(200);
  });

  describe("with storage.s3.redirect", () => {
    /** Sends a request without following redirects. */
    const ask = (
      berth: TestBerth,
      path: string,
      headers: Record<string, string> = {},
      method = "GET",
    ) => fetch(`http://127.0.0.1:${berth.port}${path}`, { method, headers, redirect: "manual" });

    test("GET is redirected to S3 with no-store; Berth itself answers HEAD and what S3 cannot answer", async () => {
      const berth = await start({ "storage.s3.redirect": "true" });
      const digest = await pushBlob(berth, "team/app", pattern(1_000));
      const empty = await pushBlob(berth, "team/app", "");
      const sent = await ask(berth, blobPath(digest));
      assert.equal(sent.status, 307);
      assert.equal(sent.headers.get("cache-control"), "no-store");
      assert.equal(sent.headers.get("etag"), null);
      const bytes = await fetch(sent.headers.get("location") ?? "");
      assert.equal(Buffer.compare(Buffer.from(await bytes.arrayBuffer()), pattern(1_000)), 0);

      assert.equal((await ask(berth, blobPath(digest), { Range: "bytes=0-9" })).status, 307);
      assert.equal((await ask(berth, blobPath(digest), {}, "HEAD")).status, 200);
      assert.equal((await ask(berth, blobPath(empty))).status, 200);
      const several = await ask(berth, blobPath(digest), { Range: "bytes=0-1,5-6" });
      assert.equal(several.status, 206);
      assert.equal((await ask(berth, blobPath(digest), { Range: "bytes=2000-" })).status, 416);
      assert.equal(
        (await ask(berth, blobPath(digest), { "If-None-Match": `"${digest}"` })).status,
        304,
      );
      assert.equal((await ask(berth, blobPath(digestOf(pattern(4))))).status, 404);
    });

    test("Berth itself answers a read with If-Range, since S3 has another ETag", async () => {
      const berth = await start({ "storage.s3.redirect": "true" });
      const digest = await pushBlob(berth, "team/app", pattern(1_000));
      const part = { Range: "bytes=10-19" };
      for (const [etag, status, bytes] of [
        [`"${digest}"`, 206, pattern(1_000).subarray(10, 20)],
        ['"another"', 200, pattern(1_000)],
      ] as const) {
        const answer = await ask(berth, blobPath(digest), { ...part, "If-Range": etag });
        assert.equal(answer.status, status);
        assert.equal(Buffer.compare(Buffer.from(await answer.arrayBuffer()), bytes), 0);
      }
    });

    test("clients and networks in storage.s3.redirectExcept are not redirected", async () => {
      const excepted = {
        "storage.s3.redirect": "true",
        "storage.s3.redirectExcept": "Old-Client/1,10.0.0.0/8,::2",
      };
      const berth = await start({ ...excepted, trustedProxies: "127.0.0.1" });
      const digest = await pushBlob(berth, "team/app", pattern(10));
      const statusOf = async (headers: Record<string, string>) =>
        (await ask(berth, blobPath(digest), headers)).status;
      assert.equal(await statusOf({ "User-Agent": "old-client/1.2 (linux)" }), 200);
      assert.equal(await statusOf({ "User-Agent": "docker/28 old-client/1" }), 307);
      assert.equal(await statusOf({ "X-Forwarded-For": "10.2.3.4" }), 200);
      assert.equal(await statusOf({ "X-Forwarded-For": "::2" }), 200);
      assert.equal(await statusOf({ "X-Forwarded-For": "11.2.3.4" }), 307);
      // Only the last address is from the trusted proxy; the client can forge the ones before it.
      assert.equal(await statusOf({ "X-Forwarded-For": "10.2.3.4, 11.2.3.4" }), 307);
    });
  });
});
