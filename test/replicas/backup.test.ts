import assert from "node:assert/strict";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { waitUntil } from "../support/wait.ts";
import { losses } from "../crash/losses.ts";
import { createScratch } from "../clients/support/scratch.ts";
import type { HeldImage } from "../crash/ledger.ts";
import { collecting, leaseMs, startCluster, type Cluster } from "./support/cluster.ts";
import { startLoad, type Load } from "./support/load.ts";
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
  await demandPushes(load);
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

  await demandImages(cluster, `127.0.0.1:${port}`, env, kept);
});

test("berth backup of a busy registry, while the collector deletes bytes at once, restores all earlier pushes", async () => {
  const cluster = await startCluster({ env: collecting });
  const load = startLoad({ connect: () => cluster.client(), name: "points", leaseMs });
  const folder = path.join(createScratch("backups"), "backup");
  const passphrase = path.join(createScratch("secret"), "passphrase");
  writeFileSync(passphrase, "the passphrase of a test");
  const keyed = ["--passphrase-file", passphrase];
  await pause(loadMs);
  await cluster.administer(["backup", "create", folder, ...keyed]);
  await pause(loadMs / 2);
  await demandPushes(load);
  const before = [...load.acknowledged.images];
  // Another bucket prefix of the same server: the settings of storage.s3 hold for it too.
  await cluster.administer(["backup", "create", "s3://berth/backup", ...keyed]);
  await cluster.administer(["backup", "create", folder, ...keyed]);
  await load.stop();
  const later = load.acknowledged.images;
  const kept = before.filter((image) => later.includes(image));
  assert.ok(kept.length > 0);

  for (const backup of [folder, "s3://berth/backup"]) {
    await cluster.administer(["backup", "verify", backup]);
    const [postgres, s3, port] = await Promise.all([startPostgres(), startS3(), freePort()]);
    // The restored blobs are in another bucket server; the backup stays in that of the cluster.
    const source = path.join(createScratch("s3"), "s3.yaml");
    writeFileSync(source, JSON.stringify({ storage: { s3: s3KeysOf(cluster) } }));
    const env = { ...cluster.env, ...s3.settings(), BERTH_DATABASE_URL: postgres.url() };
    const restored = await runBerth(["restore", backup, "--s3", source, ...keyed], env);
    assert.equal(restored.code, 0, restored.printed);
    assert.doesNotMatch(restored.printed, /were not restored/);
    const check = await runBerth(["check"], env);
    assert.equal(check.code, 0, check.printed);
    await demandImages(cluster, `127.0.0.1:${port}`, env, kept);
  }

  // On one machine, with SQLite.
  const data = path.join(createScratch("machine"), "data");
  mkdirSync(data);
  const port = await freePort();
  const { BERTH_DATABASE_URL: _, BERTH_STORAGE_DRIVER: __, ...rest } = cluster.env;
  const restored = await runBerth(["restore", folder, "--data", data, ...keyed], rest);
  assert.equal(restored.code, 0, restored.printed);
  const check = await runBerth(["check", "--data", data], rest);
  assert.equal(check.code, 0, check.printed);
  await demandImages(cluster, `127.0.0.1:${port}`, rest, kept, data);
});

/** On a busy machine no image may have been pushed in the usual time; clients delete some. */
const demandPushes = ({ acknowledged }: Load): Promise<void> =>
  waitUntil("images are pushed", () => acknowledged.images.length > 10);

const s3KeysOf = ({ env }: Cluster): Record<string, unknown> => ({
  endpoint: env["BERTH_STORAGE_S3_ENDPOINT"],
  forcePathStyle: true,
  accessKeyId: env["BERTH_STORAGE_S3_ACCESS_KEY_ID"],
  secretAccessKey: env["BERTH_STORAGE_S3_SECRET_ACCESS_KEY"],
});

/** Starts a server on a restored registry, and pulls the images whole. */
async function demandImages(
  cluster: Cluster,
  listen: string,
  env: NodeJS.ProcessEnv,
  images: readonly HeldImage[],
  data?: string,
): Promise<void> {
  const replica = await startReplica({ listen, env, ...(data !== undefined && { data }) });
  const wire = cluster.client(replica);
  const ledger = {
    ...{ blobs: [], images: [...images], deleted: [], uploads: new Set<never>() },
    latest: new Map(),
  };
  assert.deepEqual(await losses(wire, ledger, { collected: true }), []);
  wire.close();
  await replica.end("SIGKILL");
}
