import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  ann,
  attach,
  berth,
  contentsOf,
  inToto,
  root,
  slsa02,
  spdx,
  statement,
  subject,
  type GivenLayer,
} from "./attaching.ts";

const base64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64");
async function only(layer: GivenLayer) {
  const { layers } = await contentsOf(await attach(layer));
  assert.ok(layers.length === 1 && layers[0] !== undefined);
  return layers[0];
}

describe("GET /api/berth/v1/repositories/NAME/-/manifests/DIGEST/contents", () => {
  test("shows provenance and SBOM of an attestation manifest of BuildKit", async () => {
    const buildkit = "https://mobyproject.org/buildkit@v1";
    const source = "https://github.com/acme/app.git";
    const digest = await attach(
      {
        content: statement("https://spdx.dev/Document", spdx),
        annotations: { "in-toto.io/predicate-type": "https://spdx.dev/Document" },
      },
      {
        content: statement(slsa02, {
          builder: { id: "https://github.com/acme/app/actions/runs/7" },
          buildType: buildkit,
          materials: [{ uri: "pkg:docker/alpine@3.22", digest: { sha256: "cd".repeat(32) } }],
          invocation: {
            configSource: { uri: `${source}#refs/heads/main`, entryPoint: "Dockerfile" },
            parameters: { frontend: "dockerfile.v0", args: { a: "b" } },
          },
          buildConfig: { llbDefinition: [{ id: "step0", op: {} }] },
          metadata: {
            ...{ buildInvocationID: "xyz", buildStartedOn: "2026-01-02T03:04:05.5Z" },
            [`${buildkit}#metadata`]: { vcs: { revision: "c0ffee", source } },
          },
        }),
        annotations: { "in-toto.io/predicate-type": slsa02 },
      },
    );
    const { layers, layer_count, subject: of } = await contentsOf(digest);
    assert.deepEqual([layer_count, of], [2, subject.digest]);
    const [sbom, provenance] = layers;
    assert.deepEqual(
      [sbom?.kind, sbom?.predicate_type, sbom?.signature, sbom?.sbom],
      [
        ...["sbom", "https://spdx.dev/Document", null],
        {
          ...{ format: "SPDX", version: "2.3", name: "app", package_count: 2, tools: ["syft"] },
          created: "2026-01-02T03:04:05.000Z",
        },
      ],
    );
    assert.deepEqual(
      [provenance?.kind, provenance?.subjects, provenance?.provenance],
      [
        "provenance",
        [{ name: "pkg:docker/app@1", digest: `sha256:${"ab".repeat(32)}` }],
        {
          builder: "https://github.com/acme/app/actions/runs/7",
          build_type: buildkit,
          ...{ source, commit: "c0ffee", entry_point: "Dockerfile", invocation_id: "xyz" },
          ...{ started: "2026-01-02T03:04:05.500Z", finished: null },
          materials: [{ uri: "pkg:docker/alpine@3.22", digest: `sha256:${"cd".repeat(32)}` }],
          material_count: 1,
        },
      ],
    );
  });

  test("shows SLSA v1 of GitHub in a bundle of sigstore, with its entry in Rekor", async () => {
    const provenance = statement("https://slsa.dev/provenance/v1", {
      buildDefinition: {
        buildType: "https://actions.github.io/buildtypes/workflow/v1",
        externalParameters: { workflow: { repository: "https://x/y", path: "build.yml" } },
        resolvedDependencies: [{ uri: "git+https://x/y@main", digest: { gitCommit: "c0ffee" } }],
      },
      runDetails: { builder: { id: "b" }, metadata: { invocationId: "run 7" } },
    });
    const { kind, signature, ...layer } = await only({
      type: "application/vnd.dev.sigstore.bundle.v0.3+json",
      content: {
        mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
        verificationMaterial: {
          certificate: { rawBytes: "bm8gY2VydGlmaWNhdGU=" },
          tlogEntries: [{ logIndex: "123456789", integratedTime: "1767323045" }],
        },
        dsseEnvelope: {
          ...{ payloadType: inToto, payload: base64(provenance) },
          signatures: [{ sig: "x" }],
        },
      },
    });
    assert.equal(kind, "provenance");
    assert.deepEqual(
      [layer.provenance?.commit, layer.provenance?.source, layer.provenance?.entry_point],
      ["c0ffee", "https://x/y", "build.yml"],
    );
    assert.deepEqual(signature, {
      ...{ is_verified: false, signed_digest: `sha256:${"ab".repeat(32)}`, certificate: null },
      ...{ key_hint: null, log_index: 123456789, logged_at: "2026-01-02T03:04:05.000Z" },
    });
  });

  test("shows the log entry of a signature that cosign wrote into the annotations", async () => {
    const { kind, signature } = await only({
      type: "application/vnd.dev.cosign.simplesigning.v1+json",
      content: { critical: { image: { "docker-manifest-digest": subject.digest } } },
      annotations: {
        "dev.sigstore.cosign/bundle": JSON.stringify({
          SignedEntryTimestamp: "x",
          Payload: { body: "x", integratedTime: 1767323045, logIndex: 42 },
        }),
      },
    });
    assert.equal(kind, "signature");
    assert.deepEqual(
      [signature?.signed_digest, signature?.log_index, signature?.logged_at],
      [subject.digest, 42, "2026-01-02T03:04:05.000Z"],
    );
  });

  for (const { what, content, kind, type } of [
    {
      what: "a statement of another type",
      content: statement("https://x/y", {}),
      kind: "attestation",
    },
    { what: "JSON that is no document of a known type", content: { a: 1 }, kind: "other" },
    { what: "a file that is no JSON", content: Buffer.from([0, 1, 2]), kind: "other" },
    { what: "a list", content: [1], kind: "other" },
    {
      what: "SPDX as text in a statement",
      content: statement("https://spdx.dev/Document", "SPDXVersion: SPDX-2.3"),
      kind: "sbom",
    },
    { what: "an archive of an image", content: "{}", kind: "other", type: "application/tar+gzip" },
    { what: "provenance without anything", content: statement(slsa02, null), kind: "provenance" },
    {
      what: "values of wrong types everywhere",
      kind: "attestation",
      content: {
        ...{ _type: 1, predicateType: ["a"], subject: { a: 1 }, predicate: [1], payload: 7 },
        ...{ signatures: "x", critical: null, verificationMaterial: [], spdxVersion: {} },
        ...{ packages: { a: 1 }, metadata: "m", builder: [], buildDefinition: 1 },
      },
    },
  ])
    test(`names ${what} as ${kind}`, async () => {
      const layer = await only({ content, ...(type === undefined ? {} : { type }) });
      assert.deepEqual([layer.kind, layer.problem], [kind, null]);
    });

  for (const { what, layer, problem } of [
    { what: "a cut document", layer: { content: '{"spdxVersion":"SPDX' }, problem: "invalid" },
    { what: "an empty layer", layer: { content: "" }, problem: "invalid" },
    {
      what: "an envelope without a document",
      layer: { content: { payload: "!!!", payloadType: inToto } },
      problem: "invalid",
    },
    {
      what: "a document with many levels",
      layer: { content: `{"a":${"[".repeat(100_000)}` },
      problem: "too complex",
    },
    {
      what: "a document of more than 8 MiB",
      layer: { content: `{"a":"${"a".repeat(8 * 1024 * 1024)}"}` },
      problem: "too large",
    },
    {
      what: "a layer that is elsewhere",
      layer: { content: "absent", isAbsent: true },
      problem: "not here",
    },
  ] as const)
    test(`names the problem of ${what}, and its type from the annotations`, async () => {
      const annotations = { "in-toto.io/predicate-type": slsa02 };
      const seen = await only({ ...layer, annotations });
      assert.deepEqual(
        [seen.problem, seen.kind, seen.provenance, seen.sbom, seen.signature],
        [problem, "provenance", null, null, null],
      );
    });

  test("reads 20 layers and at most 16 MiB of one manifest", async () => {
    const large = (at: number): GivenLayer => ({
      content: `{"a":"${String(at).repeat(6 * 1024 * 1024)}"}`,
    });
    const small = Array.from({ length: 20 }, (_, at) => ({ content: { at } }));
    const { layers, layer_count } = await contentsOf(
      await attach(large(1), large(2), large(3), ...small),
    );
    assert.deepEqual([layers.length, layer_count], [20, 23]);
    assert.deepEqual(
      layers.slice(0, 4).map(({ problem }) => problem),
      [null, null, "too large", null],
    );
  });

  test("has no layers for an index, and no documents for the layers of an image", async () => {
    const { layers } = await contentsOf(subject.digest);
    assert.deepEqual(
      layers.map(({ kind, problem }) => [kind, problem]),
      [["other", null]],
    );
  });

  test("is 404 for a manifest that is not there, and for a user who may not pull", async () => {
    const digest = await attach({ content: spdx });
    const none = `sha256:${"0".repeat(64)}`;
    for (const route of ["contents", "packages"]) {
      await ann.api.get(`${root}/ann/app/-/manifests/${none}/${route}`).expect(404);
      const url = `${root}/ann/app/-/manifests/${digest}/${route}`;
      await berth.as("mia").api.get(url).expect(404);
      await ann.api.get(url).expect(200);
    }
  });
});
