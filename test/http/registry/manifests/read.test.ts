import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import * as types from "../../../../src/oci/media-types.ts";
import { collect } from "../../../support/berth.ts";
import { describeSharedApi } from "../../../support/describe-api.ts";
import { nowhere, pathOf, pushImage, readManifest, send, tagsOf } from "./support.ts";

describeSharedApi("reading a manifest", (berth) => {
  test("GET and HEAD of a manifest have the same headers, and HEAD has no body", async () => {
    const image = await pushImage(berth(), "read/headers", "1");
    for (const reference of ["1", image.digest, image.digest.replace(":", "%3A")]) {
      const path = pathOf("read/headers", reference);
      const get = await send(berth(), "GET", path, { headers: { "Accept-Encoding": "gzip" } });
      const head = await send(berth(), "HEAD", path, { headers: { "Accept-Encoding": "gzip" } });
      assert.deepEqual([get.text, head.text], [image.manifest.toString(), ""]);
      for (const { status, headers } of [get, head]) {
        assert.equal(status, 200);
        assert.equal(headers["content-type"], types.OCI_MANIFEST);
        assert.equal(headers["content-length"], String(image.manifest.length));
        assert.equal(headers["docker-content-digest"], image.digest);
        assert.equal(headers["etag"], `"${image.digest}"`);
        assert.equal(headers["cache-control"], "no-cache");
        assert.equal(headers["docker-distribution-api-version"], "registry/2.0");
        assert.equal(headers["content-encoding"], undefined);
        assert.equal(headers["transfer-encoding"], undefined);
      }
    }
  });

  test("a read with the digest in If-None-Match is answered 304 without a body; another digest 200", async () => {
    const { digest } = await pushImage(berth(), "read/etag", "1");
    for (const value of [`"${digest}"`, digest, `W/"${digest}"`, `"x", "${digest}"`]) {
      for (const method of ["get", "head"] as const) {
        const answer = await berth()
          .api[method](pathOf("read/etag", "1"))
          .set("If-None-Match", value);
        assert.equal(answer.status, 304);
        assert.equal(answer.text ?? "", "");
        assert.equal(answer.headers["etag"], `"${digest}"`);
      }
    }
    await berth()
      .api.get(pathOf("read/etag", "1"))
      .set("If-None-Match", `"${nowhere}"`)
      .expect(200);
  });

  test("the stored bytes and type are served for any Accept header", async () => {
    const image = await pushImage(berth(), "read/accept", "1");
    const range = fc
      .tuple(
        fc.constantFrom(
          ...Object.values(types).filter((value) => typeof value === "string"),
          "*/*",
          "application/*",
          "text/html",
        ),
        fc.constantFrom("", ";q=0", "; q=0.5", ";q=nonsense", "; charset=utf-8"),
      )
      .map((parts) => parts.join(""));
    const printable = fc
      .string({ unit: "grapheme-ascii", maxLength: 40 })
      .map((text) => text.trim());
    const accept = fc.oneof(
      fc.array(range, { maxLength: 6 }).map((ranges) => ranges.join(", ")),
      printable,
    );
    await fc.assert(
      fc.asyncProperty(accept, async (value) => {
        const got = await berth()
          .api.get(pathOf("read/accept", "1"))
          .set("Accept", value)
          .buffer(true)
          .parse(collect);
        assert.equal(got.status, 200);
        assert.equal(got.headers["content-type"], types.OCI_MANIFEST);
        assert.deepEqual(got.body, image.manifest);
      }),
      { numRuns: 60 },
    );
  });

  test("an unknown tag, digest or repository is answered 404 MANIFEST_UNKNOWN", async () => {
    await pushImage(berth(), "read/unknown", "1");
    for (const [repository, reference, code, detail] of [
      ["read/unknown", "edge", "MANIFEST_UNKNOWN", { tag: "edge" }],
      ["read/unknown", nowhere, "MANIFEST_UNKNOWN", { digest: nowhere }],
      ["read/nothing", "edge", "MANIFEST_UNKNOWN", { tag: "edge" }],
    ] as const) {
      const { body } = await berth().api.get(pathOf(repository, reference)).expect(404);
      assert.equal(body.errors[0].code, code);
      assert.deepEqual(body.errors[0].detail, detail);
      const head = await berth().api.head(pathOf(repository, reference)).expect(404);
      assert.equal(head.text ?? "", "");
    }
  });

  test("a repository name may look like a path of the API", async () => {
    for (const repository of ["a/manifests/b", "a/tags", "a/blobs/uploads", "a/tags/list"]) {
      const image = await pushImage(berth(), repository, "latest", repository);
      assert.deepEqual(await readManifest(berth(), repository, "latest"), image.manifest);
      assert.deepEqual(await tagsOf(berth(), repository), ["latest"]);
    }
  });
});
