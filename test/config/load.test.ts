import assert from "node:assert/strict";
import path from "node:path";
import { describe, test } from "node:test";
import { configKeys, loadConfig } from "../../src/config/load.ts";
import { accept, createFiles, refuse } from "./support.ts";

const write = await createFiles();

describe("a key that is not set", () => {
  test("has its default", async () => {
    const day = 86_400_000;
    assert.deepEqual(await accept({}), {
      listen: { host: "127.0.0.1", port: 5000 },
      socketMode: 0o660,
      data: path.resolve("data"),
      workers: 1,
      trustedProxies: [],
      auth: { open: false, openOnNetwork: false, algorithm: "ES256" },
      database: { pool: 10, prepare: true, listsMaxAge: 2_000 },
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
      log: { level: "info", format: "auto", requests: false },
      audit: {},
      repositories: { createOnPush: true, defaultVisibility: "private" },
      manifests: { mediaTypes: [] },
      quotas: {},
      mirrors: [],
      web: {
        ...{ enabled: true, sessionIdle: 7 * day, sessionLifetime: 30 * day },
        ...{ imageHosts: [], indexed: false },
      },
      cors: { origins: [] },
      webhooks: { allowedNetworks: [] },
      metrics: { allow: ["127.0.0.0/8", "::1"] },
      tracing: { oneIn: 1_000 },
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
      retention: { interval: 86_400_000 },
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

describe("a relative path", () => {
  test("begins at the folder of the file that names it, else at the working directory", async () => {
    const configFile = await write(
      "paths.yaml",
      "data: blobs\ntls: { cert: cert.pem, key: ../key.pem }\nmirrors: [{ namespace: docker.io, upstream: https://r.example.com, tls: { ca: ca.pem } }]\n",
    );
    const folder = path.dirname(configFile);
    const config = await accept({ configFile, env: { BERTH_TLS_CERT: "own.pem" } });
    assert.equal(config.data, path.join(folder, "blobs"));
    assert.deepEqual(config.tls, {
      cert: path.resolve("own.pem"),
      key: path.join(folder, "../key.pem"),
    });
    assert.equal(config.mirrors[0]?.tls.ca, path.join(folder, "ca.pem"));
    assert.equal((await accept({ configFile, flags: { data: "d" } })).data, path.resolve("d"));
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
    assert.deepEqual(loaded.config.log, { level: "debug", format: "json", requests: false });
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

describe("the secret of a forwarded audit log", () => {
  test("needs a webhook, because syslog has no signature", async () => {
    const secret = { "audit.forwardSecret": "s" };
    for (const forward of ["udp://127.0.0.1:514", "unix:/run/syslog.sock", undefined]) {
      const flags = forward === undefined ? secret : { ...secret, "audit.forward": forward };
      assert.deepEqual([...(await refuse({ flags })).keys()], ["audit.forwardSecret"], forward);
    }
    await accept({ flags: { ...secret, "audit.forward": "https://logs.example.com/" } });
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
