// `npm run build`: the command line, the threads that write and the worker, each one file with what they share beside
// them. One file instead of hundreds is what makes a start fast; types are checked by `npm run check:types`.
import { rmSync } from "node:fs";
import { build } from "esbuild";

rmSync("dist", { recursive: true, force: true });
await build({
  entryPoints: [
    "src/main.ts",
    "src/database/sqlite/writer-thread.ts",
    "src/server/cluster/worker.ts",
    "src/database/sqlite/pull-counter-thread.ts",
    "storage/filesystem/durable-file-writer-thread.ts",
  ],
  outdir: "dist",
  entryNames: "[name]",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20",
  sourcemap: "linked",
  // A native module, and a logger that starts threads from files of its own.
  external: ["better-sqlite3", "pino", "pino-pretty"],
  // CommonJS packages inside the bundle ask for Node's modules with require().
  banner: {
    js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);",
  },
});
