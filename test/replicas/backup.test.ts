import assert from "node:assert/strict";
import { cpSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { losses } from "../crash/losses.ts";
import { createScratch } from "../clients/support/scratch.ts";
import { collecting, leaseMs, startCluster } from "./support/cluster.ts";
import { startLoad } from "./support/load.ts";
import { runPostgresClient, startPostgres } from "./support/postgres.ts";
import { freePort } from "./support/program.ts";
import { runBerth, startReplica } from "./support/replica.ts";
import { startS3 } from "./support/s3.ts";
import { loadMs } from "./support/times.ts";

test("a backup of a busy registry, first the database and then the bucket, restores all earlier pushes", async () => {
  // The bytes of collected blobs stay for 10 minutes, which the copy of the bucket needs.
  const cluster = await startCluster({ env: { ...collecting, BERTH_GC_DELETE_DELAY: "10m" } });
  const load = startLoad({ connect: () => cluster.client(), name: "backup", leaseMs });
  await pause(loadMs);
  const before = [...load.acknowledged.images];
  const dump = runPostgresClient("pg_dump", "--format=custom", cluster.postgres.url());
  await pause(loadMs / 2);
  const folder = createScratch("restored");
  cpSync(cluster.s3.folder, folder, { recursive: true });
  await load.stop();
  const later = load.acknowledged.images;
  // Deletions after the dump are not in it.
  const kept = before.filter((image) => later.includes(image));
  assert.ok(kept.length > 0);

  const [postgres, s3, port] = await Promise.all([startPostgres(), startS3(folder), freePort()]);
  const file = path.join(createScratch("dump"), "berth.dump");
  writeFileSync(file, dump);
  runPostgresClient("pg_restore", "--exit-on-error", `--dbname=${postgres.url()}`, file);
  const env = { ...cluster.env, ...s3.settings(), BERTH_DATABASE_URL: postgres.url() };
  const check = await runBerth(["check"], env);
  assert.equal(check.code, 0, check.printed);

  const replica = await startReplica({ listen: `127.0.0.1:${port}`, env });
  const wire = cluster.client(replica);
  const ledger = {
    ...{ blobs: [], images: kept, deleted: [], uploads: new Set<never>(), latest: new Map() },
  };
  assert.deepEqual(await losses(wire, ledger, { collected: true }), []);
  wire.close();
});
