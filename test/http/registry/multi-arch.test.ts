import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { digestOf } from "../../../src/oci/digest.ts";
import * as types from "../../../src/oci/media-types.ts";
import { collect, putManifest } from "../../support/berth.ts";
import { describeApi } from "../../support/describe-api.ts";
import {
  forms,
  platforms,
  pushIndex,
  type Form,
  type Platform,
  type PushedIndex,
} from "./multi-arch.ts";

/** The database columns of a platform. */
const columnsOf = (platform: Platform) => ({
  os: platform.os,
  architecture: platform.architecture,
  variant: platform.variant ?? null,
  os_version: platform["os.version"] ?? null,
  os_features: platform["os.features"] ? JSON.stringify(platform["os.features"]) : null,
});

describeApi("one tag for Linux and Windows", (berth) => {
  for (const form of forms) {
    describe(`in the ${form.name} format`, () => {
      const repository = `multi/${form.name}`;
      let pushed: PushedIndex;
      before(async () => {
        pushed = await pushIndex(berth(), repository, form);
      });
      const read = (reference: string) =>
        berth()
          .api.get(`/v2/${repository}/manifests/${reference}`)
          .buffer(true)
          .parse(collect)
          .expect(200);

      test("the index is served byte for byte with its media type, by tag and by digest", async () => {
        for (const reference of ["latest", digestOf(pushed.bytes)]) {
          const { body, headers } = await read(reference);
          assert.deepEqual(body, pushed.bytes);
          assert.equal(headers["content-type"], form.index);
        }
      });

      test("the entries of the index keep their order, including three Windows builds", async () => {
        const { body } = await read("latest");
        const entries = JSON.parse(body.toString()).manifests;
        assert.deepEqual(
          entries.map((entry: { platform: Platform }) => entry.platform),
          [...platforms, { architecture: "unknown", os: "unknown" }],
        );
      });

      test("every child manifest is served byte for byte", async () => {
        for (const { bytes, digest } of pushed.children)
          assert.deepEqual((await read(digest)).body, bytes);
      });

      test("the foreign base layer is answered 404, since clients download it from its urls", async () => {
        for (const method of ["get", "head"] as const)
          await berth().api[method](`/v2/${repository}/blobs/${pushed.foreign}`).expect(404);
      });

      test("the database has every platform of the index in the pushed order", async () => {
        const rows = await berth().tables.rows(
          `SELECT r.digest, r.kind, r.os, r.architecture, r.variant, r.os_version, r.os_features
           FROM manifest_references r JOIN manifests m ON m.id = r.manifest_id
           JOIN repositories p ON p.id = m.repository_id
           WHERE p.name = ? AND m.digest = ? ORDER BY r.position`,
          repository,
          digestOf(pushed.bytes),
        );
        const expected = [...platforms, { architecture: "unknown", os: "unknown" }];
        assert.deepEqual(
          rows,
          expected.map((platform, position) => ({
            digest: pushed.children[position]?.digest,
            kind: "child",
            ...columnsOf(platform),
          })),
        );
      });

      test("the database row of an image has the platform of its config", async () => {
        for (const [position, platform] of platforms.entries()) {
          const [row] = await berth().tables.rows(
            `SELECT m.os, m.architecture, m.variant, m.os_version, m.os_features
             FROM manifests m JOIN repositories p ON p.id = m.repository_id
             WHERE p.name = ? AND m.digest = ?`,
            repository,
            String(pushed.children[position]?.digest),
          );
          assert.deepEqual(row, columnsOf(platform));
        }
      });

      test("the database row of the attestation has the digest of its image", async () => {
        const rows = await berth().tables.rows<{ annotations: string }>(
          `SELECT r.annotations FROM manifest_references r
           JOIN manifests m ON m.id = r.manifest_id JOIN repositories p ON p.id = m.repository_id
           WHERE p.name = ? AND r.digest = ?`,
          repository,
          String(pushed.children.at(-1)?.digest),
        );
        assert.deepEqual(
          rows.map((row) => JSON.parse(row.annotations)["vnd.docker.reference.digest"]),
          [pushed.children[0]?.digest],
        );
      });

      test("DELETE of one image keeps the index and its other children", async () => {
        const [, victim, sibling] = pushed.children;
        await berth().api.delete(`/v2/${repository}/manifests/${victim?.digest}`).expect(202);
        assert.deepEqual((await read("latest")).body, pushed.bytes);
        assert.deepEqual((await read(String(sibling?.digest))).body, sibling?.bytes);
      });
    });
  }

  test("index entries may have no platform, or the same platform as another entry", async () => {
    const { children } = await pushIndex(berth(), "multi/same", forms[0] as Form);
    const platform = { architecture: "amd64", os: "windows" };
    const document = {
      schemaVersion: 2,
      mediaType: types.OCI_INDEX,
      manifests: [platform, platform, undefined, platform].map((platform, position) => ({
        mediaType: types.OCI_MANIFEST,
        digest: children[position]?.digest,
        size: children[position]?.bytes.length,
        platform,
      })),
    };
    await putManifest(berth(), "multi/same", "same", document, types.OCI_INDEX).expect(201);
    const rows = await berth().tables.rows(
      `SELECT r.os FROM manifest_references r JOIN tags t ON t.manifest_id = r.manifest_id
       WHERE t.name = 'same' ORDER BY r.position`,
    );
    assert.deepEqual(rows, [{ os: "windows" }, { os: "windows" }, { os: null }, { os: "windows" }]);
  });
});
