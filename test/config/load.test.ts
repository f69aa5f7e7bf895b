import assert from "node:assert/strict";
import path from "node:path";
import { describe, test } from "node:test";
import * as z from "zod";
import { printSettings } from "../../src/config/explain.ts";
import { configKeys, loadConfig, readSettings, type Settings } from "../../src/config/load.ts";
import { renderProblems } from "../../src/config/problems.ts";
import { bool, duration, secret, size, text } from "../../src/config/values.ts";
import { accept, createFiles, refuse } from "./support.ts";

const write = await createFiles();

describe("a key that is not set", () => {
  test("has its default", async () => {
    const day = 86_400_000;
    assert.deepEqual(await accept({}), {
      listen: { host: "127.0.0.1", port: 5000 },
      data: path.resolve("data"),
      workers: 1,
      trustedProxies: [],
      auth: { open: false, openOnNetwork: false, algorithm: "ES256" },
      storage: {
        driver: "filesystem",
        s3: {
          forcePathStyle: false,
          partSize: 8 * 2 ** 20,
          concurrency: 4,
          uploadBuffer: 128 * 2 ** 20,
          redirect: false,
          redirectLifetime: 300_000,
          redirectExcept: [],
          checksum: "crc32",
        },
      },
      log: { level: "info", format: "auto" },
      repositories: { createOnPush: true, defaultVisibility: "private" },
      manifests: { mediaTypes: [] },
      quotas: {},
      mirrors: [],
      metrics: { allow: ["127.0.0.0/8", "::1"] },
      sparse: false,
      gc: {
        deleteUntagged: false,
        lease: 3_600_000,
        grace: 86_400_000,
        deleteDelay: 600_000,
        interval: 3_600_000,
        stepsPerSecond: 200,
      },
      scrub: { interval: 604_800_000, bytesPerSecond: 8_388_608 },
      limits: {
        drainTimeout: 30_000,
        idleTimeout: 300_000,
        headerSize: 65_536,
        bodyTimeout: 30_000,
        manifestSize: 4_194_304,
        manifestsInFlight: 16,
        uploadExpiry: 7 * day,
        pageSize: 1000,
        tagsPerPush: 100,
        requestsPerClient: 1024,
        apiWrites: 50,
        anonymousTokens: 100,
        mirrorMisses: 6000,
        connections: 0,
        connectionsPerAddress: 0,
        uploadRate: 1024,
        uploadsPerAccount: 1000,
      },
    });
  });

  test("keeps its default with an empty file, a key without a value or an empty variable", async () => {
    const expected = await accept({});
    const files = [
      await write("empty.yaml", ""),
      await write("none.yaml", "listen:\ntls:\nlimits:\n  drainTimeout:\n"),
    ];
    for (const configFile of files) assert.deepEqual(await accept({ configFile }), expected);
    assert.deepEqual(await accept({ env: { BERTH_LISTEN: "", BERTH_CONFIG: "" } }), expected);
  });
});

describe("every key", () => {
  test("has a unique environment variable and a description", () => {
    const variables = configKeys.map(({ variable }) => variable);
    const files = variables.map((variable) => `${variable}_FILE`);
    assert.equal(new Set([...variables, ...files]).size, 2 * variables.length);
    assert.deepEqual(
      configKeys.filter(({ description }) => description === ""),
      [],
    );
  });

  test("has a variable named after its path, with words separated by underscores", () => {
    const named = Object.fromEntries(configKeys.map(({ name, variable }) => [name, variable]));
    assert.equal(named["listen"], "BERTH_LISTEN");
    assert.equal(named["publicUrl"], "BERTH_PUBLIC_URL");
    assert.equal(named["auth.openOnNetwork"], "BERTH_AUTH_OPEN_ON_NETWORK");
    assert.equal(named["limits.manifestsInFlight"], "BERTH_LIMITS_MANIFESTS_IN_FLIGHT");
  });

  test("can be set from the environment", async () => {
    const config = await accept({
      env: {
        BERTH_LISTEN: "[::1]:0",
        BERTH_PUBLIC_URL: "https://registry.example.com/",
        BERTH_TRUSTED_PROXIES: "10.0.0.0/8, ::1",
        BERTH_TLS_CERT: "/etc/cert.pem",
        BERTH_TLS_KEY: "key.pem",
        BERTH_AUTH_OPEN: "yes",
        BERTH_LIMITS_UPLOAD_EXPIRY: "24h",
        BERTH_LIMITS_HEADER_SIZE: "32KiB",
        BERTH_LIMITS_CONNECTIONS: "50",
        HOME: "/root",
      },
    });
    assert.deepEqual(config.listen, { host: "::1", port: 0 });
    assert.equal(config.publicUrl, "https://registry.example.com");
    assert.deepEqual(config.trustedProxies, ["10.0.0.0/8", "::1"]);
    assert.deepEqual(config.tls, { cert: "/etc/cert.pem", key: path.resolve("key.pem") });
    assert.equal(config.auth.open, true);
    assert.equal(config.limits.uploadExpiry, 86_400_000);
    assert.equal(config.limits.headerSize, 32_768);
    assert.equal(config.limits.connections, 50);
  });
});

