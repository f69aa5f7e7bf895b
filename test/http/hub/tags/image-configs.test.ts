import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { pushImageParts, putManifest } from "../../../support/berth.ts";
import { startClosedBerth } from "../../../support/closed.ts";

describe("an organisation's access token with the scope scope-tag-read", async () => {
  const berth = await startClosedBerth();
  await berth.addUser("mia");
  await berth.addOrganisation("team", "mia");
  const history = [{ created_by: "ENV SECRET=canary" }];
  for (const layer of ["one", "two"]) {
    const config = { os: "linux", architecture: "amd64", history, config: { Env: [`A=${layer}`] } };
    const mia = berth.as("mia");
    const { manifest } = await pushImageParts(mia, "team/app", { layer, config });
    await putManifest(mia, "team/app", layer, manifest).expect(201);
  }
  const robot = async (scope: string): Promise<string> => {
    const resource = { type: "TYPE_REPO", path: "team/app", scopes: [scope] };
    return `Basic ${Buffer.from(`team:${await berth.addRobot("team", [resource])}`).toString("base64")}`;
  };

  test("does not get the content of image configs, but one with scope-image-pull does", async () => {
    const diff = "/api/berth/v1/repositories/team/app/-/diff?from=one&to=two";
    const images = "/v2/namespaces/team/repositories/app/tags/one/images";
    for (const [scope, status, instruction] of [
      ["scope-tag-read", 403, ""],
      ["scope-image-pull", 200, "ENV SECRET=canary"],
    ] as const) {
      const authorization = await robot(scope);
      const compared = await berth.api.get(diff).set({ authorization });
      assert.equal(compared.status, status, compared.text);
      const listed = await berth.api.get(images).set({ authorization });
      const [image] = listed.body as { layers: { instruction: string }[] }[];
      assert.equal(image?.layers[0]?.instruction, instruction);
    }
  });
});
