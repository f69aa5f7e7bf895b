import assert from "node:assert/strict";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { probeAtMostEvery, type Problems } from "../../../src/http/ops/health.ts";
import { createLogger } from "../../../src/observability/logger.ts";
import { wholeInMemoryBytes } from "../../../src/registry/uploads/memory-budget.ts";
import { startBerth, type TestBerth } from "../../support/berth.ts";
import { describeApi } from "../../support/describe-api.ts";
import { testOnSqlite } from "../../support/database.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { waitUntil } from "../../support/wait.ts";

describeApi("health", (berth) => {
  test("healthz answers that the process is alive", async () => {
    const { body } = await berth().api.get("/healthz").expect(200);
    assert.deepEqual(body, { status: "alive" });
    await berth().api.head("/healthz").expect(200);
  });

  test("readyz answers 200 with Cache-Control: no-store when storage and database are writable", async () => {
    const { body, headers } = await berth().api.get("/readyz").expect(200);
    assert.deepEqual(body, { status: "ready" });
    assert.equal(headers["cache-control"], "no-store");
    await berth().api.head("/readyz").expect(200);
  });
});

describe("with a storage folder that is not writable", () => {
  const folder = temporaryFolder();
  let berth: TestBerth;
  before(async () => {
    berth = await startBerth(path.join(folder, "data"));
  });
  after(() => berth.close());

  /** Replaces the uploads folder by a file, so that writes fail for every user, including root. */
  const broken = async (work: () => Promise<void>): Promise<void> => {
    const uploads = path.join(berth.data, "uploads");
    renameSync(uploads, `${uploads}.aside`);
    writeFileSync(uploads, "");
    try {
      await work();
    } finally {
      rmSync(uploads);
      renameSync(`${uploads}.aside`, uploads);
    }
  };

  const untilReadyIs = (status: number): Promise<void> =>
    waitUntil(
      `readyz is ${status}`,
      async () => (await berth.api.get("/readyz")).status === status,
    );

  testOnSqlite(
    "readyz answers 503 and names the problem, but not to a client behind an untrusted proxy",
    async () => {
      await broken(async () => {
        await untilReadyIs(503);
        const { body } = await berth.api.get("/readyz").expect(503);
        assert.equal(body.status, "not ready");
        assert.deepEqual(Object.keys(body.problems), ["storage"]);
        assert.match(body.problems.storage, /ENOTDIR/);
        const forwarded = { "X-Forwarded-For": "203.0.113.7" };
        const shown = await berth.api.get("/readyz").set(forwarded).expect(503);
        assert.deepEqual(shown.body, { status: "not ready" }, "of an unknown client");
      });
    },
  );

  test("100 concurrent readiness checks share one probe; with an interval of 0 each check runs one", async () => {
    let probes = 0;
    const probe = async (): Promise<Record<string, string>> => ({ storage: String((probes += 1)) });
    const logger = createLogger({ level: "silent", format: "json" });
    const readiness = probeAtMostEvery(60_000, probe, logger);
    const results = await Promise.all(Array.from({ length: 100 }, () => readiness()));
    assert.deepEqual([probes, new Set(results.map(({ storage }) => storage))], [1, new Set(["1"])]);
    const always = probeAtMostEvery(0, probe, logger);
    await always();
    await always();
    assert.equal(probes, 3);
  });

  test("concurrent readiness checks share a probe that hangs, even with an interval of 0", async () => {
    const finish: (() => void)[] = [];
    const probe = () => new Promise<Problems>((resolve) => finish.push(() => resolve({})));
    const logger = createLogger({ level: "silent", format: "json" });
    const readiness = probeAtMostEvery(0, probe, logger);
    const both = [readiness(), readiness()];
    assert.equal(finish.length, 1);
    finish[0]?.();
    await Promise.all(both);
    void readiness();
    assert.equal(finish.length, 2);
  });

  test("healthz still answers 200, since a restart would not help", async () => {
    await broken(async () => {
      await berth.api.get("/healthz").expect(200);
    });
  });

  test("an upload is answered 503 UNAVAILABLE, and the catalog can still be read", async () => {
    const { headers } = await berth.api.post("/v2/team/app/blobs/uploads/").expect(202);
    await broken(async () => {
      // A smaller chunk would stay in memory until the closing PUT.
      const bytes = "x".repeat(wholeInMemoryBytes + 1);
      const { status, body } = await berth.api.patch(String(headers["location"])).send(bytes);
      assert.equal(status, 503);
      assert.equal(body.errors[0].code, "UNAVAILABLE");
      await berth.api.get("/v2/_catalog").expect(200);
    });
  });

  testOnSqlite("readyz answers 200 again after the folder is writable", async () => {
    await broken(() => untilReadyIs(503));
    await untilReadyIs(200);
  });
});

describe("metrics", async () => {
  const forwarded = { "X-Forwarded-For": "203.0.113.7" };
  const [direct, proxied, elsewhere] = await Promise.all(
    [{}, { trustedProxies: "127.0.0.1" }, { "metrics.listen": "127.0.0.1:0" }].map((settings) =>
      startBerth(path.join(temporaryFolder(), "data"), settings),
    ),
  );
  after(async () => {
    for (const berth of [direct, proxied, elsewhere]) await berth?.close();
  });

  test("are answered only to addresses in metrics.allow, also as forwarded by a trusted proxy", async () => {
    await direct?.api.get("/metrics").expect(200);
    await proxied?.api.get("/metrics").expect(200);
    await proxied?.api.get("/metrics").set(forwarded).expect(404);
    await proxied?.api.get("/metrics").set("X-Forwarded-For", "127.0.0.1").expect(200);
  });

  test("are answered 404 to a request with a forwarded header from an untrusted proxy", async () => {
    for (const [name, value] of [
      ["X-Forwarded-For", "127.0.0.1"],
      ["X-Real-IP", "127.0.0.1"],
      ["Forwarded", "for=127.0.0.1"],
    ] as const)
      await direct?.api.get("/metrics").set(name, value).expect(404);
  });

  test("are answered 404 at the registry's address when metrics.listen is set", async () => {
    await elsewhere?.api.get("/metrics").expect(404);
    await elsewhere?.api.get("/readyz").expect(200, { status: "ready" });
  });
});
