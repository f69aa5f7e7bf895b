import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { parse } from "yaml";
import { attempt, run } from "../clients/support/command.ts";
import {
  chart,
  documents,
  everyValue,
  find,
  folder,
  isSubset,
  type Manifest,
  namespaceOf,
  plainFile,
  plainValues,
  render,
  root,
  validate,
  writeValues,
} from "./support/chart.ts";
import { runBerth } from "./support/replica.ts";

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

  test("with a ServiceMonitor has a Service that selects the pods, and that the monitor selects", async () => {
    const { all } = await render(everyValue);
    const pods = find(all, "Deployment").spec?.template?.metadata["labels"];
    const monitor = find(all, "ServiceMonitor");
    assert.equal(monitor.metadata.labels?.["release"], "prometheus");
    const spec = monitor.spec as {
      readonly selector: { readonly matchLabels: Record<string, string> };
      readonly endpoints: readonly object[];
    };
    assert.deepEqual(spec.endpoints, [{ port: "metrics", interval: "15s" }]);
    const isSelected = ({ metadata }: Manifest): boolean =>
      isSubset(spec.selector.matchLabels, metadata.labels);
    const services = all.filter((one) => one.kind === "Service" && isSelected(one));
    const chosen = services.map((one) => one.spec) as unknown as {
      readonly selector: Record<string, string>;
      readonly ports: readonly object[];
    }[];
    assert.equal(chosen.length, 1);
    assert.ok(isSubset(chosen[0]?.selector ?? {}, pods as Record<string, string>));
    assert.deepEqual(chosen[0]?.ports, [{ name: "metrics", port: 9100, targetPort: "metrics" }]);
  });

  test("with a NetworkPolicy lets only the given namespaces reach the registry and the metrics", async () => {
    const { all } = await render(everyValue);
    const { ingress, policyTypes } = find(all, "NetworkPolicy").spec as unknown as {
      readonly ingress: object;
      readonly policyTypes: readonly string[];
    };
    assert.deepEqual(policyTypes, ["Ingress", "Egress"]);
    assert.deepEqual(ingress, [
      { ports: [{ port: "http" }], from: [namespaceOf("ingress-nginx")] },
      { ports: [{ port: "metrics" }], from: [namespaceOf("monitoring")] },
    ]);
    const open = await render({ ...plainValues, networkPolicy: { enabled: true } });
    const { spec } = find(open.all, "NetworkPolicy") as { readonly spec?: object };
    assert.deepEqual((spec as { ingress?: object }).ingress, [{ ports: [{ port: "http" }] }]);
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
