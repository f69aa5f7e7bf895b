import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseAllDocuments } from "yaml";
import { run } from "../../clients/support/command.ts";
import { createScratch } from "../../clients/support/scratch.ts";

/* Renders and validates the Helm chart. */

export const root = path.join(import.meta.dirname, "../../..");
export const chart = path.join(root, "deploy/helm/berth");
export const plainFile = path.join(root, "deploy/kubernetes/berth.yaml");
/** The folder of the rendered files. */
export const folder = createScratch("deploy");

export interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly labels?: Record<string, string> };
  readonly spec?: { readonly template?: { readonly metadata: Record<string, unknown> } };
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
}

/** The values for which the chart creates the objects of `deploy/kubernetes/berth.yaml`. */
export const plainValues = {
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

export const namespaceOf = (name: string): object => ({
  namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": name } },
});

export const everyValue = {
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
  metrics: {
    port: 9100,
    serviceMonitor: { enabled: true, interval: "15s", labels: { release: "prometheus" } },
  },
  networkPolicy: {
    enabled: true,
    from: [namespaceOf("ingress-nginx")],
    metricsFrom: [namespaceOf("monitoring")],
    egress: [{ ports: [{ port: 53, protocol: "UDP" }] }, { ports: [{ port: 5432 }] }],
  },
  serviceAccount: { annotations: { "eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/berth" } },
};

let files = 0;

export function writeValues(values: object): string {
  files += 1;
  const file = path.join(folder, `values-${files}.json`);
  writeFileSync(file, JSON.stringify(values));
  return file;
}

/** Renders the chart. The Kubernetes version is given, because a Helm that `go install` built has an old default. */
export async function render(
  values: object,
): Promise<{ readonly file: string; readonly all: Manifest[] }> {
  const args = ["template", "berth", chart, "--kube-version", "1.31.0"];
  const { stdout } = await run("helm", [...args, "--values", writeValues(values)]);
  const file = path.join(folder, `rendered-${files}.yaml`);
  writeFileSync(file, stdout);
  return { file, all: documents(stdout) };
}

export const documents = (text: string): Manifest[] =>
  parseAllDocuments(text).flatMap((document) => {
    const value: unknown = document.toJS();
    return value === null ? [] : [value as Manifest];
  });

/** Validates the objects of Kubernetes itself: a ServiceMonitor belongs to the Prometheus operator. */
export async function validate(file: string): Promise<void> {
  const own = parseAllDocuments(readFileSync(file, "utf8")).filter(
    (document) => document.get("kind") !== "ServiceMonitor",
  );
  const checked = file.replace(/\.yaml$/, "-checked.yaml").replace(root, folder);
  mkdirSync(path.dirname(checked), { recursive: true });
  writeFileSync(checked, own.map(String).join("---\n"));
  for (const version of ["1.27", "1.31", "1.34"])
    await run("kubernetes-validate", ["--strict", "--kubernetes-version", version, checked]);
}

export const isSubset = (few: Record<string, string>, all: Record<string, string> = {}): boolean =>
  Object.entries(few).every(([name, value]) => all[name] === value);

export const find = (all: readonly Manifest[], kind: string): Manifest =>
  all.find((one) => one.kind === kind) ?? assert.fail(`there is no ${kind}`);
