import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { DeletedTagsAnswer } from "../../../src/api/tag-removal.ts";
import type { TagAnswer } from "../../../src/api/tags.ts";
import { pushBlob, pushImageParts, putManifest } from "../../support/berth.ts";
import { startClosedBerth } from "../../support/closed.ts";

const root = "/api/berth/v1/repositories";
const ociIndex = "application/vnd.oci.image.index.v1+json";
const ociImage = "application/vnd.oci.image.manifest.v1+json";

const berth = await startClosedBerth({ "gc.deleteUntagged": "true" });
await berth.addUser("ann");
await berth.addUser("mia");
const ann = berth.as("ann");

async function pushImage(repository: string, reference: string, layer: string) {
  const image = await pushImageParts(ann, repository, { layer, config: { layer } });
  await putManifest(ann, repository, reference || image.digest, image.manifest).expect(201);
  return { ...image, bytes: layer.length + sizeOfConfig(image.manifest) };
}
const sizeOfConfig = (manifest: Buffer): number =>
  (JSON.parse(manifest.toString("utf8")) as { config: { size: number } }).config.size;

async function freesOf(repository: string, tag: string): Promise<number | null | undefined> {
  const { body } = await ann.api.get(`${root}/${repository}/-/tags/${tag}?frees=true`).expect(200);
  return (body as TagAnswer).frees;
}

async function remove(repository: string, body: object): Promise<DeletedTagsAnswer> {
  const answer = await ann.api.post(`${root}/${repository}/-/tag-deletions`).send(body).expect(200);
  return answer.body as DeletedTagsAnswer;
}
describe("the bytes that a deletion of a tag frees", () => {
  test("are those of the blobs that only this tag uses, with the images of an index", async () => {
    const first = await pushImage("ann/frees", "", "first layer");
    const shared = await pushImage("ann/frees", "other", "shared layer!");
    const entry = ({ digest, manifest }: typeof first) => ({
      ...{ mediaType: ociImage, digest, size: manifest.length },
    });
    const index = {
      ...{ schemaVersion: 2, mediaType: ociIndex, manifests: [entry(first), entry(shared)] },
    };
    await putManifest(ann, "ann/frees", "both", index, ociIndex).expect(201);
    assert.equal(await freesOf("ann/frees", "both"), first.bytes);
    assert.equal(await freesOf("ann/frees", "other"), 0);
    const { frees } = await remove("ann/frees", { tags: ["both", "other"], dry_run: true });
    assert.equal(frees, first.bytes + shared.bytes);
    const { body } = await ann.api.get(`${root}/ann/frees/-/tags/both`).expect(200);
    assert.ok(!("frees" in (body as object)));
  });

  test("include the signature of the image, and not what another readable repository has", async () => {
    const image = await pushImage("ann/signed", "1", "signed layer");
    const signature = await pushImageParts(ann, "ann/signed", { layer: "signature" });
    const fields = JSON.parse(signature.manifest.toString("utf8")) as object;
    const subject = { mediaType: ociImage, digest: image.digest, size: image.manifest.length };
    const referrer = Buffer.from(JSON.stringify({ ...fields, subject }));
    await putManifest(ann, "ann/signed", signature.digest, signature.manifest).expect(201);
    await ann.api.delete(`/v2/ann/signed/manifests/${signature.digest}`).expect(202);
    await ann.api
      .put("/v2/ann/signed/manifests/sig")
      .set("Content-Type", ociImage)
      .serialize((body: Buffer) => body as unknown as string)
      .send(referrer)
      .expect(201);
    await remove("ann/signed", { tags: ["sig"] });
    const expected = image.bytes + "signature".length + sizeOfConfig(signature.manifest);
    assert.equal(await freesOf("ann/signed", "1"), expected);
    await pushBlob(ann, "ann/elsewhere", "signed layer");
    assert.equal(await freesOf("ann/signed", "1"), expected - "signed layer".length);
  });

  test("do not depend on repositories that the caller may not read", async () => {
    const image = await pushImage("ann/hidden", "", "also in a private repository");
    const entry = { mediaType: ociImage, digest: image.digest, size: image.manifest.length };
    const index = { schemaVersion: 2, mediaType: ociIndex, manifests: [entry] };
    await putManifest(ann, "ann/hidden", "1", index, ociIndex).expect(201);
    const mia = berth.as("mia");
    const same = await pushImageParts(mia, "mia/private", {
      ...{ layer: "also in a private repository" },
      config: { layer: "also in a private repository" },
    });
    await putManifest(mia, "mia/private", same.digest, same.manifest).expect(201);
    await putManifest(mia, "mia/private", "1", index, ociIndex).expect(201);
    assert.equal(same.digest, image.digest);
    assert.equal(await freesOf("ann/hidden", "1"), image.bytes);
  });

  test("are none where the collector keeps manifests without a tag", async () => {
    const keeping = await startClosedBerth();
    await keeping.addUser("ann");
    await keeping.pushImage("ann/app", "ann", "private");
    const path = `${root}/ann/app/-/tags/1?frees=true`;
    const { body } = await keeping.as("ann").api.get(path).expect(200);
    assert.equal((body as TagAnswer).frees, 0);
  });

  test("are none for a tag with an alias", async () => {
    const { manifest } = await pushImage("ann/alias", "1", "alias");
    await putManifest(ann, "ann/alias", "latest", manifest).expect(201);
    assert.equal(await freesOf("ann/alias", "1"), 0);
  });
});
