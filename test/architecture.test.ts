import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";

/*
 * Checks the source against the tables in ARCHITECTURE.md: which folder may import which, and which folders may import
 * a package. Also checks that no file or folder has a generic name such as `utils`.
 */

const root = path.join(import.meta.dirname, "..");

const architecture = readFileSync(path.join(root, "ARCHITECTURE.md"), "utf8").split("\n");

/** The rows of the table in ARCHITECTURE.md with this first heading. Each cell is its names in backticks. */
function tableOf(heading: string): readonly (readonly (readonly string[])[])[] {
  const start = architecture.findIndex((line) => new RegExp(`^\\| *${heading} *\\|`).test(line));
  assert.notEqual(start, -1, `ARCHITECTURE.md has no table with the column "${heading}"`);
  const below = architecture.slice(start + 2);
  return below
    .slice(
      0,
      below.findIndex((line) => !line.startsWith("|")),
    )
    .map((row) =>
      row
        .split("|")
        .slice(1, -1)
        .map((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name)),
    );
}

/** The layers from the top down. */
const rows = tableOf("folders").map(([folders = []]) => folders);
const owners = new Map(
  tableOf("package").map(([[name = ""] = [], folders = []]) => [name, folders]),
);

interface Import {
  readonly from: string;
  readonly target: string;
}

const filesOf = (folder: string): readonly string[] =>
  readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => /\.tsx?$/.test(file))
    .map((file) => path.posix.join(folder, file.split(path.sep).join("/")));

const files = ["src", "storage"].flatMap(filesOf);
const webFiles = filesOf("web");

const importsOf = (of: readonly string[]): readonly Import[] =>
  of.flatMap((from) =>
    [
      ...readFileSync(path.join(root, from), "utf8").matchAll(
        /^(?:import|export)\s[^;]*?\bfrom\s+"([^"]+)"|^import\s+"([^"]+)"|\bimport\("([^"]+)"\)/gm,
      ),
    ].map((match) => ({ from, target: match[1] ?? match[2] ?? match[3] ?? "" })),
  );
const imports = importsOf(files);

const driver = "a storage driver";

function layerOf(file: string): string {
  const [top, folder = "", inside] = file.split("/");
  if (top === "storage") return inside === undefined ? "storage contract" : driver;
  return folder;
}

const rowOf = (layer: string): number => rows.findIndex((row) => row.includes(layer));

function mayImport(from: string, to: string): boolean {
  if (from === to) return true;
  if (to === driver) return from === "app";
  if (from === driver) return to === "storage contract" || rowOf(to) === rows.length - 1;
  return rowOf(from) !== -1 && rowOf(from) < rowOf(to);
}

/** The server and the pages share the addresses of the pages and their API calls. */
const shared = /\/web\/(?:addresses|titles|first-calls)\.ts$/;

const ownImports = imports
  .filter(({ from, target }) => !(from.startsWith("src/http/web/") && shared.test(target)))
  .filter(({ target }) => target.startsWith("."))
  .map(({ from, target }) => ({ from, to: path.posix.join(path.posix.dirname(from), target) }));

describe("the architecture", () => {
  test("test finds the imports of the source, including those that span several lines", () => {
    assert.ok(imports.length > 150, `only ${imports.length} imports were found`);
    assert.ok(
      imports.some(
        ({ from, target }) =>
          from === "src/registry/uploads/uploads.ts" && target.endsWith("chunk.ts"),
      ),
    );
  });

  test("lets a folder import only folders of lower rows", () => {
    const wrong = ownImports.filter(({ from, to }) => !mayImport(layerOf(from), layerOf(to)));
    assert.deepEqual(wrong, []);
  });

  test("forbids a storage driver to import another one, except for shared-read", () => {
    const driverOf = (file: string): string => file.split("/")[1] ?? "";
    const wrong = ownImports
      .filter(({ from, to }) => layerOf(from) === driver && layerOf(to) === driver)
      .filter(({ from, to }) => driverOf(from) !== driverOf(to))
      .filter(({ from, to }) => driverOf(to) !== "shared-read" || driverOf(from) === "shared-read");
    assert.deepEqual(wrong, []);
  });

  test("lets the web pages import only types of src/api, and no value of the server", () => {
    const wrong = webFiles.flatMap((from) =>
      [
        ...readFileSync(path.join(root, from), "utf8").matchAll(
          /^import\s+(type\s)?[^;]*?from\s+"([^"]*\/(?:src|storage)\/[^"]*)"/gm,
        ),
      ]
        .filter(([, isType, target = ""]) => isType === undefined || !target.includes("/src/api/"))
        .map(([text]) => `${from}: ${text}`),
    );
    assert.deepEqual(wrong, []);
  });

  test("has no HTML that a page writes from text, and no inline style", () => {
    const writers = webFiles.filter((file) =>
      /dangerouslySetInnerHTML|innerHTML|insertAdjacentHTML|document\.write|\beval\(|style=["{]/.test(
        readFileSync(path.join(root, file), "utf8"),
      ),
    );
    assert.deepEqual(writers, []);
  });

  test("lets only the folders in the table of packages import a package", () => {
    assert.ok(owners.size > 15, `only ${owners.size} packages have owners`);
    const wrong = [...imports, ...importsOf(webFiles)].filter(({ from, target }) => {
      const [scope = "", name = ""] = target.split("/");
      const folders = owners.get(`${scope}/${name}`) ?? owners.get(scope);
      return (
        folders !== undefined && !folders.some((one) => from === one || from.startsWith(`${one}/`))
      );
    });
    assert.deepEqual(wrong, []);
  });

  test("has a row for every source folder", () => {
    const unknown = files.filter((file) => layerOf(file) !== driver && rowOf(layerOf(file)) === -1);
    assert.deepEqual(unknown, []);
  });

  test("allows process.env only in src/main.ts, src/config and src/cli", () => {
    const readers = files.filter((file) =>
      /process\.env\b/.test(readFileSync(path.join(root, file), "utf8")),
    );
    assert.deepEqual(
      readers.filter(
        (file) =>
          file !== "src/main.ts" && !file.startsWith("src/config/") && !file.startsWith("src/cli/"),
      ),
      [],
    );
  });

  test("has no cache that clears itself when it is full: bounded-cache.ts evicts the least recently used", () => {
    const emptied = files.filter((file) =>
      /\.(?:size|length)\s*>=?[^;]{0,60}(?:\.clear|forget)\(\)/.test(
        readFileSync(path.join(root, file), "utf8"),
      ),
    );
    assert.deepEqual(emptied, []);
  });

  test("allows writes to the terminal only in output.ts, which removes control characters", () => {
    const writers = files.filter((file) =>
      /\bstd(?:out|err)\s*\.\s*write\b|\bconsole\s*[.[]/.test(
        readFileSync(path.join(root, file), "utf8"),
      ),
    );
    assert.deepEqual(writers, ["src/cli/support/output.ts"]);
  });

  test("has no file or folder named util, helper, common, types or index", () => {
    const drawers = files.filter((file) =>
      /(?:^|\/)(?:utils?|helpers?|common|types|index)(?:\.ts$|\/)/.test(file),
    );
    assert.deepEqual(drawers, []);
  });
});
