/**
 * `npm test`: every `*.test.ts` below `test/` that needs nothing but Node.
 * Suites that need real clients live in `test/bounds`, `test/clients`, `test/conformance`, `test/fuzz` and `test/s3` and have commands of their own.
 * Arguments narrow the run: `npm test -- registry http/registry` runs the files whose path contains one of them.
 * `node test/run.mjs --files FILE…` runs these files, of whatever suite; `--concurrency N` runs N files at once.
 *
 * esbuild compiles the files first, with what they import in shared chunks: a loader that compiles each module when it
 * is imported takes 4 s of a processor for a file that imports all of Berth, and the chunks 1 s.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import path from "node:path";
import process from "node:process";
import { run } from "node:test";
import { spec as Spec } from "node:test/reporters";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";

const root = path.join(import.meta.dirname, "..");
const elsewhere = ["bounds", "clients", "conformance", "fuzz", "mirror-distribution", "s3"];
/** A test file that runs longer than 10 minutes is stopped and fails. */
const longestFileMs = 10 * 60_000;

const { values, positionals } = parseArgs({
  options: {
    files: { type: "boolean", default: false },
    concurrency: { type: "string", default: `${Math.max(2, availableParallelism())}` },
  },
  allowPositionals: true,
});
const files = values.files ? positionals : testFiles(positionals);
if (files.length === 0) {
  console.error("no test file matches");
  process.exit(1);
}

/** The test files of `npm test` whose path contains one of the texts, relative to the root. */
function testFiles(wanted) {
  return readdirSync(import.meta.dirname, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".test.ts"))
    .filter((file) => !elsewhere.includes(file.split(path.sep)[0] ?? ""))
    .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
    .map((file) => path.join("test", file))
    .toSorted();
}

// Below node_modules, so that the packages are found. The folder is of this run only, because others may run at once.
const cache = path.join(root, "node_modules", ".cache");
mkdirSync(cache, { recursive: true });
const folder = mkdtempSync(path.join(cache, "tests-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

/**
 * Replaces `import.meta` by what it means in the source file: tests find their data and other programs beside it. For
 * Berth itself it is a file of the compiled folder, because Berth starts its threads and workers from there.
 */
const importMeta = {
  name: "import-meta",
  setup: ({ onLoad }) =>
    onLoad({ filter: /\.ts$/ }, ({ path: file }) => {
      const inTests = !path.relative(root, file).match(/^(src|storage)\b/);
      const place = inTests ? file : path.join(folder, "berth.js");
      const contents = readFileSync(file, "utf8")
        .replaceAll("import.meta.url", JSON.stringify(pathToFileURL(place).href))
        .replaceAll("import.meta.dirname", JSON.stringify(path.dirname(place)))
        .replaceAll("import.meta.filename", JSON.stringify(place));
      return { contents, loader: "ts" };
    }),
};

// Tests of the command line start the built program.
await import(pathToFileURL(path.join(root, "build.mjs")).href);
const options = {
  absWorkingDir: root,
  bundle: true,
  format: "esm",
  outdir: folder,
  packages: "external",
  platform: "node",
  plugins: [importMeta],
  sourcemap: "linked",
  splitting: true,
  target: "node20",
};
await build({ ...options, entryPoints: files, outbase: "." });
await build({
  ...options,
  entryPoints: [
    "src/server/cluster/worker.ts",
    "src/database/sqlite/writer-thread.ts",
    "src/database/sqlite/pull-counter-thread.ts",
    "storage/filesystem/durable-file-writer-thread.ts",
  ],
  entryNames: "[name]",
});

run({
  files: files.map((file) => path.join(folder, file.replace(/\.ts$/, ".js"))),
  concurrency: Number(values.concurrency),
  timeout: longestFileMs,
})
  .on("test:fail", () => {
    process.exitCode = 1;
  })
  .compose(new Spec())
  .pipe(process.stdout);
