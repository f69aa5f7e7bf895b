import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { loadConfig } from "../../src/config/load.ts";
import { renamedKeys } from "../../src/config/explain.ts";
import { renderProblems } from "../../src/config/problems.ts";
import { createFiles, refuse } from "./support.ts";

const write = await createFiles();

describe("an invalid value", () => {
  test("is reported with key, source, found value and allowed values, all problems at once", async () => {
    const configFile = await write(
      "wrong.yaml",
      "log:\n  level: verbos\nlimits:\n  drainTimeout: 30\n  manifestSize: 1MiB\ntls:\n  cert: /cert.pem\ntrustedProxies: [10.0.0.1, ten]\n",
    );
    const loaded = await loadConfig({
      configFile,
      env: { BERTH_SPARSE: "maybe" },
      flags: { listen: "5000" },
    });
    assert.ok(!loaded.ok);
    assert.equal(
      renderProblems(loaded.problems).replaceAll(configFile, "berth.yaml"),
      `The configuration has 7 problems:

  listen (--listen): found "5000"
    allowed: HOST:PORT, such as 127.0.0.1:5000, [::1]:5000, or :5000 for all interfaces; or unix:/run/berth/berth.sock

  trustedProxies[1] (berth.yaml line 8): found "ten"
    allowed: an IP address or a range in CIDR form, such as 10.0.0.0/8 or fd00::/8

  tls.key: is missing
    allowed: the path of a PEM file; tls.cert and tls.key belong together

  log.level (berth.yaml line 2): found "verbos"
    allowed: one of trace, debug, info, warn, error, fatal, silent

  sparse (BERTH_SPARSE): found "maybe"
    allowed: true or false

  limits.drainTimeout (berth.yaml line 4): found 30
    allowed: a duration from 0s to 1d, written 500ms, 30s, 5m, 24h or 7d

  limits.manifestSize (berth.yaml line 5): found "1MiB"
    allowed: a size from 4MiB to 64MiB, written 4096 (bytes), 64MiB or 50GB
`,
    );
  });

  const cases: [string, string, string][] = [
    ["a group where a value belongs", "listen: { host: x }", "listen"],
    ["a value where a group belongs", "storage: memory", "storage"],
    ["a list at the top", "- listen", "the file"],
    ["a number below the least", "limits: { pageSize: 99 }", "limits.pageSize"],
    ["a fraction", "limits: { manifestsInFlight: 1.5 }", "limits.manifestsInFlight"],
    ["a drain longer than a timer can be", "limits: { drainTimeout: 30d }", "limits.drainTimeout"],
    ["a map where a list belongs", "trustedProxies: { a: 1 }", "trustedProxies"],
  ];
  for (const [name, yaml, key] of cases) {
    test(`is rejected: ${name}`, async () => {
      const configFile = await write("case.yaml", yaml);
      assert.deepEqual([...(await refuse({ configFile })).keys()], [key]);
    });
  }
});

