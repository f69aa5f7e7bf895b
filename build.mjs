// `npm run build`: bundles the command line and the worker with shared chunks, and each thread into one file: a thread
// loads its modules itself, and sharing chunks with it would split the others' into 20 more. Node starts one file faster
// than hundreds. `npm run check:types` checks the types.
import { rmSync } from "node:fs";
import { build } from "esbuild";
import { buildWeb } from "./web/build.mjs";

/** How Berth and its tests are bundled. */
export const options = {
  entryNames: "[name]",
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20",
  sourcemap: "linked",
  // Node reads and keeps the source of what it runs: without the spaces the server needs 8 MB less memory.
  minifyWhitespace: true,
  // pino starts threads from its own files. src/database/sqlite/driver.ts loads the native module.
  external: ["pino", "pino-pretty"],
  // CommonJS packages inside the bundle ask for Node's modules with require(). The modules import createRequire too.
  banner: {
    js: "import{createRequire as makeRequire}from'node:module';const require=makeRequire(import.meta.url);",
  },
};
/** The files that Berth starts as processes and threads. */
export const worker = "src/server/cluster/worker.ts";
export const threads = [
  "src/database/sqlite/writer-thread.ts",
  "src/database/sqlite/pull-counter-thread.ts",
  "src/app/dry-run-thread.ts",
  "storage/filesystem/durable-file-writer-thread.ts",
];

rmSync("dist", { recursive: true, force: true });
await build({ ...options, outdir: "dist", entryPoints: ["src/main.ts", worker], splitting: true });
await build({ ...options, outdir: "dist", entryPoints: threads });
await buildWeb("dist/web");
