import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { loadConfig } from "../../src/config/load.ts";
import { printSettings } from "../../src/config/explain.ts";
import { configSchema } from "../../src/config/schema.ts";
import { accept, createFiles } from "./support.ts";

const write = await createFiles();

describe("the printed configuration", () => {
  test("is a file that loads as the same configuration", async () => {
    const env = {
      BERTH_LISTEN: "[::1]:0",
      BERTH_PUBLIC_URL: "https://registry.example.com",
      BERTH_TRUSTED_PROXIES: "10.0.0.0/8,::1",
      BERTH_TLS_CERT: "/a",
      BERTH_TLS_KEY: "/b",
      BERTH_LIMITS_DRAIN_TIMEOUT: "1500ms",
      BERTH_LIMITS_MANIFEST_SIZE: "50MB",
    };
    const config = await accept({ env });
    assert.deepEqual(
      await accept({
        configFile: await write("printed.yaml", printSettings(configSchema, config)),
      }),
      config,
    );
  });

  test("has durations and sizes with units", async () => {
    const printed = printSettings(configSchema, await accept({}));
    for (const line of [
      "listen: 127.0.0.1:5000",
      "  drainTimeout: 30s",
      "  uploadExpiry: 7d",
      "  headerSize: 64KiB",
      "trustedProxies: []",
    ]) {
      assert.ok(printed.split("\n").includes(line), line);
    }
  });

  test("names the source of each value in a comment when sources are given", async () => {
    const loaded = await loadConfig({
      env: { BERTH_SPARSE: "1", BERTH_TRUSTED_PROXIES: "::1" },
      flags: { data: "/d" },
    });
    assert.ok(loaded.ok);
    const printed = printSettings(configSchema, loaded.config, loaded.sources);
    assert.match(printed, /^sparse: true # BERTH_SPARSE$/m);
    assert.match(printed, /^data: \/d # --data$/m);
    assert.match(printed, /^trustedProxies:\n {2}# BERTH_TRUSTED_PROXIES\n {2}- ::1$/m);
    assert.match(printed, /^listen: 127.0.0.1:5000 # default$/m);
  });
});
