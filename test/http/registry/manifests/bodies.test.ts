import assert from "node:assert/strict";
import { before, test } from "node:test";
import { digestOf } from "../../../../src/oci/digest.ts";
import * as types from "../../../../src/oci/media-types.ts";
import { putManifest } from "../../../support/berth.ts";
import { describeApi } from "../../../support/describe-api.ts";
import { nested, pushParts, rejectedBodies, withField, type Parts } from "./rejected-bodies.ts";

describeApi("bodies that are no manifest", (berth) => {
  const repository = "bodies/refused";
  let parts: Parts;
  before(async () => {
    parts = await pushParts(berth(), repository);
  });

  for (const { name, body, type = types.OCI_MANIFEST } of rejectedBodies) {
    test(`a body of this kind is rejected with 400 MANIFEST_INVALID and not stored: ${name}`, async () => {
      const bytes = Buffer.from(body(parts));
      const digest = digestOf(bytes);
      for (const reference of ["after", "before", `${digest}?tag=after`]) {
        const refused = await putManifest(berth(), repository, reference, bytes, type);
        assert.deepEqual(
          [refused.status, refused.body.errors?.map((error: { code: string }) => error.code)],
          [400, ["MANIFEST_INVALID"]],
        );
      }
      await berth().api.get(`/v2/${repository}/manifests/${digest}`).expect(404);
      await berth().api.get(`/v2/${repository}/manifests/after`).expect(404);
      const { headers } = await berth().api.head(`/v2/${repository}/manifests/before`).expect(200);
      assert.equal(headers["docker-content-digest"], parts.pushed);
      const { body: list } = await berth().api.get(`/v2/${repository}/tags/list`).expect(200);
      assert.deepEqual(list.tags, ["before"]);
    });
  }

  test("a rejected manifest does not create its repository", async () => {
    await putManifest(berth(), "bodies/new", "1", Buffer.from("{}")).expect(400);
    await berth().api.get("/v2/bodies/new/tags/list").expect(404);
  });

  for (const [name, body, type] of [
    ["an image as it is", ({ image }: Parts) => image, types.OCI_MANIFEST],
    ["an index as it is", ({ index }: Parts) => index, types.OCI_INDEX],
    ["64 levels", withField(`"org.example":${nested(63)}`), types.OCI_MANIFEST],
    ["an unknown key beside its upper case", withField('"x":1,"X":2'), types.OCI_MANIFEST],
    ["white space around it", ({ image }: Parts) => `\n ${image}\r\n`, types.OCI_MANIFEST],
    ["the largest safe integer", withField('"x":9007199254740991'), types.OCI_MANIFEST],
    [
      "layers of null, as Go writes an empty list",
      ({ config }: Parts) => `{"schemaVersion":2,"config":${config},"layers":null}`,
      types.OCI_MANIFEST,
    ],
  ] as const) {
    test(`a body of this kind is accepted with 201: ${name}`, async () => {
      const repository = "bodies/taken";
      const bytes = Buffer.from(body(await pushParts(berth(), repository)));
      const { status, text } = await putManifest(berth(), repository, "1", bytes, type);
      assert.equal(status, 201, text);
    });
  }
});
