import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { waitUntil } from "../support/wait.ts";
import { pushUpstream, startMirrorPair, untilShown } from "./support.ts";

describe("the Hub-shaped API of a mirror", async () => {
  const pair = await startMirrorPair({ prefetch: 0 });
  const { mirror } = pair;
  const first = await pushUpstream(pair, "library/shown", "1", "a layer");
  await mirror.api.get("/v2/shown/manifests/1").expect(200);
  const hub = "/v2/namespaces/docker.io/repositories";
  const shown = `${hub}/library%2Fshown`;
  const own = "/api/berth/v1/repositories/docker.io/library/shown/-/tags/1";
  await untilShown(mirror, own);

  test("shows images whose config is not cached", async () => {
    const { body } = await mirror.api
      .get("/v2/repositories/docker.io/library%2Fshown/tags/1/images")
      .expect(200);
    const [image] = body as { layers: { digest: string; instruction: string }[] }[];
    assert.deepEqual(
      image?.layers.map(({ digest, instruction }) => [digest, instruction]),
      [[first.layer, ""]],
    );
    const query = "from=1&to=1";
    await mirror.api
      .get(`/api/berth/v1/repositories/docker.io/library/shown/-/diff?${query}`)
      .expect(200);
  });

  const images = "/v2/repositories/docker.io/library%2Fshown/tags/1/images";
  const platform = async () => {
    const { body } = await mirror.api.get(images).expect(200);
    const [image] = body as { os: string | null; architecture: string | null }[];
    return `${image?.os}/${image?.architecture}`;
  };

  test("shows the platform of a single image after its config was pulled", async () => {
    assert.doesNotMatch(await platform(), /linux/);
    await mirror.api.get(`/v2/shown/blobs/${first.config}`).expect(200);
    await waitUntil("the platform is known", async () => (await platform()) === "linux/amd64");
  });

  test("shows the platform of an image that an older version stored without platform, after a restart", async () => {
    await mirror.tables.exec("UPDATE manifests SET os = NULL, architecture = NULL");
    assert.doesNotMatch(await platform(), /linux/);
    await mirror.restart();
    await waitUntil("the platform is known", async () => (await platform()) === "linux/amd64");
  });

  test("answers 403 to creating repositories, rolling back tags and setting immutable tags in the mirror", async () => {
    const made = { name: "mine", namespace: "docker.io" };
    await mirror.api.post(hub).send(made).expect(403);
    await mirror.api.post(`${own}/rollback`).send({}).expect(403);
    const fixed = { immutable_tags: true, immutable_tags_rules: [] };
    await mirror.api.patch(`${shown}/immutabletags`).send(fixed).expect(403);
    const elsewhere = { name: "mine", namespace: "team" };
    await mirror.api.post("/v2/namespaces/team/repositories").send(elsewhere).expect(201);
  });

  test("deletes a mirrored tag, and the next pull stores it again", async () => {
    await mirror.api.delete(own).expect(204);
    await mirror.api.get(own).expect(404);
    await mirror.api.get("/v2/shown/manifests/1").expect(200);
    await untilShown(mirror, own);
  });
});
