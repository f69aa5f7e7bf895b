import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { startCluster } from "./support/cluster.ts";
import { startLoad } from "./support/load.ts";
import { checkCluster } from "./support/oracle.ts";
import { freePort } from "./support/program.ts";
import { runBerth } from "./support/replica.ts";
import { loadMs } from "./support/times.ts";

test("three replicas that start at once on an empty database and bucket become one registry", async (t) => {
  const cluster = await startCluster();
  const { postgres } = cluster;
  const counts = await postgres.query(
    `SELECT (SELECT count(*)::int FROM instance) AS instances,
      (SELECT count(*)::int FROM accounts WHERE is_admin = 1) AS administrators,
      (SELECT count(*)::int FROM signing_keys) AS keys,
      (SELECT count(*)::int FROM replicas) AS replicas`,
  );
  assert.deepEqual(counts, [{ instances: 1, administrators: 1, keys: 1, replicas: 3 }]);
  const load = startLoad({ connect: () => cluster.client(), name: "start" });
  await pause(loadMs);
  await load.stop();
  await checkCluster(t, cluster, { "after the first start": load });

  // Another three starts at once find the registry.
  await Promise.all(cluster.replicas.map((replica) => replica.end()));
  await Promise.all([0, 1, 2].map((index) => cluster.start(index)));
  await checkCluster(t, cluster, { "after the next start": load });
});

describe("a replica that cannot start names the reason in one line", async () => {
  const { env, postgres, s3 } = await startCluster({ isStopped: true });
  const away = await freePort();
  const withUrl = (change: (url: URL) => void): NodeJS.ProcessEnv => {
    const url = new URL(postgres.url());
    change(url);
    return { BERTH_DATABASE_URL: url.href };
  };
  await postgres.query("CREATE ROLE berth LOGIN PASSWORD 'right'");
  await postgres.requirePassword("berth");

  const cases: Readonly<Record<string, readonly [settings: NodeJS.ProcessEnv, message: RegExp]>> = {
    "the database cannot be reached": [
      withUrl((url) => (url.port = String(away))),
      new RegExp(`ECONNREFUSED.*${away}|${away}.*ECONNREFUSED`),
    ],
    "the host of the database has no address": [
      withUrl((url) => (url.hostname = "missing.invalid")),
      /missing\.invalid/,
    ],
    "the password of the database is wrong": [
      withUrl((url) => {
        url.username = "berth";
        url.password = "wrong";
      }),
      /password authentication failed for user "berth"/,
    ],
    "the database does not exist": [
      withUrl((url) => (url.pathname = "/missing")),
      /database "missing" does not exist/,
    ],
    "publicUrl is not set": [{ BERTH_PUBLIC_URL: "" }, /publicUrl/],
    "auth.keySecret is not set": [{ BERTH_AUTH_KEY_SECRET: "" }, /auth\.keySecret/],
    "auth.keySecret is too short": [{ BERTH_AUTH_KEY_SECRET: "short" }, /at least 32 characters/],
    "the bucket does not exist": [{ BERTH_STORAGE_S3_BUCKET: "missing" }, /bucket/i],
  };
  test("a command before the first start", async () => {
    const { code, printed } = await runBerth(["check"], env);
    assert.equal(code, 1, printed);
    assert.match(printed, /there is no registry in the database/);
  });

  for (const [reason, [settings, message]] of Object.entries(cases))
    test(reason, async () => {
      const { code, printed } = await runBerth(["serve", "--listen", "127.0.0.1:0"], {
        ...env,
        ...settings,
      });
      // 2: the configuration is wrong.
      assert.ok(code === 1 || code === 2, printed);
      assert.match(printed, message);
      assert.doesNotMatch(printed, /right|wrong|\n\s+at /);
    });

  test("S3 is away", async () => {
    await s3.stop();
    const { code, printed } = await runBerth(["serve", "--listen", "127.0.0.1:0"], env);
    assert.equal(code, 1, printed);
    assert.match(printed, /ECONNREFUSED|S3|bucket/);
    await s3.start();
  });
});
