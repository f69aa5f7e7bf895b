import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { parse, parseAllDocuments } from "yaml";
import { attempt, run } from "../clients/support/command.ts";
import { createScratch } from "../clients/support/scratch.ts";
import { runBerth } from "./support/replica.ts";

const root = path.join(import.meta.dirname, "../..");
const chart = path.join(root, "deploy/helm/berth");
const plainFile = path.join(root, "deploy/kubernetes/berth.yaml");
const folder = createScratch("deploy");

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly labels?: Record<string, string> };
  readonly spec?: { readonly template?: { readonly metadata: Record<string, unknown> } };
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
}

/** The values for which the chart creates the objects of `deploy/kubernetes/berth.yaml`. */
const plainValues = {
  publicUrl: "https://registry.example.com",
  secrets: {
    databaseUrl: "postgres://berth:change-me@postgres.example:5432/berth",
    authKeySecret: "change-me-to-at-least-32-characters",
  },
  storage: { s3: { bucket: "registry" } },
  ingress: {
    enabled: true,
    className: "nginx",
    tlsSecret: "registry-tls",
    annotations: Object.fromEntries(
      [
        ["proxy-body-size", "0"],
        ["proxy-request-buffering", "off"],
        ["proxy-buffering", "off"],
        ["proxy-read-timeout", "300"],
        ["proxy-send-timeout", "300"],
      ].map(([name, value]) => [`nginx.ingress.kubernetes.io/${name}`, value]),
    ),
  },
};

const everyValue = {
  ...plainValues,
  imagePullSecrets: [{ name: "pull" }],
  secrets: {
    ...plainValues.secrets,
    authAdminPassword: "a long password",
    s3AccessKeyId: "key",
    s3SecretAccessKey: "secret",
  },
  storage: {
    s3: {
      ...{ bucket: "registry", region: "eu-central-1", endpoint: "https://s3.example" },
      ...{ forcePathStyle: true, prefix: "berth/" },
    },
  },
  trustedProxies: ["10.0.0.0/8"],
  config: { gc: { interval: "6h" }, auth: { algorithm: "RS256" }, limits: { pageSize: 500 } },
  nodeSelector: { "kubernetes.io/os": "linux" },
  tolerations: [{ key: "registry", operator: "Exists" }],
  podAnnotations: { note: "yes" },
  serviceAccount: { annotations: { "eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/berth" } },
};

let files = 0;

function writeValues(values: object): string {
  files += 1;
  const file = path.join(folder, `values-${files}.json`);
  writeFileSync(file, JSON.stringify(values));
  return file;
}

/** Renders the chart. The Kubernetes version is given, because a Helm that `go install` built has an old default. */
async function render(
  values: object,
): Promise<{ readonly file: string; readonly all: Manifest[] }> {
  const args = ["template", "berth", chart, "--kube-version", "1.31.0"];
  const { stdout } = await run("helm", [...args, "--values", writeValues(values)]);
  const file = path.join(folder, `rendered-${files}.yaml`);
  writeFileSync(file, stdout);
  return { file, all: documents(stdout) };
}

const documents = (text: string): Manifest[] =>
  parseAllDocuments(text).flatMap((document) => {
    const value: unknown = document.toJS();
    return value === null ? [] : [value as Manifest];
  });

async function validate(file: string): Promise<void> {
  for (const version of ["1.27", "1.31", "1.34"])
    await run("kubernetes-validate", ["--strict", "--kubernetes-version", version, file]);
}

const find = (all: readonly Manifest[], kind: string): Manifest =>
  all.find((one) => one.kind === kind) ?? assert.fail(`there is no ${kind}`);

/** Checks the configuration file of the ConfigMap with `berth config check`. */
async function checkConfig(all: readonly Manifest[]): Promise<void> {
  const secrets = path.join(folder, "secrets");
  mkdirSync(secrets, { recursive: true });
  for (const [name, value] of Object.entries(find(all, "Secret").stringData ?? {}))
    writeFileSync(path.join(secrets, name), value);
  const text = find(all, "ConfigMap").data?.["berth.yaml"] ?? "";
  const file = path.join(folder, "berth.yaml");
  writeFileSync(file, text.replaceAll("/run/secrets/berth", secrets));
  const { code, printed } = await runBerth(["config", "check", "--config", file], {});
  assert.equal(code, 0, printed);
}

