/**
 * `npm run bench`: compares Berth with other registries (`compare.ts`); with `--scale`, Berth with itself when it has more
 * and more images (`scale.ts`). README.md explains the figures.
 */
import process from "node:process";

await (process.argv.includes("--scale") ? import("./scale.ts") : import("./compare.ts"));
