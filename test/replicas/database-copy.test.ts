import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { test } from "node:test";
import { stringify } from "yaml";
import SqliteDatabase from "../../src/database/sqlite/driver.ts";
import { copiedTables } from "../../src/database/table-copy.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { createScratch } from "../clients/support/scratch.ts";
import { createWire, type Wire } from "../crash/wire.ts";
import { adminPassword, startCluster, type Cluster } from "./support/cluster.ts";
import { manifestTypes } from "./support/image.ts";
import { freePort, startProgram, type Program } from "./support/program.ts";
import { program, runBerth } from "./support/replica.ts";
import { loadMs } from "./support/times.ts";
import { createTokenWire } from "./support/token-wire.ts";

/** 10,000 images with --long, for which the copy takes a minute. */
const images = loadMs >= 60_000 ? 10_000 : 100;
const repositories = 50;
const atOnce = 16;
const nameOf = (at: number): string => `team/app${at % repositories}`;

/** Runs `work` for each number below `count`, 16 at once. */
async function onEach(count: number, work: (at: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let at = next++; at < count; at = next++) await work(at);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

function imageOf(at: number) {
  const config = Buffer.from(
    JSON.stringify({
      os: at % 2 === 0 ? "linux" : "windows",
      architecture: "amd64",
      author: `${at}`,
    }),
  );
  const layer = Buffer.from(`layer of ${at}`.repeat(20));
  const describe = (mediaType: string, bytes: Buffer): object => ({
    ...{ mediaType, digest: digestOf(bytes), size: bytes.length },
  });
  const manifest = Buffer.from(
    JSON.stringify({
      ...{ schemaVersion: 2, mediaType: manifestTypes.image },
      config: describe("application/vnd.oci.image.config.v1+json", config),
      layers: [describe("application/vnd.oci.image.layer.v1.tar", layer)],
    }),
  );
  return { blobs: [config, layer], manifest };
}

async function push(wire: Wire, at: number): Promise<void> {
  const { blobs, manifest } = imageOf(at);
  const base = `/v2/${nameOf(at)}`;
  for (const body of blobs) {
    const { headers } = await wire.expect(202, "POST", `${base}/blobs/uploads/`);
    const location = String(headers.location);
    const target = `${location}${location.includes("?") ? "&" : "?"}digest=${digestOf(body)}`;
    await wire.expect(201, "PUT", target, { body });
  }
  const headers = { "Content-Type": manifestTypes.image };
  for (const tag of [`t${at}`, "latest"])
    await wire.expect(201, "PUT", `${base}/manifests/${tag}`, { headers, body: manifest });
}

async function pull(wire: Wire, at: number, repository = nameOf(at)): Promise<void> {
  const { blobs, manifest } = imageOf(at);
  const base = `/v2/${repository}`;
  const headers = { Accept: manifestTypes.image };
  const answer = await wire.expect(200, "GET", `${base}/manifests/t${at}`, { headers });
  assert.ok(answer.body.equals(manifest), `manifest ${at}`);
  for (const blob of blobs) {
    const { body } = await wire.expect(200, "GET", `${base}/blobs/${digestOf(blob)}`);
    assert.ok(body.equals(blob), `a blob of ${at}`);
  }
}

/** A server on a data folder, with its blobs in S3. */
async function startOnFolder(data: string, env: NodeJS.ProcessEnv) {
  const port = await freePort();
  const running: Program = await startProgram(
    [process.execPath, program, "serve", "--data", data, "--listen", `127.0.0.1:${port}`],
    {
      env: { BERTH_LOG_LEVEL: "warn", BERTH_AUTH_ADMIN_PASSWORD: adminPassword, ...env },
      isReady: (log) => /listens on http:\/\/\S+/.test(log()),
    },
  );
  const login = { name: "admin", secret: adminPassword };
  const client = createTokenWire(createWire(`http://127.0.0.1:${port}`), login);
  return { running, client, port };
}

/** Images of an upstream that are pulled through a mirror. */
const mirrored = 20;

/** A registry with images, and the configuration of a mirror of it, which has the namespace `hub`. */
async function startUpstream(): Promise<{ readonly upstream: Program; readonly config: string }> {
  const port = await freePort();
  const upstream = await startProgram(
    [process.execPath, program, "serve", "--open", "--listen", `127.0.0.1:${port}`],
    {
      env: { BERTH_STORAGE_DRIVER: "memory", BERTH_LOG_LEVEL: "warn" },
      isReady: (log) => /listens on http:\/\/\S+/.test(log()),
    },
  );
  const wire = createWire(`http://127.0.0.1:${port}`);
  await onEach(mirrored, (at) => push(wire, at));
  wire.close();
  const mirror = { namespace: "hub", upstream: `http://127.0.0.1:${port}` };
  return { upstream, config: fileOf({ mirrors: [{ ...mirror, allowPrivateNetwork: true }] }) };
}

/** Accounts, permissions, a token and a quota. */
async function administer(data: string, env: NodeJS.ProcessEnv): Promise<void> {
  for (const [input, ...args] of [
    ["correct horse battery", "user", "add", "mia"],
    ["", "org", "add", "team", "--owner", "mia"],
    ["", "quota", "set", "team", "1GB"],
    ["", "token", "create", "mia", "--label", "ci", "--scope", "repo:read"],
  ] as const) {
    const { code, printed } = await runBerth([...args, "--data", data], env, { input });
    assert.equal(code, 0, `${args.join(" ")}: ${printed}`);
  }
}

/** A hash of all rows of each table that is copied. */
function dumpOf(data: string): Record<string, string> {
  const database = new SqliteDatabase(path.join(data, "berth.db"), { readonly: true });
  database.prepare("ATTACH DATABASE ? AS counters").run(path.join(data, "berth-counts.db"));
  const dump: Record<string, string> = {};
  for (const table of copiedTables) {
    // The copy marks its source as moved in this table.
    if (table === "instance") continue;
    const rows = database.prepare(`SELECT * FROM ${table}`).raw().all() as unknown[][];
    const texts = rows.map((row) => JSON.stringify(row)).toSorted();
    dump[table] = createHash("sha256").update(texts.join("\n")).digest("hex");
  }
  database.close();
  return dump;
}

const fileOf = (config: object): string => {
  const file = path.join(createScratch("config"), "berth.yaml");
  writeFileSync(file, stringify(config));
  return file;
};

async function copy(args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  const { code, printed } = await runBerth(["database", "copy", ...args], env);
  assert.equal(code, 0, printed);
  return printed;
}

const pullAll = async (wire: Wire): Promise<void> => {
  await onEach(images, (at) => pull(wire, at));
  await onEach(mirrored, (at) => pull(wire, at, `hub/${nameOf(at)}`));
};

const clientsOf = (cluster: Cluster): readonly Wire[] =>
  cluster.replicas.map((one) => cluster.client(one));

test(`${images} images move with accounts, history, a quota and a mirror from a folder to replicas, and back`, async (t) => {
  const { upstream, config } = await startUpstream();
  const mirrors = { BERTH_CONFIG: config };
  const cluster = await startCluster({ replicas: 2, isStopped: true, env: mirrors });
  const s3 = { ...cluster.s3.settings(), ...mirrors };
  const [data, back] = [createScratch("data"), path.join(createScratch("back"), "data")];

  const first = await startOnFolder(data, s3);
  await administer(data, s3);
  const pushedMs = performance.now();
  await onEach(images, (at) => push(first.client, at));
  await pullAll(first.client);
  await upstream.end();
  t.diagnostic(`pushed and pulled in ${((performance.now() - pushedMs) / 1000).toFixed(0)} s`);
  assert.equal(await first.running.end(), 0);
  const before = dumpOf(data);

  const { BERTH_DATABASE_URL: url, BERTH_AUTH_KEY_SECRET: keySecret } = cluster.env;
  const publicUrl = cluster.env["BERTH_PUBLIC_URL"];
  const toPostgres = fileOf({ publicUrl, database: { url }, auth: { keySecret } });
  const there = performance.now();
  t.diagnostic((await copy(["--data", data, "--to", toPostgres], s3)).split("\n")[0] ?? "");
  t.diagnostic(`to PostgreSQL in ${((performance.now() - there) / 1000).toFixed(1)} s`);

  assert.match(await cluster.administer(["check"]), /no errors/);
  await Promise.all([cluster.start(0), cluster.start(1)]);
  for (const client of clientsOf(cluster)) await pullAll(client);
  for (const replica of cluster.replicas) assert.equal(await replica.end(), 0);
  // The pulls from the replicas are counted, and a mirror counts them too.
  const counts = ["repository_counts", "tag_counts", "repository_days", "tag_days"].concat([
    "repositories",
    "search_documents",
    "mirror_uses",
    "mirror_counters",
    "mirror_states",
    "mirror_tags",
  ]);

  const toFolder = fileOf({ data: back });
  const again = performance.now();
  await copy(["--to", toFolder], cluster.env);
  t.diagnostic(`back in ${((performance.now() - again) / 1000).toFixed(1)} s`);
  const after = dumpOf(back);
  for (const table of copiedTables)
    if (!counts.includes(table)) assert.equal(after[table], before[table], table);

  const last = await startOnFolder(back, s3);
  await pullAll(last.client);
  assert.equal(await last.running.end(), 0);
  assert.match((await runBerth(["check", "--data", back], s3)).printed, /no errors/);
});