describe("an unknown key", () => {
  const cases: [string, string, string][] = [
    ["lisen: :5000", "lisen", "listen"],
    ["log: { lvel: info }", "log.lvel", "log.level"],
    ["publicURL: https://x", "publicURL", "publicUrl"],
    ["public_url: https://x", "public_url", "publicUrl"],
    ["level: info", "level", "log.level"],
    ["limit: { drainTimeout: 1s }", "limit", "limits"],
    ["auth: { openOnNetwrok: true }", "auth.openOnNetwrok", "auth.openOnNetwork"],
  ];
  for (const [yaml, key, near] of cases) {
    test(`${key} is an error that suggests ${near}`, async () => {
      const configFile = await write("unknown.yaml", yaml);
      const problems = await refuse({ configFile });
      assert.deepEqual([...problems.keys()], [key]);
      assert.equal(problems.get(key)?.what, "unknown key");
      assert.ok(problems.get(key)?.allowed.startsWith(`${near} (`), problems.get(key)?.allowed);
    });
  }

  test("is reported without its value, which may be a secret", async () => {
    const configFile = await write("slip.yaml", "pasword: hunter2");
    assert.doesNotMatch(JSON.stringify([...(await refuse({ configFile })).values()]), /hunter2/);
  });

  test("with dots is reported with the nested form", async () => {
    const configFile = await write("dots.yaml", "log.level: info");
    assert.equal((await refuse({ configFile })).get("log.level")?.allowed, "log: { level: … }");
  });

  test("in the environment is an error that suggests the nearest variable", async () => {
    const problems = await refuse({
      env: { BERTH_LISTN: "x", BERTH_LEVEL: "info", BERTH_PUBLICURL: "" },
    });
    assert.deepEqual(
      [...problems.values()].map(({ key, allowed }) => [key, allowed.split(" ")[0]]),
      [
        ["BERTH_LISTN", "BERTH_LISTEN"],
        ["BERTH_LEVEL", "BERTH_LOG_LEVEL"],
        ["BERTH_PUBLICURL", "BERTH_PUBLIC_URL"],
      ],
    );
  });

  test("is not reported for the variables that Kubernetes sets for a service named berth", async () => {
    const env = {
      BERTH_SERVICE_HOST: "10.0.0.1",
      BERTH_SERVICE_PORT: "5000",
      BERTH_SERVICE_PORT_HTTP: "5000",
      BERTH_PORT: "tcp://10.0.0.1:5000",
      BERTH_PORT_5000_TCP: "tcp://10.0.0.1:5000",
      BERTH_PORT_5000_TCP_ADDR: "10.0.0.1",
    };
    assert.equal((await loadConfig({ env })).ok, true);
    assert.equal((await loadConfig({ env: { BERTH_PORT: "5000" } })).ok, false);
  });
});

describe("a key that was renamed", () => {
  test("is an error that names the new key", async () => {
    for (const [old, now] of renamedKeys) {
      const [group = "", ...rest] = old.replaceAll("[]", "").split(".");
      const inner = rest.reduceRight((value, name) => `{ ${name}: ${value} }`, "1");
      const entry = inner
        .replace("{ schedule: ", "{ schedule: [")
        .replace(/ \}$/, (end) => (inner.includes("schedule") ? `]${end}` : end));
      const yaml = old.startsWith("mirrors") ? `mirrors: [${entry}]` : `${group}: ${inner}`;
      const problems = await refuse({ configFile: await write("renamed.yaml", yaml) });
      const problem = problems.get(old.replaceAll("[]", "[0]"));
      assert.equal(problem?.what, `was renamed to ${now}`, yaml);
      assert.ok(problem?.allowed.startsWith(now), problem?.allowed);
    }
  });

  test("is an error that names the new environment variable", async () => {
    const env = { BERTH_GC_RATE: "5", BERTH_LIMITS_UPLOAD_IDLE: "1h", BERTH_GC_UNTAGGED: "after" };
    const problems = await refuse({ env });
    assert.deepEqual(
      [...problems.values()].map(({ key, what }) => [key, what]),
      [
        ["BERTH_GC_RATE", "was renamed to BERTH_GC_STEPS_PER_SECOND"],
        ["BERTH_LIMITS_UPLOAD_IDLE", "was renamed to BERTH_LIMITS_UPLOAD_EXPIRY"],
        ["BERTH_GC_UNTAGGED", "was renamed to BERTH_GC_DELETE_UNTAGGED"],
      ],
    );
    assert.match(problems.get("BERTH_GC_UNTAGGED")?.allowed ?? "", /write true for after/);
  });
});

describe("an unreadable configuration file", () => {
  test("with YAML errors is reported with the line and column of every error", async () => {
    const configFile = await write(
      "broken.yaml",
      "sparse: true\nlisten: [::1]:5000\nsparse: false\n",
    );
    const loaded = await loadConfig({ configFile, env: {} });
    assert.ok(!loaded.ok);
    const told = loaded.problems.map(({ key, source }) => [key, source]);
    assert.deepEqual(told, [
      [configFile, "line 2, column 14"],
      [configFile, "line 3, column 1"],
    ]);
  });

  test("that is missing or a folder is reported with the reason", async () => {
    assert.match(
      (await refuse({ configFile: "/no/such" })).get("--config")?.what ?? "",
      /no such file/,
    );
    assert.match(
      (await refuse({ env: { BERTH_CONFIG: "/" } })).get("BERTH_CONFIG")?.what ?? "",
      /folder/,
    );
  });
});
