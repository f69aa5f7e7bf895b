import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, test } from "node:test";
import { configKeys } from "../../../src/config/load.ts";
import { berth, createFolder } from "../support.ts";

const folder = await createFolder();
const right = path.join(folder, "right.yaml");
const wrong = path.join(folder, "wrong.yaml");
await writeFile(right, "listen: :8080\nlimits: { drainTimeout: 1m }\n");
await writeFile(wrong, "lisen: :8080\nlimits: { drainTimeout: soon }\n");

describe("berth config", { concurrency: 2 }, () => {
  test("check exits with 0 for a valid configuration", async () => {
    const { code, stdout, stderr } = await berth(["config", "check", "--config", right]);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(stdout, /The configuration is valid/);
  });

  test("check exits with 2 and prints every problem on standard error", async () => {
    const { code, stdout, stderr } = await berth(["config", "check"], {
      BERTH_CONFIG: wrong,
      BERTH_LOG_LEVEL: "loud",
    });
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(stderr, /3 problems/);
    assert.match(stderr, /lisen .*line 1\): unknown key\n\s+allowed: listen /);
    assert.match(stderr, /limits\.drainTimeout .*line 2\): found "soon"\n\s+allowed: a duration/);
    assert.match(stderr, /log\.level \(BERTH_LOG_LEVEL\): found "loud"\n\s+allowed: one of trace/);
  });

  test("check names a file of the settings that the server could not use", async () => {
    const file = path.join(folder, "files.yaml");
    await writeFile(
      file,
      `mirrors: [{ namespace: docker.io, upstream: "https://registry.example.com", tls: { ca: right.yaml } }]\n`,
    );
    const mirror = await berth(["config", "check", "--config", file]);
    assert.deepEqual([mirror.code, mirror.stdout], [2, ""]);
    assert.match(
      mirror.stderr,
      /^berth: tls\.ca .*right\.yaml of the mirror docker\.io cannot be used: /,
    );
    const tls = await berth(["config", "check"], {
      BERTH_TLS_CERT: "/no/cert",
      BERTH_TLS_KEY: "/no/key",
    });
    assert.equal(tls.code, 2);
    assert.match(tls.stderr, /^berth: tls\.cert \/no\/cert cannot be read: no such file/);
  });

  test("print shows the effective values and the source of each value", async () => {
    const { code, stdout } = await berth(["config", "print", "--config", right], {
      BERTH_SPARSE: "true",
    });
    assert.equal(code, 0);
    assert.match(stdout, /^listen: :8080 # .*right\.yaml line 1$/m);
    assert.match(stdout, /^sparse: true # BERTH_SPARSE$/m);
    assert.match(stdout, /^ {2}drainTimeout: 1m # .*right\.yaml line 2$/m);
    assert.match(stdout, /^ {2}idleTimeout: 5m # default$/m);
  });

  test("--help lists every key with its variable", async () => {
    const { code, stdout } = await berth(["config", "--help"]);
    assert.equal(code, 0);
    for (const { name, variable } of configKeys)
      assert.ok(stdout.includes(`${name} (${variable}`), name);
  });
});
