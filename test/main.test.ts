import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { berth } from "./cli/support.ts";

describe("berth", { concurrency: 2 }, () => {
  test("--help prints commands, examples and exit codes", async () => {
    const { code, stdout, stderr } = await berth(["--help"]);
    assert.deepEqual([code, stderr], [0, ""]);
    for (const part of ["serve", "config", "Examples:", "Exit codes:"])
      assert.ok(stdout.includes(part), part);
  });

  test("--version prints the version of package.json", async () => {
    const manifest = new URL("../package.json", import.meta.url);
    const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string };
    assert.deepEqual(await berth(["--version"]), { code: 0, stdout: `${version}\n`, stderr: "" });
  });

  test("without a command prints the help on standard error and exits with 2", async () => {
    const { code, stdout, stderr } = await berth([]);
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(stderr, /^Usage: berth/);
  });

  const wrong: [string, string[], RegExp][] = [
    [
      "an unknown command",
      ["serv"],
      /unknown command 'serv'[^]*Did you mean serve\?[^]*berth --help/,
    ],
    [
      "an unknown command below one",
      ["config", "chek"],
      /Did you mean check\?[^]*berth config --help/,
    ],
    [
      "an unknown option",
      ["serve", "--opne"],
      /'--opne'[^]*Did you mean --open\?[^]*berth serve --help/,
    ],
    ["an option without its value", ["serve", "--data"], /argument missing/],
    ["an argument too many", ["serve", "now"], /too many arguments/],
  ];
  for (const [name, args, told] of wrong) {
    test(`with ${name} exits with 2 and prints the usage error`, async () => {
      const { code, stdout, stderr } = await berth(args);
      assert.deepEqual([code, stdout], [2, ""]);
      assert.match(stderr, told);
    });
  }
});
