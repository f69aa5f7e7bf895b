/**
 * `npm run seed -- --repositories 100000 --tags 1000000 [--data FOLDER]`: creates a data folder with so many
 * repositories and tags. The content is the same at every run. The first repository has 10 % of the tags, at most
 * 100,000. The folder must be new.
 */
import { existsSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { fillDatabase } from "../bench/listing/fill.ts";
import { pushBaseImages } from "../bench/listing/base-images.ts";
import { startBerth } from "../bench/support/berth.ts";

const { values } = parseArgs({
  options: {
    repositories: { type: "string", default: "100000" },
    tags: { type: "string", default: "1000000" },
    data: { type: "string", default: "./data" },
  },
});
const [repositories, tags] = [Number(values.repositories), Number(values.tags)];
if (!(repositories > 0) || !(tags >= repositories))
  throw new Error("say how many --repositories, and at least as many --tags");
const file = path.join(values.data, "berth.db");
if (existsSync(file)) throw new Error(`there is a registry in ${values.data} already`);

const begun = performance.now();
const berth = await startBerth({ data: values.data });
try {
  await pushBaseImages(berth.url);
} finally {
  await berth.stop();
}
fillDatabase(file, path.join(values.data, "berth-counts.db"), { repositories, tags });
const seconds = (performance.now() - begun) / 1000;
process.stdout.write(
  `${repositories} repositories and ${tags} tags in ${values.data} after ${seconds.toFixed(1)} s\n`,
);