describe("the Helm chart", () => {
  for (const [name, values] of Object.entries({
    "few values": plainValues,
    "all values": everyValue,
  }))
    test(`with ${name} passes helm lint and Kubernetes' schemas, and its configuration is valid`, async () => {
      await run("helm", ["lint", "--strict", chart, "--values", writeValues(values)]);
      const { file, all } = await render(values);
      await validate(file);
      await checkConfig(all);
    });

  test("uses an existing Secret instead of its own", async () => {
    const { all } = await render({ ...plainValues, secrets: { existing: "mine" } });
    assert.ok(!all.some(({ kind }) => kind === "Secret"));
    assert.ok(JSON.stringify(find(all, "Deployment")).includes('"secretName":"mine"'));
  });

  for (const [missing, values] of Object.entries({
    publicUrl: { ...plainValues, publicUrl: "" },
    "storage.s3.bucket": { ...plainValues, storage: {} },
    "secrets.databaseUrl": {
      ...plainValues,
      secrets: { ...plainValues.secrets, databaseUrl: "" },
    },
    "secrets.authKeySecret": {
      ...plainValues,
      secrets: { ...plainValues.secrets, authKeySecret: "short" },
    },
  }))
    test(`is not rendered without a valid ${missing}, and the message names it`, async () => {
      const args = ["template", "berth", chart, "--kube-version", "1.31.0"];
      const { code, stderr } = await attempt("helm", [...args, "--values", writeValues(values)]);
      assert.notEqual(code, 0);
      assert.match(stderr, new RegExp(missing.split(".").join("[./]")));
    });
});

describe("the plain manifests", () => {
  const text = readFileSync(plainFile, "utf8");

  test("pass Kubernetes' schemas, and their configuration is valid", async () => {
    await validate(plainFile);
    await checkConfig(documents(text));
  });

  test("are the objects that the chart creates", async () => {
    const { all } = await render(plainValues);
    const byKind = (manifests: readonly Manifest[]): object =>
      Object.fromEntries(manifests.map((one) => [one.kind, withoutHelm(one)]));
    assert.deepEqual(byKind(documents(text)), byKind(all));
  });
});

/** Removes the labels and the annotation that only Helm sets, and parses the configuration file. */
function withoutHelm(manifest: Manifest): object {
  const helms = /^(?:helm\.sh\/|app\.kubernetes\.io\/(?:version|managed-by)$|checksum\/)/;
  const isEmpty = (value: unknown): boolean =>
    typeof value === "object" && value !== null && Object.keys(value).length === 0;
  const copy = JSON.parse(JSON.stringify(manifest), (_, value: unknown) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    const kept = Object.entries(value).filter(
      ([key, inner]) => !helms.test(key) && !(key === "annotations" && isEmpty(inner)),
    );
    return Object.fromEntries(kept);
  }) as Manifest;
  const text = copy.data?.["berth.yaml"];
  return text === undefined ? copy : { ...copy, data: { "berth.yaml": parse(text) as unknown } };
}

test("the profile replicas of docker-compose.yml has three replicas whose configuration is valid", async () => {
  const args = ["--file", path.join(root, "docker-compose.yml"), "--profile", "replicas", "config"];
  const { stdout } = await run("docker-compose", args, {
    env: { BERTH_AUTH_ADMIN_PASSWORD: "a long password" },
  });
  const { services } = parse(stdout) as {
    readonly services: Readonly<
      Record<string, { readonly scale?: number; readonly environment?: Record<string, string> }>
    >;
  };
  assert.deepEqual(Object.keys(services).toSorted(), [
    ...["balancer", "postgres", "registry", "replica", "s3"],
  ]);
  assert.equal(services["replica"]?.scale, 3);
  const { code, printed } = await runBerth(
    ["config", "check"],
    services["replica"].environment ?? {},
  );
  assert.equal(code, 0, printed);
  const balancer = path.join(root, "deploy/compose/haproxy.cfg");
  await run("haproxy", ["-c", "-f", balancer]);
});
