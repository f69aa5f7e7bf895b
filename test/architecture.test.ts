import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";

/*
 * The picture in ARCHITECTURE.md, held: who may import whom, which package belongs to which room, and what no
 * folder may be called.
 */

const root = path.join(import.meta.dirname, "..");

/** A room, and the rooms it may import besides itself. `contract` is the blob store contract without its drivers. */
const rooms: Readonly<Record<string, readonly string[]>> = {
  oci: [],
  "byte-cache": [],
  concurrency: ["byte-cache"],
  contract: ["oci"],
  driver: ["oci", "contract"],
  metadata: ["byte-cache", "oci"],
  auth: ["byte-cache", "oci", "metadata", "concurrency"],
  registry: ["byte-cache", "oci", "contract", "metadata"],
  hub: ["byte-cache", "oci", "metadata", "registry", "auth"],
  observability: [],
  mirror: ["byte-cache", "oci", "contract", "metadata", "registry"],
  http: ["byte-cache", "oci", "registry", "auth", "hub", "mirror", "observability", "concurrency"],
  config: [],
  stores: ["contract", "driver", "config"],
  assemble: [
    "access",
    "concurrency",
    "counting",
    "data-folder",
    "hub",
    "mirroring",
    "mirror",
    "stores",
    "push-rules",
    "oci",
    "contract",
    "driver",
    "metadata",
    "auth",
    "registry",
    "hub",
    "observability",
    "http",
    "config",
  ],
  counting: ["stores", "metadata", "hub", "config", "observability"],
  access: ["stores", "oci", "metadata", "auth", "mirror", "http", "config", "observability"],
  mirroring: [
    ...["data-folder", "push-rules", "oci", "contract", "metadata", "registry", "mirror"],
    ...["config", "observability"],
  ],
  administration: ["stores", "metadata", "auth", "config"],
  "data-folder": ["stores", "contract", "metadata", "registry", "config"],
  "push-rules": ["metadata", "registry", "config"],
  upkeep: [
    ...["concurrency", "data-folder", "stores", "oci", "contract", "metadata", "registry"],
    "config",
  ],
  repositories: ["data-folder", "push-rules", "metadata", "registry", "auth", "config"],
  server: ["assemble", "byte-cache", "http", "config", "observability", "oci", "concurrency"],
  workers: ["assemble", "server", "metadata", "registry", "config", "observability"],
  cli: [
    ...["assemble", "data-folder", "upkeep", "repositories", "mirroring", "administration"],
    ...["config", "server", "workers", "observability", "oci"],
  ],
};

