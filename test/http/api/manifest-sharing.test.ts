import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { LayerSharingAnswer, ManifestAnswer } from "../../../src/api/manifests.ts";
import { digestOf } from "../../../src/oci/digest.ts";
import { pushBlob, pushImageParts, putManifest } from "../../support/berth.ts";
import { startClosedBerth } from "../../support/closed.ts";

/*
 * What the answers about a manifest tell about other repositories.
 */

const root = "/api/berth/v1/repositories";
const ociIndex = "application/vnd.oci.image.index.v1+json";
const layerType = "application/vnd.oci.image.layer.v1.tar";

const berth = await startClosedBerth();
await berth.addUser("ann");
await berth.addUser("mia");
const ann = berth.as("ann");

async function inspect(digest: string): Promise<ManifestAnswer> {
  const { body } = await ann.api.get(`${root}/ann/app/-/manifests/${digest}`).expect(200);
  return body as ManifestAnswer;
}

describe("the answer about a manifest", () => {
  test("does not tell what only other repositories have", async () => {
    const mia = berth.as("mia");
    const secret = await pushImageParts(mia, "mia/secret", { layer: "elsewhere" });
    await putManifest(mia, "mia/secret", "1", secret.manifest).expect(201);
    const urls = ["https://example.com/layer"];
    const foreign = { mediaType: layerType, digest: secret.layer, size: 9, urls };
    const image = await pushImageParts(ann, "ann/app", { extra: { layers: [foreign] } });
    await putManifest(ann, "ann/app", image.digest, image.manifest).expect(201);
    const isHere = (await inspect(image.digest)).steps.map(({ layer }) => layer?.is_here);
    assert.deepEqual(isHere, [false]);
    const blob = await pushBlob(ann, "ann/app", "of both");
    await pushBlob(mia, "mia/secret", "of both");
    const entry = { mediaType: layerType, digest: blob, size: 7 };
    const index = Buffer.from(
      JSON.stringify({ schemaVersion: 2, mediaType: ociIndex, manifests: [entry] }),
    );
    await putManifest(ann, "ann/app", "of-both", index, ociIndex).expect(201);
    await berth.exec(`DELETE FROM blob_links
      WHERE blob_id = (SELECT id FROM blobs WHERE digest = '${blob}')
        AND repository_id = (SELECT id FROM repositories WHERE name = 'ann/app')`);
    const { children } = await inspect(digestOf(index));
    assert.deepEqual(
      children.map(({ is_here }) => is_here),
      [false],
    );
    for (const rest of ["", "/sharing"])
      await ann.api.get(`${root}/ann/app/-/manifests/${secret.digest}${rest}`).expect(404);
  });

  test("needs an access token that may pull, as the manifest itself", async () => {
    await berth.addOrganisation("team", "ann");
    const image = await pushImageParts(ann, "team/app");
    await putManifest(ann, "team/app", "1", image.manifest).expect(201);
    const robotWith = async (scope: string) =>
      berth.as(
        "team",
        await berth.addRobot("team", [{ type: "TYPE_REPO", path: "team/*", scopes: [scope] }]),
      );
    const ofTags = await robotWith("scope-tag-read");
    await ofTags.api.get(`${root}/team/app/-/tags/1`).expect(200);
    const path = `${root}/team/app/-/manifests/${image.digest}`;
    for (const rest of ["", "/sharing"]) {
      await ofTags.api.get(path + rest).expect(403);
      await (await robotWith("scope-image-pull")).api.get(path + rest).expect(200);
    }
  });
});

describe("GET /api/berth/v1/repositories/NAME/-/manifests/DIGEST/sharing", () => {
  test("counts the tags and the readable repositories with each layer, and their bytes", async () => {
    const push = async (who: typeof ann, name: string, tags: string, layer: string) => {
      const image = await pushImageParts(who, name, { layer, config: { name, tags } });
      await putManifest(who, name, `${image.digest}?${tags}`, image.manifest).expect(201);
      return image;
    };
    const image = await push(ann, "ann/one", "tag=1&tag=2", "both images and repositories");
    await push(ann, "ann/one", "tag=3", "both images and repositories");
    await push(berth.as("mia"), "mia/other", "tag=1", "both images and repositories");
    const path = `${root}/ann/one/-/manifests/${image.digest}/sharing`;
    const sharing = async (who: typeof ann) =>
      (await who.api.get(path).expect(200)).body as LayerSharingAnswer;
    const layer = { digest: image.layer, tags: 3, repositories: 0 };
    assert.deepEqual(await sharing(ann), {
      layers: [layer],
      bytes: { elsewhere: 0, here: 28, alone: 0 },
    });
    assert.deepEqual(await sharing(berth.as("admin")), {
      layers: [{ ...layer, repositories: 1 }],
      bytes: { elsewhere: 28, here: 0, alone: 0 },
    });
    const alone = await push(ann, "ann/one", "tag=4", "alone");
    const { body } = await ann.api
      .get(`${root}/ann/one/-/manifests/${alone.digest}/sharing`)
      .expect(200);
    assert.deepEqual((body as { bytes: object }).bytes, { elsewhere: 0, here: 0, alone: 5 });
    await berth.as("mia").api.get(path).expect(404);
    const missing = digestOf(Buffer.from("none"));
    await ann.api.get(`${root}/ann/one/-/manifests/${missing}/sharing`).expect(404);
  });
});
