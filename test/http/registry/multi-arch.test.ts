import SqliteDatabase from "../../../src/database/sqlite/driver.ts";
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { databaseFile } from "../../../src/app/data-folder.ts";
import { digestOf, type Digest } from "../../../src/oci/digest.ts";
import * as types from "../../../src/oci/media-types.ts";
import {
  collect,
  describeApi,
  pushBlob,
  putManifest,
  type TestBerth,
} from "../../support/berth.ts";

interface Platform {
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string;
  readonly "os.version"?: string;
  readonly "os.features"?: readonly string[];
}

/** The media types of the OCI or the Docker format. */
interface Form {
  readonly name: string;
  readonly index: string;
  readonly manifest: string;
  readonly config: string;
  readonly layer: string;
  readonly foreignLayer: string;
}

const forms: readonly Form[] = [
  {
    name: "oci",
    index: types.OCI_INDEX,
    manifest: types.OCI_MANIFEST,
    config: types.OCI_IMAGE_CONFIG,
    layer: types.OCI_LAYER_GZIP,
    foreignLayer: types.OCI_NONDISTRIBUTABLE_LAYER_GZIP,
  },
  {
    name: "docker",
    index: types.DOCKER_MANIFEST_LIST,
    manifest: types.DOCKER_MANIFEST,
    config: types.DOCKER_IMAGE_CONFIG,
    layer: types.DOCKER_LAYER,
    foreignLayer: types.DOCKER_FOREIGN_LAYER_GZIP,
  },
];

const windows = (build: string): Platform => ({
  architecture: "amd64",
  os: "windows",
  "os.version": build,
  "os.features": ["win32k"],
});

/** Deliberately not sorted by name or version: the registry must keep the publisher's order. */
const platforms: readonly Platform[] = [
  { architecture: "amd64", os: "linux" },
  windows("10.0.20348.2582"),
  windows("10.0.26100.1742"),
  windows("10.0.17763.5936"),
  { architecture: "arm64", os: "linux", variant: "v8" },
];

interface PushedIndex {
  readonly bytes: Buffer;
  readonly children: readonly { readonly bytes: Buffer; readonly digest: Digest }[];
  readonly foreign: Digest;
}

/** Pushes an image per platform, an attestation of the first image, and an index of all of them as `latest`. */
async function pushIndex(berth: TestBerth, repository: string, form: Form): Promise<PushedIndex> {
  const foreign = digestOf(Buffer.from("the base layer that Microsoft hands out"));
  const children = [];
  const entries = [];
  for (const platform of platforms) {
    const config = JSON.stringify({ ...platform, rootfs: { type: "layers", diff_ids: [] } });
    const layer = `files for ${JSON.stringify(platform)}`;
    const base = {
      mediaType: form.foreignLayer,
      digest: foreign,
      size: 39,
      urls: ["https://mcr.example/base"],
    };
    const bytes = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: form.manifest,
        config: {
          mediaType: form.config,
          digest: await pushBlob(berth, repository, config),
          size: config.length,
        },
        layers: [
          ...(platform.os === "windows" ? [base] : []),
          {
            mediaType: form.layer,
            digest: await pushBlob(berth, repository, layer),
            size: layer.length,
          },
        ],
      }),
    );
    const digest = digestOf(bytes);
    await putManifest(berth, repository, digest, bytes, form.manifest).expect(201);
    children.push({ bytes, digest });
    entries.push({ mediaType: form.manifest, digest, size: bytes.length, platform });
  }
  const attestation = await pushAttestation(berth, repository);
  children.push(attestation);
  entries.push({
    mediaType: types.OCI_MANIFEST,
    digest: attestation.digest,
    size: attestation.bytes.length,
    annotations: {
      "vnd.docker.reference.digest": String(children[0]?.digest),
      "vnd.docker.reference.type": "attestation-manifest",
    },
    platform: { architecture: "unknown", os: "unknown" },
  });
  const document = { schemaVersion: 2, mediaType: form.index, manifests: entries };
  const bytes = Buffer.from(JSON.stringify(document, undefined, 3));
  await putManifest(berth, repository, "latest", bytes, form.index).expect(201);
  return { bytes, children, foreign };
}

async function pushAttestation(berth: TestBerth, repository: string) {
  const config = '{"architecture":"unknown","os":"unknown","rootfs":{"type":"layers"}}';
  const statement = '{"predicateType":"https://slsa.dev/provenance/v1"}';
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: types.OCI_MANIFEST,
      config: {
        mediaType: types.OCI_IMAGE_CONFIG,
        digest: await pushBlob(berth, repository, config),
        size: config.length,
      },
      layers: [
        {
          mediaType: "application/vnd.in-toto+json",
          digest: await pushBlob(berth, repository, statement),
          size: statement.length,
          annotations: { "in-toto.io/predicate-type": "https://slsa.dev/provenance/v1" },
        },
      ],
    }),
  );
  const digest = digestOf(bytes);
  await putManifest(berth, repository, digest, bytes, types.OCI_MANIFEST).expect(201);
  return { bytes, digest };
}

/** Runs a query on the database file while the server runs. */
function rowsOf(berth: TestBerth, query: string, ...parameters: string[]): unknown[] {
  const database = new SqliteDatabase(databaseFile(berth.config), { readonly: true });
  try {
    return database.prepare(query).all(...parameters);
  } finally {
    database.close();
  }
}

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
        const rows = rowsOf(
          berth(),
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
          const [row] = rowsOf(
            berth(),
            `SELECT m.os, m.architecture, m.variant, m.os_version, m.os_features
             FROM manifests m JOIN repositories p ON p.id = m.repository_id
             WHERE p.name = ? AND m.digest = ?`,
            repository,
            String(pushed.children[position]?.digest),
          );
          assert.deepEqual(row, columnsOf(platform));
        }
      });

      test("the database row of the attestation has the digest of its image", () => {
        const rows = rowsOf(
          berth(),
          `SELECT r.annotations FROM manifest_references r
           JOIN manifests m ON m.id = r.manifest_id JOIN repositories p ON p.id = m.repository_id
           WHERE p.name = ? AND r.digest = ?`,
          repository,
          String(pushed.children.at(-1)?.digest),
        ) as { annotations: string }[];
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
    const rows = rowsOf(
      berth(),
      `SELECT r.os FROM manifest_references r JOIN tags t ON t.manifest_id = r.manifest_id
       WHERE t.name = 'same' ORDER BY r.position`,
    );
    assert.deepEqual(rows, [{ os: "windows" }, { os: "windows" }, { os: null }, { os: "windows" }]);
  });
});
