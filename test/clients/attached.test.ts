import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import type { PackageItem, ReferrerContentsAnswer } from "../../src/api/referrers.ts";
import { tool } from "./support/command.ts";
import { seed } from "./support/seeding.ts";
import { openStage } from "./support/stage.ts";

/* What real clients attach to an image, as Berth's own API reads it. */

const { berth, folder, indexes } = await openStage("attached");
const environment = {
  HOME: folder,
  DOCKER_CONFIG: folder,
  COSIGN_PASSWORD: "a password",
  COSIGN_EXPERIMENTAL: "1",
  TUF_MIRROR: "http://127.0.0.1:9",
};
const cosign = tool("cosign", { cwd: folder, env: environment });
const openssl = tool("openssl", { cwd: folder, env: environment });
const oras = tool("oras", { cwd: folder, env: environment });
const { digest } = indexes.oci.root.descriptor;
const options = [
  ...["--key", "cosign.key", "--tlog-upload=false", "--yes"],
  ...["--allow-http-registry", "--allow-insecure-registry"],
];

const write = (name: string, content: object | string): void =>
  writeFileSync(
    path.join(folder, name),
    typeof content === "string" ? content : JSON.stringify(content),
  );
write("spdx.json", {
  ...{ spdxVersion: "SPDX-2.3", SPDXID: "SPDXRef-DOCUMENT", name: "app", dataLicense: "CC0-1.0" },
  documentNamespace: "https://example.com/app",
  creationInfo: {
    created: "2026-01-02T03:04:05Z",
    creators: ["Organization: A", "Tool: syft-1.2"],
  },
  packages: [
    {
      ...{ SPDXID: "SPDXRef-1", name: "musl", versionInfo: "1.2.4", downloadLocation: "NONE" },
      ...{ licenseConcluded: "NOASSERTION", licenseDeclared: "MIT" },
    },
    { SPDXID: "SPDXRef-2", name: "busybox", versionInfo: "1.36", downloadLocation: "NONE" },
  ],
});
write("cyclonedx.json", {
  ...{ bomFormat: "CycloneDX", specVersion: "1.5", version: 1 },
  metadata: { timestamp: "2026-01-02T03:04:05Z", component: { type: "container", name: "app" } },
  components: [
    { type: "library", name: "koa", version: "3.3.0", licenses: [{ license: { id: "MIT" } }] },
  ],
});
write("provenance.json", {
  buildDefinition: {
    buildType: "https://actions.github.io/buildtypes/workflow/v1",
    externalParameters: {
      workflow: { repository: "https://github.com/acme/app", path: ".github/workflows/build.yml" },
    },
    resolvedDependencies: [
      { uri: "git+https://github.com/acme/app@refs/heads/main", digest: { gitCommit: "c0ffee" } },
    ],
  },
  runDetails: { builder: { id: "https://github.com/actions/runner" } },
});

await cosign("generate-key-pair");

const type = {
  cosignSignature: "https://sigstore.dev/cosign/sign/v1",
  spdx: "https://spdx.dev/Document",
};
const root = (name: string): string => `/api/berth/v1/repositories/attached/${name}/-/manifests`;

async function answer<T>(pathname: string): Promise<T> {
  const response = await berth.request(pathname);
  assert.equal(response.status, 200, pathname);
  return (await response.json()) as T;
}

/** The layers of the manifest behind a tag of cosign, or of the newest referrer. */
async function contentsOf(name: string, tag?: string): Promise<ReferrerContentsAnswer> {
  const found =
    tag === undefined
      ? (await berth.referrers(`attached/${name}`, digest)).at(-1)?.digest
      : (await berth.manifest(`attached/${name}`, tag)).digest;
  return await answer(`${root(name)}/${found ?? ""}/contents`);
}

async function imageFor(name: string): Promise<string> {
  await seed(berth, `attached/${name}`, "multi", indexes.oci);
  return `${berth.host}/attached/${name}@${digest}`;
}

const tagOf = (suffix: string): string => `${digest.replace(":", "-")}.${suffix}`;

test("a signature of cosign under its tag names the signed digest", async () => {
  await cosign("sign", "--registry-referrers-mode=legacy", ...options, await imageFor("tag"));
  const { layers } = await contentsOf("tag", tagOf("sig"));
  assert.deepEqual(
    layers.map(({ kind, problem, signature }) => [kind, problem, signature]),
    [
      [
        ...["signature", null],
        {
          ...{ is_verified: false, signed_digest: digest, certificate: null },
          ...{ key_hint: null, log_index: null, logged_at: null },
        },
      ],
    ],
  );
});

