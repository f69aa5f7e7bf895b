import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import type { Command } from "commander";
import { createProgram } from "../src/cli/program.ts";

/* Tests what the documentation names. `test/clients/docs.test.ts` runs its commands. */

const root = path.join(import.meta.dirname, "..");
const pages = readdirSync(path.join(root, "docs")).filter((name) => name.endsWith(".md"));
const files = [
  ...["README.md", "SECURITY.md", "CHANGELOG.md", "CONTRIBUTING.md", "ARCHITECTURE.md"],
  ...["deploy/bundle/README.md", "bench/README.md", ...pages.map((page) => `docs/${page}`)],
];
const read = (file: string): string => readFileSync(path.join(root, file), "utf8");

/** The anchors of the headings, as GitHub makes them. */
const anchorsOf = (text: string): Set<string> =>
  new Set(
    [...text.replaceAll(/^```[^]*?^```$/gm, "").matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}_\- ]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );

test("each link of the documentation leads to a file and a heading that exist", () => {
  const broken: string[] = [];
  for (const file of files) {
    // The bundle's page is beside the folders docs and deploy of the bundle.
    const folder = file.startsWith("deploy/bundle") ? "." : path.dirname(file);
    for (const [, target = ""] of read(file).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [name = "", anchor] = target.split("#");
      const to = name === "" ? file : path.join(folder, name);
      const isThere =
        existsSync(path.join(root, to)) &&
        (anchor === undefined || anchorsOf(read(to)).has(anchor));
      if (!isThere) broken.push(`${file}: ${target}`);
    }
  }
  assert.deepEqual(broken, []);
});

test("docs/README.md lists each page of the documentation", () => {
  const index = read("docs/README.md");
  const missing = pages.filter((page) => page !== "README.md" && !index.includes(`](${page})`));
  assert.deepEqual(missing, []);
});

/** The lines of command blocks that begin with `berth`, without their comments, continued lines as one. */
const commandsOf = (text: string): string[] =>
  [...text.matchAll(/^```sh.*\n([^]*?)^```$/gm)].flatMap(([, block = ""]) =>
    block
      .replaceAll("\\\n", " ")
      .split("\n")
      .map((line) => line.replace(/ +#.*$/, "").replace(/^(?:sudo -u \S+|npx|\.\/) */, ""))
      .filter((line) => line.startsWith("berth ")),
  );

/** What is wrong with a command line: a command or an option that Berth does not have. */
function mistakeOf(line: string): string | undefined {
  let command: Command = createProgram();
  const words = line.split(/\s+/).slice(1);
  while (command.commands.length > 0) {
    const [word = ""] = words;
    const next = command.commands.find((one) => one.name() === word);
    if (next === undefined) break;
    command = next;
    words.shift();
  }
  if (command.commands.length > 0 && words[0] !== undefined && !words[0].startsWith("-"))
    return `${line}: no command ${words[0]}`;
  const known = new Set(["--help", "--version", ...command.options.map(({ long }) => long)]);
  const unknown = words.find(
    (word) => word.startsWith("--") && !known.has(word.split("=")[0] ?? ""),
  );
  return unknown === undefined ? undefined : `${line}: no option ${unknown}`;
}

test("each command of berth in the documentation has a name and options that Berth knows", () => {
  const lines = files.flatMap((file) => commandsOf(read(file)));
  assert.ok(lines.length > 50);
  assert.deepEqual(
    lines.flatMap((line) => mistakeOf(line) ?? []),
    [],
  );
});
