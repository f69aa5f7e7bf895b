import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../../../src/oci/digest.ts";
import * as types from "../../../../src/oci/media-types.ts";
import { pushImageParts, putManifest } from "../../../support/berth.ts";
import { describeSharedApi } from "../../../support/describe-api.ts";
import { nowhere, pathOf, pushImage, readManifest, send, tagsOf } from "./support.ts";

describeSharedApi("pushing a manifest", (berth) => {
  test("a push by tag answers the manifest's Location, and clients read it by tag and by digest", async () => {
    const image = await pushImageParts(berth(), "push/tag");
    const { headers } = await putManifest(berth(), "push/tag", "1", image.manifest).expect(201);
    assert.equal(headers["location"], pathOf("push/tag", image.digest));
    assert.equal(headers["docker-content-digest"], image.digest);
    assert.equal(headers["content-length"], "0");
    assert.equal(headers["oci-subject"], undefined);
    assert.equal(headers["oci-tag"], undefined);
    assert.deepEqual(await readManifest(berth(), "push/tag", "1"), image.manifest);
    assert.deepEqual(await readManifest(berth(), "push/tag", image.digest), image.manifest);
  });

  test("a push by digest creates no tag", async () => {
    const image = await pushImageParts(berth(), "push/digest");
    await putManifest(berth(), "push/digest", image.digest, image.manifest).expect(201);
    assert.deepEqual(await readManifest(berth(), "push/digest", image.digest), image.manifest);
    assert.deepEqual(await tagsOf(berth(), "push/digest"), []);
  });

  test("a manifest is served with the exact pushed bytes, including white space and unknown fields", async () => {
    const { config } = await pushImageParts(berth(), "push/exact");
    const odd = Buffer.from(
      `{ "layers" : [ ],\n\t"org.example" : {"b":1,"a":[2.50]}, "schemaVersion":2,
       "config":{"size":2,"digest":"${config}","mediaType":"application/vnd.example\\u002bjson"}}\r\n `,
    );
    await putManifest(berth(), "push/exact", "odd", odd).expect(201);
    assert.deepEqual(await readManifest(berth(), "push/exact", "odd"), odd);
  });

  test("a second push of the same manifest is answered 201", async () => {
    const image = await pushImage(berth(), "push/again", "1");
    await putManifest(berth(), "push/again", "1", image.manifest).expect(201);
    await putManifest(berth(), "push/again", image.digest, image.manifest).expect(201);
    assert.deepEqual(await tagsOf(berth(), "push/again"), ["1"]);
  });

  test("a tag that is pushed again points at the new manifest at once; the old manifest is kept", async () => {
    const before = await pushImage(berth(), "push/moved", "1", "before");
    const after = await pushImage(berth(), "push/moved", "1", "after");
    const { headers } = await berth().api.head(pathOf("push/moved", "1")).expect(200);
    assert.equal(headers["docker-content-digest"], after.digest);
    assert.deepEqual(await readManifest(berth(), "push/moved", before.digest), before.manifest);
  });

  test("a push by a digest that does not match the bytes is rejected and not stored", async () => {
    const image = await pushImageParts(berth(), "push/wrong");
    const padded = Buffer.concat([image.manifest, Buffer.from("  ")]);
    const { body } = await putManifest(berth(), "push/wrong", image.digest, padded).expect(400);
    assert.equal(body.errors[0].code, "DIGEST_INVALID");
    await berth().api.get(pathOf("push/wrong", image.digest)).expect(404);
    await berth()
      .api.get(pathOf("push/wrong", digestOf(padded)))
      .expect(404);
  });

  for (const [reference, code] of [
    ["sha256:baddigeststring", "DIGEST_INVALID"],
    ["md5:d41d8cd98f00b204e9800998ecf8427e", "DIGEST_INVALID"],
    ["-starts-with-a-dash", "TAG_INVALID"],
    ["a".repeat(129), "TAG_INVALID"],
    ["a%2Fb", "TAG_INVALID"],
    ["%C3%A9", "TAG_INVALID"],
  ] as const) {
    test(`a push and a pull of the invalid reference ${reference.slice(0, 30)} are rejected with 400`, async () => {
      const image = await pushImageParts(berth(), "push/reference");
      const put = await putManifest(berth(), "push/reference", reference, image.manifest);
      assert.deepEqual([put.status, put.body.errors?.[0].code], [400, code]);
      const got = await berth().api.get(pathOf("push/reference", reference)).expect(400);
      assert.equal(got.body.errors[0].code, code);
    });
  }

  test("a tag of 128 characters is accepted", async () => {
    const image = await pushImageParts(berth(), "push/long");
    const tag = `_${"A.-".repeat(42)}z`;
    assert.equal(tag.length, 128);
    await putManifest(berth(), "push/long", tag, image.manifest).expect(201);
    assert.deepEqual(await readManifest(berth(), "push/long", tag), image.manifest);
  });

  test("a push of a manifest with a subject is answered with OCI-Subject", async () => {
    const subject = { mediaType: types.OCI_MANIFEST, digest: nowhere, size: 7 };
    const image = await pushImageParts(berth(), "push/subject", { extra: { subject } });
    const { headers } = await putManifest(
      berth(),
      "push/subject",
      image.digest,
      image.manifest,
    ).expect(201);
    assert.equal(headers["oci-subject"], nowhere);
  });

  test("a push without a Content-Type takes the type from mediaType, or else from the fields", async () => {
    const image = await pushImageParts(berth(), "push/untyped");
    const { mediaType, ...untyped } = JSON.parse(image.manifest.toString());
    const emptyIndex = { schemaVersion: 2, manifests: [] };
    for (const [tag, document, expected] of [
      ["said", { ...untyped, mediaType }, types.OCI_MANIFEST],
      ["config", untyped, types.OCI_MANIFEST],
      ["manifests", emptyIndex, types.OCI_INDEX],
    ]) {
      const pieces = [Buffer.from(JSON.stringify(document))];
      const put = await send(berth(), "PUT", pathOf("push/untyped", tag), { pieces });
      assert.equal(put.status, 201, put.text);
      const { headers } = await berth().api.head(pathOf("push/untyped", tag)).expect(200);
      assert.equal(headers["content-type"], expected);
    }
  });

  test("the stored media type has no Content-Type parameters", async () => {
    const image = await pushImageParts(berth(), "push/charset");
    const type = `${types.OCI_MANIFEST}; charset=utf-8`;
    await putManifest(berth(), "push/charset", "1", image.manifest, type).expect(201);
    const { headers } = await berth().api.head(pathOf("push/charset", "1")).expect(200);
    assert.equal(headers["content-type"], types.OCI_MANIFEST);
  });

  for (const type of [
    "application/json",
    "application/x-www-form-urlencoded",
    "text/html",
    "application/vnd.example.thing.v9+json",
  ])
    test(`an image that is pushed as ${type} is rejected, and the error names the right type`, async () => {
      const image = await pushImageParts(berth(), "push/opaque");
      const { mediaType: _, ...manifest } = JSON.parse(image.manifest.toString()) as object & {
        mediaType?: string;
      };
      const bytes = Buffer.from(JSON.stringify(manifest));
      const { body } = await putManifest(berth(), "push/opaque", "1", bytes, type).expect(400);
      const [{ code, message }] = (body as { errors: [{ code: string; message: string }] }).errors;
      assert.equal(code, "MANIFEST_INVALID");
      assert.match(message, new RegExp(`${type.replace(/[+.]/g, ".")} is not.*image.manifest`));
      await berth().api.head(pathOf("push/opaque", "1")).expect(404);
    });
});
