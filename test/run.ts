/**
 * `npm test`: every `*.test.ts` below `test/` that needs nothing but Node.
 * Suites that need real clients live in `test/bounds`, `test/clients`, `test/conformance`, `test/fuzz` and `test/s3` and have commands of their own.
 * Arguments narrow the run: `npm test -- registry http/registry` runs the files whose path contains one of them.
 */
import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import path from "node:path";
import process from "node:process";
import { run } from "node:test";
import { spec as Spec } from "node:test/reporters";

const root = import.meta.dirname;
const elsewhere = ["bounds", "clients", "conformance", "fuzz", "mirror-distribution", "s3"];
const wanted = process.argv.slice(2);
/** A test file that runs longer than 10 minutes is stopped and fails. */
const longestFileMs = 10 * 60_000;

const files = readdirSync(root, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".test.ts"))
  .filter((file) => !elsewhere.includes(file.split(path.sep)[0] ?? ""))
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .map((file) => path.join(root, file))
  .toSorted();

if (files.length === 0) {
  console.error("no test file matches");
  process.exit(1);
}

// Tests of the command line start it dozens of times. The built file starts in a quarter of the time.
await import(new URL("../build.mjs", import.meta.url).href);
run({ files, concurrency: Math.max(2, availableParallelism()), timeout: longestFileMs })
  .on("test:fail", () => {
    process.exitCode = 1;
  })
  .compose(new Spec())
  .pipe(process.stdout);