/** Packages that only some places may import. */
const owners: Readonly<Record<string, readonly RegExp[]>> = {
  koa: [/^src\/http\//],
  "@koa/router": [/^src\/http\//],
  "better-sqlite3": [/^src\/metadata\/sqlite\//],
  kysely: [/^src\/metadata\//],
  zod: [/^src\/config\//, /^src\/http\//],
  jsonwebtoken: [/^src\/auth\//],
  yaml: [/^src\/config\//],
  re2js: [/^src\/oci\//],
  commander: [/^src\/cli\//],
  "cli-progress": [/^src\/cli\//],
  undici: [/^src\/mirror\//],
  picomatch: [/^src\/mirror\//],
  croner: [/^src\/mirror\//, /^src\/config\//],
  semver: [/^src\/mirror\//, /^src\/config\//],
  "prom-client": [/^src\/observability\//],
  "@aws-sdk": [/^storage\/s3\//],
  "@smithy": [/^storage\/s3\//],
  pino: [/^src\/observability\//],
  "pino-pretty": [/^src\/observability\//],
};

interface Import {
  readonly from: string;
  readonly target: string;
}

const files = ["src", "storage"].flatMap((folder) =>
  readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => path.posix.join(folder, file.split(path.sep).join("/"))),
);

const imports: readonly Import[] = files.flatMap((from) =>
  [
    ...readFileSync(path.join(root, from), "utf8").matchAll(
      /^(?:import|export)\s[^;]*?\bfrom\s+"([^"]+)"|^import\s+"([^"]+)"|\bimport\("([^"]+)"\)/gm,
    ),
  ].map((match) => ({ from, target: match[1] ?? match[2] ?? match[3] ?? "" })),
);

function roomOf(file: string): string {
  if (file.startsWith("storage/")) return file.split("/").length === 2 ? "contract" : "driver";
  const [, first = ""] = file.split("/");
  return first.replace(/\.ts$/, "");
}

describe("the house", () => {
  test("has imports to look at, also those that span lines", () => {
    assert.ok(imports.length > 150, `only ${imports.length} imports were found`);
    assert.ok(
      imports.some(
        ({ from, target }) =>
          from === "src/registry/uploads/uploads.ts" && target.endsWith("chunk.ts"),
      ),
    );
  });

  test("lets a room import only what the table says", () => {
    const wrong = imports
      .filter(({ target }) => target.startsWith("."))
      .map(({ from, target }) => ({ from, to: path.posix.join(path.posix.dirname(from), target) }))
      .filter(
        ({ from, to }) =>
          roomOf(from) !== roomOf(to) && !(rooms[roomOf(from)] ?? []).includes(roomOf(to)),
      );
    assert.deepEqual(wrong, []);
  });

  test("keeps one driver of the store from importing another, but for what they share", () => {
    const driverOf = (file: string): string => file.split("/")[1] ?? "";
    const wrong = imports
      .filter(({ from, target }) => roomOf(from) === "driver" && target.startsWith("."))
      .map(({ from, target }) => ({ from, to: path.posix.join(path.posix.dirname(from), target) }))
      .filter(({ from, to }) => roomOf(to) === "driver" && driverOf(from) !== driverOf(to))
      .filter(({ from, to }) => driverOf(to) !== "shared" || driverOf(from) === "shared");
    assert.deepEqual(wrong, []);
  });

  test("keeps a package where it belongs", () => {
    const wrong = imports.filter(({ from, target }) => {
      const places =
        owners[
          target
            .split("/")
            .slice(0, target.startsWith("@") ? 2 : 1)
            .join("/")
        ] ?? owners[target.split("/")[0] ?? ""];
      return places !== undefined && !places.some((place) => place.test(from));
    });
    assert.deepEqual(wrong, []);
  });

  test("knows every room there is", () => {
    assert.deepEqual(
      files.map(roomOf).filter((room) => rooms[room] === undefined),
      [],
    );
  });

  test("reads the environment in one place", () => {
    const readers = files.filter((file) =>
      /process\.env\b/.test(readFileSync(path.join(root, file), "utf8")),
    );
    assert.deepEqual(
      readers.filter((file) => !file.startsWith("src/config/") && !file.startsWith("src/cli/")),
      [],
    );
  });

  test("has no cache that empties itself when it is full: src/byte-cache.ts removes the least recently used", () => {
    const emptied = files.filter((file) =>
      /\.(?:size|length)\s*>=?[^;]{0,60}(?:\.clear|forget)\(\)/.test(
        readFileSync(path.join(root, file), "utf8"),
      ),
    );
    assert.deepEqual(emptied, []);
  });

  test("writes to the terminal in one place, which removes control characters", () => {
    const writers = files.filter((file) =>
      /\bstd(?:out|err)\s*\.\s*write\b|\bconsole\s*[.[]/.test(
        readFileSync(path.join(root, file), "utf8"),
      ),
    );
    assert.deepEqual(writers, ["src/cli/output.ts"]);
  });

  test("has no drawer for what nobody could name, and no barrel", () => {
    const drawers = files.filter((file) =>
      /(?:^|\/)(?:utils?|helpers?|common|types|index)(?:\.ts$|\/)/.test(file),
    );
    assert.deepEqual(drawers, []);
  });
});
