import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, describe, test } from "node:test";
import { createDurableFileWriter } from "../../../storage/filesystem/durable-file-writer.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { pattern } from "../bytes.ts";

const folder = temporaryFolder();
const files = createDurableFileWriter();
after(() => files.close());

describe("small files", () => {
  test("that are written at the same time each get their own content", async () => {
    const sizes = Array.from({ length: 100 }, (_, at) => at * 997);
    const target = (size: number): string => {
      const directory = path.join(folder, String(size % 7));
      mkdirSync(directory, { recursive: true });
      return path.join(directory, String(size));
    };
    await Promise.all(sizes.map((size) => files.write(target(size), pattern(size))));
    for (const size of sizes) assert.ok(readFileSync(target(size)).equals(pattern(size)));
  });

  test("that can't be created reject with Node's error code, and the other files are written", async () => {
    const taken = path.join(folder, "taken");
    writeFileSync(taken, "somebody's");
    const outcomes = await Promise.allSettled([
      files.write(path.join(folder, "good-1"), pattern(10)),
      files.write(path.join(folder, "no-such-folder", "file"), pattern(10)),
      files.write(taken, pattern(10)),
      files.write(path.join(folder, "good-2"), pattern(10)),
    ]);
    const codes = outcomes.map((outcome) =>
      outcome.status === "fulfilled" ? "written" : (outcome.reason as NodeJS.ErrnoException).code,
    );
    assert.deepEqual(codes, ["written", "ENOENT", "EEXIST", "written"]);
    assert.equal(readFileSync(taken, "utf8"), "somebody's");
  });

  test("can be written after the writer was closed", async () => {
    const again = createDurableFileWriter();
    await again.write(path.join(folder, "before"), pattern(10));
    await again.close();
    await again.write(path.join(folder, "after"), pattern(10));
    await again.close();
    assert.ok(existsSync(path.join(folder, "after")));
  });
});
