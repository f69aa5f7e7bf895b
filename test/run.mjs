/**
 * `npm test`: every `*.test.ts` below `test/` that needs nothing but Node.
 * Suites that need more live in the folders of `elsewhere` and have commands of their own.
 * Arguments narrow the run: `npm test -- registry http/registry` runs the files whose path contains one of them.
 * `node test/run.mjs --files FILE…` runs these files, of whatever suite; `--concurrency N` runs N files at once.
 * A file that runs for more than 10 minutes is stopped and fails; `--minutes N` sets another limit.
 * With BERTH_TEST_DATABASE=postgres the tests use the PostgreSQL server that BERTH_TEST_DATABASE_URL names, in a database
 * of this run: not those in `test/sqlite-only.json`, and not the files that open no database.
 *
 * esbuild compiles the files first, with what they import, packages included, in shared chunks: a loader that compiles
 * each module when it is imported takes 4 s of a processor for a file that imports all of Berth, and the chunks 0.6 s.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { availableParallelism } from "node:os";
import path from "node:path";
import process from "node:process";
import { run } from "node:test";
import { spec as Spec } from "node:test/reporters";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";
// This import builds dist: tests of the command line start the built program.
import { options, threads, worker } from "../build.mjs";
import { createRunDatabase } from "./run-database.mjs";

const root = path.join(import.meta.dirname, "..");
const elsewhere = [
  "bounds",
  "browser",
  "clients",
  "conformance",
  "fuzz",
  "mirror-distribution",
  "replicas",
  "s3",
];

/** Starts of the paths of test files that do not run on PostgreSQL. */
const sqliteOnly = Object.keys(
  JSON.parse(readFileSync(path.join(import.meta.dirname, "sqlite-only.json"), "utf8")).files,
);
const usesPostgres = process.env["BERTH_TEST_DATABASE"] === "postgres";

const { values, positionals } = parseArgs({
  options: {
    files: { type: "boolean", default: false },
    minutes: { type: "string", default: "10" },
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
    .filter((file) => !usesPostgres || !sqliteOnly.some((start) => file.startsWith(start)))
    .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
    .map((file) => path.join("test", file))
    .toSorted();
}

// Below node_modules, so that the packages are found. The folder is of this run only, because others may run at once.
const cache = path.join(root, "node_modules", ".cache");
mkdirSync(cache, { recursive: true });
const folder = mkdtempSync(path.join(cache, "tests-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
const stopped = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"])
  process.on(signal, () => {
    // Ends the processes of the test files.
    stopped.abort();
    process.exit(1);
  });

/**
 * Replaces `import.meta` by what it means in the source file: tests find their data and other programs beside it. For
 * Berth itself it is a file of the compiled folder, because Berth starts its threads and workers from there.
 */
const importMeta = {
  name: "import-meta",
  setup: ({ onLoad }) =>
    onLoad({ filter: /\.ts$/ }, ({ path: file }) => {
      const isBerth = /^(src|storage)\//.test(path.relative(root, file));
      const place = isBerth ? path.join(folder, "berth.js") : file;
      const contents = readFileSync(file, "utf8")
        .replaceAll("import.meta.url", JSON.stringify(pathToFileURL(place).href))
        .replaceAll("import.meta.dirname", JSON.stringify(path.dirname(place)))
        .replaceAll("import.meta.filename", JSON.stringify(place));
      return { contents, loader: "ts" };
    }),
};

// playwright-core reads files beside its own.
const external = [...options.external, "playwright-core"];
const compiled = {
  ...options,
  external,
  absWorkingDir: root,
  outdir: folder,
  plugins: [importMeta],
};
const { metafile } = await build({
  ...compiled,
  entryNames: "[dir]/[name]",
  entryPoints: files,
  outbase: ".",
  splitting: true,
  metafile: true,
});
await build({ ...compiled, entryPoints: [worker, ...threads] });
symlinkSync(path.join(root, "dist/web"), path.join(folder, "web"));

/** Whether a source file imports, directly or not, one of the two that open the database of a test. */
function opensDatabase(file, seen = new Set()) {
  if (/^test\/support\/(database|postgres)\.ts$/.test(file)) return true;
  if (seen.has(file)) return false;
  seen.add(file);
  return (metafile.inputs[file]?.imports ?? []).some((next) => opensDatabase(next.path, seen));
}

const server = process.env["BERTH_TEST_DATABASE_URL"];
const database = usesPostgres ? await createRunDatabase(server) : undefined;
if (database !== undefined) process.env["BERTH_TEST_DATABASE_URL"] = database.url;

const tests = run({
  files: (usesPostgres && !values.files ? files.filter((file) => opensDatabase(file)) : files).map(
    (file) => path.join(folder, file.replace(/\.ts$/, ".js")),
  ),
  concurrency: Number(values.concurrency),
  timeout: Number(values.minutes) * 60_000,
  signal: stopped.signal,
}).on("test:fail", () => {
  process.exitCode = 1;
});
tests.on("end", () => void database?.drop());
tests.compose(new Spec()).pipe(process.stdout);