test("a signature of cosign as a referrer shows the identity in a certificate with Fulcio's extensions", async () => {
  write(
    "certificate.cnf",
    `[req]\ndistinguished_name = dn\nx509_extensions = v3\nprompt = no\n[dn]\nO = sigstore.dev\nCN = sigstore-intermediate
[v3]\nkeyUsage = critical, digitalSignature\nextendedKeyUsage = codeSigning
subjectAltName = critical, URI:https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1
1.3.6.1.4.1.57264.1.8 = ASN1:UTF8String:https://token.actions.githubusercontent.com\n`,
  );
  await openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", "own.pem");
  await openssl(
    ...["req", "-x509", "-new", "-key", "own.pem", "-config", "certificate.cnf"],
    ...["-days", "30", "-out", "own.crt"],
  );
  await cosign("import-key-pair", "--key", "own.pem", "--output-key-prefix", "own", "--yes");
  const image = await imageFor("certificate");
  await cosign(
    ...["sign", "--registry-referrers-mode=oci-1-1", "--certificate", "own.crt"],
    ...["--certificate-chain", "own.crt"],
    ...options.map((option) => (option === "cosign.key" ? "own.key" : option)),
    image,
  );
  const { layers, subject } = await contentsOf("certificate");
  assert.equal(subject, digest);
  const [signature] = layers.map((layer) => layer.signature);
  assert.equal(signature?.signed_digest, digest);
  assert.deepEqual(signature.certificate?.identities, [
    "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1",
  ]);
  assert.equal(
    signature.certificate.identity_issuer,
    "https://token.actions.githubusercontent.com",
  );
  assert.equal(signature.certificate.issuer, "O=sigstore.dev, CN=sigstore-intermediate");
});

test("a signature of cosign as a bundle of sigstore names the signed digest", async () => {
  await cosign("sign", "--new-bundle-format", ...options, await imageFor("bundle"));
  const { layers } = await contentsOf("bundle");
  assert.deepEqual(
    layers.map((layer) => [layer.kind, layer.predicate_type, layer.signature?.signed_digest]),
    [["signature", type.cosignSignature, digest]],
  );
});

test("an SBOM that cosign attested shows its packages, found by a search", async () => {
  const image = await imageFor("spdx");
  await cosign("attest", "--type", "spdxjson", "--predicate", "spdx.json", ...options, image);
  const { layers, digest: manifest } = await contentsOf("spdx", tagOf("att"));
  assert.deepEqual(
    layers.map(({ kind, predicate_type, subjects, sbom }) => [
      kind,
      predicate_type,
      subjects,
      sbom,
    ]),
    [
      [
        ...["sbom", type.spdx, [{ name: `${berth.host}/attached/spdx`, digest }]],
        {
          ...{ format: "SPDX", version: "2.3", name: "app", created: "2026-01-02T03:04:05.000Z" },
          ...{ tools: ["syft-1.2"], package_count: 2 },
        },
      ],
    ],
  );
  assert.ok(layers[0]?.signature, "the envelope is signed");
  const list = await answer<{ results: PackageItem[] }>(
    `${root("spdx")}/${manifest}/packages?query=MUS`,
  );
  assert.deepEqual(list.results, [{ name: "musl", version: "1.2.4", license: "MIT", url: null }]);
});

test("provenance that cosign attested in a bundle shows the builder and the source", async () => {
  const image = await imageFor("provenance");
  await cosign(
    ...["attest", "--new-bundle-format", "--type", "slsaprovenance1"],
    ...["--predicate", "provenance.json", ...options, image],
  );
  const { layers } = await contentsOf("provenance");
  assert.deepEqual(
    layers.map(({ kind, provenance }) => [
      ...[kind, provenance?.builder, provenance?.source, provenance?.commit],
      provenance?.entry_point,
    ]),
    [
      [
        ...["provenance", "https://github.com/actions/runner", "https://github.com/acme/app"],
        ...["c0ffee", ".github/workflows/build.yml"],
      ],
    ],
  );
});

test("SBOMs that oras attached are read, and other files are named as unknown", async () => {
  const image = await imageFor("oras");
  write("scan.txt", "nothing found");
  for (const [artifact, file] of [
    ["application/vnd.cyclonedx+json", "cyclonedx.json:application/vnd.cyclonedx+json"],
    ["application/vnd.example.untyped", "spdx.json"],
    ["application/vnd.example.scan", "scan.txt:text/plain"],
  ] as const)
    await oras("attach", "--plain-http", "--artifact-type", artifact, image, file);
  const shown: unknown[] = [];
  for (const referrer of await berth.referrers("attached/oras", digest)) {
    const { layers, artifact_type } = await answer<ReferrerContentsAnswer>(
      `${root("oras")}/${referrer.digest}/contents`,
    );
    for (const { kind, problem, sbom } of layers)
      shown.push([artifact_type, kind, problem, sbom?.format, sbom?.package_count]);
  }
  assert.deepEqual(shown.toSorted(), [
    ["application/vnd.cyclonedx+json", "sbom", null, "CycloneDX", 1],
    ["application/vnd.example.scan", "other", null, undefined, undefined],
    ["application/vnd.example.untyped", "sbom", null, "SPDX", 2],
  ]);
});