describe("the precedence of configuration sources", () => {
  test("is flag, environment variable, file, default", async () => {
    const configFile = await write(
      "order.yaml",
      "listen: :1\ndata: /file\nlog: { level: debug, format: json }\n",
    );
    const loaded = await loadConfig({
      configFile,
      env: { BERTH_LISTEN: "127.0.0.1:2", BERTH_DATA: "/variable" },
      flags: { listen: "127.0.0.1:3" },
    });
    assert.ok(loaded.ok);
    assert.equal(loaded.config.listen.port, 3);
    assert.equal(loaded.config.data, "/variable");
    assert.deepEqual(loaded.config.log, { level: "debug", format: "json" });
    assert.deepEqual(
      [...loaded.sources],
      [
        ["listen", "--listen"],
        ["data", "BERTH_DATA"],
        ["log.level", `${configFile} line 3`],
        ["log.format", `${configFile} line 3`],
      ],
    );
  });

  test("prefers --config to BERTH_CONFIG for the path of the file", async () => {
    const [one, two] = [
      await write("one.yaml", "sparse: true"),
      await write("two.yaml", "sparse: false"),
    ];
    assert.equal((await accept({ env: { BERTH_CONFIG: one } })).sparse, true);
    assert.equal((await accept({ env: { BERTH_CONFIG: one }, configFile: two })).sparse, false);
  });
});

describe("open mode", () => {
  test("needs auth.openOnNetwork to listen on an address that is not loopback", async () => {
    for (const listen of [
      ":5000",
      "0.0.0.0:5000",
      "[::]:5000",
      "192.168.1.2:5000",
      "registry.example.com:5000",
    ]) {
      const problems = await refuse({ flags: { "auth.open": true, listen } });
      assert.deepEqual([...problems.keys()], ["auth.openOnNetwork"], listen);
      await accept({ flags: { "auth.open": true, "auth.openOnNetwork": true, listen } });
    }
    for (const listen of ["127.0.0.1:0", "[::1]:0", "localhost:0"])
      await accept({ flags: { "auth.open": true, listen } });
  });

  test("adds no openOnNetwork error when auth.open is invalid or the file cannot be read", async () => {
    const wrong = await refuse({ env: { BERTH_AUTH_OPEN: "maybe" } });
    assert.deepEqual([...wrong.keys()], ["auth.open"]);
    assert.equal(wrong.get("auth.open")?.found, '"maybe"');
    const unread = await refuse({ configFile: "/does/not/exist.yaml" });
    assert.deepEqual([...unread.keys()], ["--config"]);
  });
});

/** A schema with secrets, nested groups and lists of objects. */
const schema = z.object({
  storage: z
    .object({
      s3: z
        .object({ bucket: text().optional(), secretAccessKey: secret().optional() })
        .prefault({}),
    })
    .prefault({}),
  mirrors: z
    .array(
      z.object({
        upstream: text(),
        password: secret().optional(),
        insecure: bool().prefault(false),
        budget: size({ min: 0 }).prefault("50GiB"),
        ttl: z.object({ tag: duration({ min: 0 }).prefault("5m") }).prefault({}),
        allow: z.array(text()).prefault([]),
      }),
    )
    .prefault([]),
});

async function read(
  yaml: string,
  env: NodeJS.ProcessEnv = {},
): Promise<Settings<z.output<typeof schema>>> {
  const path = await write("settings.yaml", yaml);
  return await readSettings(schema, { configFile: { path, namedBy: "--config" }, env, flags: {} });
}

