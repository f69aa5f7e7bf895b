import assert from "node:assert/strict";
import { readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { digestOf, type Digest } from "../../../src/oci/digest.ts";
import { recentBytes } from "../../../src/registry/recent-blobs.ts";
import {
  collect,
  pushBlob,
  pushImageParts,
  putManifest,
  type TestBerth,
} from "../../support/berth.ts";
import { describeSharedApi } from "../../support/describe-api.ts";

const repository = "team/app";
const bytes = Buffer.from(Array.from({ length: 2048 }, (_, index) => (index * 7) & 0xff));

/** The file of a blob in the data folder. */
function fileOf({ data }: TestBerth, digest: Digest): string {
  const hex = digest.slice("sha256:".length);
  const folder = path.join(data, "blobs", "sha256", hex.slice(0, 2));
  return path.join(folder, readdirSync(folder).find((name) => name.startsWith(hex)) ?? "");
}

describeSharedApi("blobs", (berth) => {
  const blobPath = (digest: string, name = repository): string => `/v2/${name}/blobs/${digest}`;

  test("GET answers the bytes with length, digest, ETag and type; HEAD answers the same headers", async () => {
    const digest = await pushBlob(berth(), repository, bytes);
    const got = await berth().api.get(blobPath(digest)).buffer(true).parse(collect).expect(200);
    assert.equal(Buffer.compare(got.body, bytes), 0);
    const head = await berth().api.head(blobPath(digest)).expect(200);
    for (const { headers } of [got, head]) {
      assert.equal(headers["content-length"], "2048");
      assert.equal(headers["content-type"], "application/octet-stream");
      assert.equal(headers["docker-content-digest"], digest);
      assert.equal(headers["etag"], `"${digest}"`);
      assert.equal(headers["accept-ranges"], "bytes");
      assert.equal(headers["docker-distribution-api-version"], "registry/2.0");
      assert.equal(headers["content-encoding"], undefined);
      assert.equal(headers["transfer-encoding"], undefined);
    }
  });

  test("a blob is found by its percent-encoded digest", async () => {
    const digest = await pushBlob(berth(), repository, bytes);
    await berth()
      .api.get(blobPath(digest.replace(":", "%3A")))
      .expect(200);
  });

  test("a GET with the digest in If-None-Match, quoted or bare, is answered 304 without a body", async () => {
    const digest = await pushBlob(berth(), repository, bytes);
    for (const value of [`"${digest}"`, digest]) {
      const { text } = await berth()
        .api.get(blobPath(digest))
        .set("If-None-Match", value)
        .expect(304);
      assert.equal(text, "");
    }
  });

  const ranges: readonly [string, number, string | undefined, Buffer | undefined][] = [
    ["bytes=500-1499", 206, "bytes 500-1499/2048", bytes.subarray(500, 1500)],
    ["bytes=500-", 206, "bytes 500-2047/2048", bytes.subarray(500)],
    ["bytes=-500", 206, "bytes 1548-2047/2048", bytes.subarray(-500)],
    ["bytes=2000-5000", 206, "bytes 2000-2047/2048", bytes.subarray(2000)],
    ["bytes=0-0", 206, "bytes 0-0/2048", bytes.subarray(0, 1)],
    ["bytes=5000-10000", 416, "bytes */2048", undefined],
    ["bytes=500-0", 416, "bytes */2048", undefined],
    ["lines=1-2", 200, undefined, bytes],
  ];
  for (const [range, status, contentRange, part] of ranges) {
    test(`a GET with Range: ${range} is answered ${status}`, async () => {
      const digest = await pushBlob(berth(), repository, bytes);
      const got = await berth()
        .api.get(blobPath(digest))
        .set("Range", range)
        .buffer(true)
        .parse(collect)
        .expect(status);
      assert.equal(got.headers["content-range"], contentRange);
      if (part !== undefined) {
        assert.equal(got.headers["content-length"], String(part.length));
        assert.equal(Buffer.compare(got.body, part), 0);
      }
    });
  }

  test("a GET with several ranges is answered multipart/byteranges with the right Content-Length", async () => {
    const digest = await pushBlob(berth(), repository, bytes);
    const got = await berth()
      .api.get(blobPath(digest))
      .set("Range", "bytes=0-9,100-119,-5")
      .buffer(true)
      .parse(collect)
      .expect(206);
    const boundary = /^multipart\/byteranges; boundary=(\S+)$/.exec(
      got.headers["content-type"] ?? "",
    )?.[1];
    assert.ok(boundary);
    assert.equal(got.body.length, Number(got.headers["content-length"]));
    const parts = got.body
      .toString("latin1")
      .split(`--${boundary}`)
      .slice(1, -1)
      .map((part: string) => {
        const [head = "", ...body] = part.split("\r\n\r\n");
        return {
          range: /Content-Range: (.*)/.exec(head)?.[1],
          body: body.join("\r\n\r\n").slice(0, -2),
        };
      });
    assert.deepEqual(parts, [
      { range: "bytes 0-9/2048", body: bytes.subarray(0, 10).toString("latin1") },
      { range: "bytes 100-119/2048", body: bytes.subarray(100, 120).toString("latin1") },
      { range: "bytes 2043-2047/2048", body: bytes.subarray(-5).toString("latin1") },
    ]);
  });

  test("a GET with If-Range is answered 206 for the blob's ETag, and 200 for another one", async () => {
    const digest = await pushBlob(berth(), repository, bytes);
    await berth()
      .api.get(blobPath(digest))
      .set("Range", "bytes=0-9")
      .set("If-Range", '"other"')
      .expect(200);
    await berth()
      .api.get(blobPath(digest))
      .set("Range", "bytes=0-9")
      .set("If-Range", `"${digest}"`)
      .expect(206);
  });

  test("an empty blob is served with 200, and a range of it is answered 416", async () => {
    const digest = await pushBlob(berth(), repository, "");
    const got = await berth().api.get(blobPath(digest)).expect(200);
    assert.equal(got.headers["content-length"], "0");
    await berth().api.get(blobPath(digest)).set("Range", "bytes=0-").expect(416);
  });

  test("a blob pushed by sha512 is read by its sha512 digest, but not by its sha256 digest", async () => {
    const digest = await pushBlob(berth(), repository, "of sha512", "sha512");
    const got = await berth().api.get(blobPath(digest)).expect(200);
    assert.equal(got.headers["docker-content-digest"], digest);
    await berth()
      .api.get(blobPath(digestOf(Buffer.from("of sha512"))))
      .expect(404);
  });

  test("an unknown blob, an unknown repository and a malformed digest have different error codes", async () => {
    await pushBlob(berth(), repository, bytes);
    const missing = digestOf(Buffer.from("never pushed"));
    const codes = async (path: string, status: number): Promise<string[]> => {
      const { body, headers } = await berth().api.get(path).expect(status);
      assert.match(headers["content-type"] ?? "", /^application\/json/);
      return body.errors.map((error: { code: string }) => error.code);
    };
    assert.deepEqual(await codes(blobPath(missing), 404), ["BLOB_UNKNOWN"]);
    assert.deepEqual(await codes(blobPath(missing, "no/such"), 404), ["NAME_UNKNOWN"]);
    assert.deepEqual(await codes(blobPath("sha256:abc"), 400), ["DIGEST_INVALID"]);
    assert.deepEqual(await codes(blobPath(missing, "UPPER/case"), 400), ["NAME_INVALID"]);
    assert.deepEqual(await codes("/v2/team/app/nothing/here", 404), ["UNSUPPORTED"]);
    const { text } = await berth().api.head(blobPath(missing)).expect(404);
    assert.equal(text, undefined);
  });

  test("a blob that is only in another repository is answered 404", async () => {
    const digest = await pushBlob(berth(), "team/secret", "only there");
    await pushBlob(berth(), repository, "something else");
    await berth().api.get(blobPath(digest)).expect(404);
  });

  test("DELETE removes the blob from this repository at once, and from no other repository", async () => {
    const digest = await pushBlob(berth(), repository, "shared");
    await pushBlob(berth(), "team/other", "shared");
    await berth().api.delete(blobPath(digest)).expect(202);
    await berth().api.head(blobPath(digest)).expect(404);
    await berth().api.get(blobPath(digest, "team/other")).expect(200);
    await berth().api.delete(blobPath(digest)).expect(404);
    await pushBlob(berth(), repository, "shared");
    await berth().api.get(blobPath(digest)).expect(200);
  });

  test("DELETE of a blob that a manifest references is rejected with 405 until the manifest is deleted", async () => {
    const image = await pushImageParts(berth(), "team/kept", { layer: "needed" });
    await putManifest(berth(), "team/kept", "1", image.manifest).expect(201);
    const refused = await berth().api.delete(blobPath(image.layer, "team/kept")).expect(405);
    assert.equal(refused.body.errors[0].code, "UNSUPPORTED");
    await berth().api.delete(`/v2/team/kept/manifests/${image.digest}`).expect(202);
    await berth().api.delete(blobPath(image.layer, "team/kept")).expect(202);
  });

  // Only the filesystem driver has a blob file that the test can damage.
  const testFiles = berth().config.storage.driver === "filesystem" ? test : undefined;
  void testFiles?.(
    "a blob whose bytes are lost or cut is never a complete 200, and no error is to be cached",
    async () => {
      // A smaller blob would be in memory since its push.
      const content = "bytes that will be cut short".padEnd(recentBytes + 1);
      const digest = await pushBlob(berth(), "team/lost", content);
      const file = fileOf(berth(), digest);
      truncateSync(file, 5);
      const cut = await berth().api.get(blobPath(digest, "team/lost"));
      assert.equal(cut.status, 500);
      assert.equal(cut.body.errors[0].code, "UNKNOWN");
      rmSync(file);
      const lost = await berth().api.get(blobPath(digest, "team/lost")).expect(404);
      for (const { headers } of [cut, lost]) {
        assert.equal(headers["cache-control"], undefined);
        assert.equal(headers["docker-content-digest"], undefined);
      }
    },
  );

  void testFiles?.(
    "a small blob with wrong bytes is never sent; a push of it heals the repository",
    async () => {
      const content = "bytes that rot";
      const digest = await pushBlob(berth(), "team/rotten", content);
      const pull = () => berth().api.get(blobPath(digest, "team/rotten"));
      await berth().restart();
      writeFileSync(fileOf(berth(), digest), "bytes that ROT");
      const { body } = await pull().expect(404);
      assert.equal(body.errors[0].code, "BLOB_UNKNOWN");
      await berth().api.head(blobPath(digest, "team/rotten")).expect(404);
      await pushBlob(berth(), "team/rotten", content);
      await berth().restart();
      for (let times = 0; times < 2; times += 1)
        assert.equal((await pull().expect(200)).body.toString(), content);
    },
  );

  test("`alpine` and `library/alpine` are one repository, and the Location keeps the requested name", async () => {
    const digest = await pushBlob(berth(), "alpine", "short name");
    await berth().api.get(blobPath(digest, "library/alpine")).expect(200);
    const { headers } = await berth().api.post("/v2/alpine/blobs/uploads/").expect(202);
    assert.match(headers["location"] ?? "", /^\/v2\/alpine\/blobs\/uploads\//);
  });
});
