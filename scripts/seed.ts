/**
 * `npm run seed -- --repositories 100000 --tags 1000000 [--data FOLDER] [--postgres URL]`: creates a data folder with so
 * many repositories and tags. The content is the same at every run. The first repository has 10 % of the tags, at most
 * 100,000, and `latest` is one of them. The folder must be new. With `--postgres` the rows are copied to that empty database too, also from a folder
 * of an earlier run.
 */
import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { fillDatabase } from "../bench/listing/fill.ts";
import { pushBaseImages } from "../bench/listing/base-images.ts";
import { runSql } from "../bench/servers/postgres.ts";
import { startBerth } from "../bench/support/berth.ts";

const { values } = parseArgs({
  options: {
    repositories: { type: "string", default: "100000" },
    tags: { type: "string", default: "1000000" },
    data: { type: "string", default: "./data" },
    postgres: { type: "string" },
  },
});

async function fillFolder(folder: string): Promise<void> {
  const [repositories, tags] = [Number(values.repositories), Number(values.tags)];
  if (!(repositories > 0) || !(tags >= repositories))
    throw new Error("say how many --repositories, and at least as many --tags");
  const begun = performance.now();
  const berth = await startBerth({ data: folder });
  try {
    await pushBaseImages(berth.url);
  } finally {
    await berth.stop();
  }
  const counts = path.join(folder, "berth-counts.db");
  fillDatabase(path.join(folder, "berth.db"), counts, { repositories, tags });
  say(`${repositories} repositories and ${tags} tags in ${folder}`, begun);
}

/** Copies the rows with `berth database copy`, about 15,000 per second. The folder stays as it is. */
function copyToPostgres(folder: string, url: string): void {
  const begun = performance.now();
  const config = path.join(folder, "postgres.yaml");
  const settings = { publicUrl: "http://127.0.0.1", database: { url }, auth: { open: true } };
  // JSON is YAML.
  writeFileSync(config, JSON.stringify(settings));
  const program = path.join(import.meta.dirname, "../dist/main.js");
  const copy = ["database", "copy", "--keep-source", "--data", folder, "--to", config];
  execFileSync(process.execPath, [program, ...copy], { stdio: "inherit" });
  // Autovacuum would do it within minutes, and its time would be in the figures.
  runSql(url, "VACUUM (ANALYZE)");
  say("the same in PostgreSQL", begun);
}

function say(what: string, begun: number): void {
  const seconds = (performance.now() - begun) / 1000;
  process.stdout.write(`${what} after ${seconds.toFixed(1)} s\n`);
}

const exists = existsSync(path.join(values.data, "berth.db"));
if (exists && values.postgres === undefined)
  throw new Error(`there is a registry in ${values.data} already`);
if (!exists) await fillFolder(values.data);
if (values.postgres !== undefined) copyToPostgres(values.data, values.postgres);