describe("a secret in the configuration", () => {
  test("is read from a variable, or from the file that a variable with _FILE names", async () => {
    const file = await write("secret", "hunter2\n");
    const plain = await read("", { BERTH_STORAGE_S3_SECRET_ACCESS_KEY: "hunter2" });
    const named = await read("", { BERTH_STORAGE_S3_SECRET_ACCESS_KEY_FILE: file });
    assert.equal(plain.output?.storage.s3.secretAccessKey, "hunter2");
    assert.equal(named.output?.storage.s3.secretAccessKey, "hunter2");
    assert.equal(
      named.sources.get("storage.s3.secretAccessKey"),
      "BERTH_STORAGE_S3_SECRET_ACCESS_KEY_FILE",
    );
  });

  test("is read from the file that a YAML key with _FILE names, also inside lists", async () => {
    const file = await write("secret", "hunter2");
    const { output } = await read(
      `storage: { s3: { secretAccessKey_FILE: ${file} } }\nmirrors: [{ upstream: x, password_FILE: ${file} }]`,
    );
    assert.equal(output?.storage.s3.secretAccessKey, "hunter2");
    assert.equal(output?.mirrors[0]?.password, "hunter2");
  });

  test("is rejected if set twice or if its file is missing or empty, as is _FILE for other keys", async () => {
    const key = "BERTH_STORAGE_S3_SECRET_ACCESS_KEY";
    const empty = await write("empty", "\n");
    const told = async (env: NodeJS.ProcessEnv): Promise<(string | undefined)[]> =>
      (await read("", env)).problems.map(({ what }) => what);
    assert.deepEqual(await told({ [key]: "a", [`${key}_FILE`]: empty }), [
      "set twice",
      "the file is empty",
    ]);
    assert.deepEqual(await told({ [`${key}_FILE`]: "/no/such" }), [
      "cannot be read (no such file)",
    ]);
    assert.match((await told({ BERTH_STORAGE_S3_BUCKET_FILE: empty }))[0] ?? "", /not a secret/);
  });

  test("appears neither in problems nor in the printed configuration", async () => {
    const wrong = await read(
      "storage: { s3: { secretAccessKey: [hunter2] } }\nmirrors: [{ password: [hunter2] }]",
    );
    assert.equal(wrong.problems.length, 3);
    assert.doesNotMatch(renderProblems(wrong.problems), /hunter2/);
    const group = await read("mirrors: { password: hunter2 }", {
      BERTH_MIRRORS: "{ password: hunter2 }",
    });
    assert.doesNotMatch(renderProblems(group.problems), /hunter2/);
    const right = await read("mirrors: [{ upstream: x, password: hunter2 }]");
    assert.match(printSettings(schema, right.output), /password: "\*{8}"/);
    assert.doesNotMatch(printSettings(schema, right.output), /hunter2/);
  });
});

describe("a list of objects in the configuration", () => {
  test("is read from YAML, with defaults and units inside its entries", async () => {
    const { output } = await read(
      "mirrors:\n  - upstream: https://a\n    ttl: { tag: 1h }\n    allow: library/*, b\n",
    );
    assert.deepEqual(output?.mirrors, [
      {
        upstream: "https://a",
        insecure: false,
        budget: 50 * 2 ** 30,
        ttl: { tag: 3_600_000 },
        allow: ["library/*", "b"],
      },
    ]);
  });

  test("is read from a variable as JSON or YAML", async () => {
    for (const text of [
      '[{"upstream":"https://a","insecure":true}]',
      "- upstream: https://a\n  insecure: yes\n",
    ]) {
      const { output, problems } = await read("", { BERTH_MIRRORS: text });
      assert.deepEqual(problems, []);
      assert.equal(output?.mirrors[0]?.insecure, true);
    }
  });

  test("has problems reported with index, line and nearest key name", async () => {
    const { problems } = await read(
      "mirrors:\n  - upstream: x\n  - upstrem: y\n    ttl:\n      tag: soon\n",
    );
    assert.deepEqual(
      problems.map(({ key, source }) => [key, source?.replace(/^.* (?=line)/, "")]),
      [
        ["mirrors[1].upstrem", "line 3"],
        ["mirrors[1].upstream", "line 3"],
        ["mirrors[1].ttl.tag", "line 5"],
      ],
    );
    assert.match(problems[0]?.allowed ?? "", /^mirrors\[1\]\.upstream /);
    const broken = await read("", { BERTH_MIRRORS: "[{" });
    assert.deepEqual(
      broken.problems.map(({ key, source }) => [key, source]),
      [["mirrors", "BERTH_MIRRORS"]],
    );
  });

  test("prints as YAML that loads as the same value", async () => {
    const first = await read("mirrors:\n  - { upstream: a, budget: 1TB, ttl: { tag: 90s } }\n");
    const second = await read(printSettings(schema, first.output));
    assert.deepEqual(second.output, first.output);
  });
});
