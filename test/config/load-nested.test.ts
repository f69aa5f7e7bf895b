import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as z from "zod";
import { printSettings } from "../../src/config/explain.ts";
import { readSettings, type Settings } from "../../src/config/load.ts";
import { renderProblems } from "../../src/config/problems.ts";
import { bool, duration, secret, size, text } from "../../src/config/values.ts";
import { createFiles } from "./support.ts";

const write = await createFiles();

/** A schema with secrets, nested groups and lists of objects. */
const schema = z.object({
  storage: z
    .object({
      s3: z
        .object({ bucket: text().optional(), secretAccessKey: secret().optional() })
        .prefault({}),
    })
    .prefault({}),
  mirrors: z
    .array(
      z.object({
        upstream: text(),
        password: secret().optional(),
        insecure: bool().prefault(false),
        budget: size({ min: 0 }).prefault("50GiB"),
        ttl: z.object({ tag: duration({ min: 0 }).prefault("5m") }).prefault({}),
        allow: z.array(text()).prefault([]),
      }),
    )
    .prefault([]),
});

async function read(
  yaml: string,
  env: NodeJS.ProcessEnv = {},
): Promise<Settings<z.output<typeof schema>>> {
  const path = await write("settings.yaml", yaml);
  return await readSettings(schema, { configFile: { path, namedBy: "--config" }, env, flags: {} });
}

describe("a secret in the configuration", () => {
  test("is read from a variable, or from the file that a variable with _FILE names", async () => {
    const file = await write("secret", "hunter2\n");
    const plain = await read("", { BERTH_STORAGE_S3_SECRET_ACCESS_KEY: "hunter2" });
    const named = await read("", { BERTH_STORAGE_S3_SECRET_ACCESS_KEY_FILE: file });
    assert.equal(plain.output?.storage.s3.secretAccessKey, "hunter2");
    assert.equal(named.output?.storage.s3.secretAccessKey, "hunter2");
    assert.equal(
      named.sources.get("storage.s3.secretAccessKey"),
      "BERTH_STORAGE_S3_SECRET_ACCESS_KEY_FILE",
    );
  });

  test("is read from the file that a YAML key with _FILE names, also inside lists", async () => {
    const file = await write("secret", "hunter2");
    const { output } = await read(
      `storage: { s3: { secretAccessKey_FILE: ${file} } }\nmirrors: [{ upstream: x, password_FILE: ${file} }]`,
    );
    assert.equal(output?.storage.s3.secretAccessKey, "hunter2");
    assert.equal(output?.mirrors[0]?.password, "hunter2");
  });

  test("is rejected if set twice or if its file is missing or empty, as is _FILE for other keys", async () => {
    const key = "BERTH_STORAGE_S3_SECRET_ACCESS_KEY";
    const empty = await write("empty", "\n");
    const told = async (env: NodeJS.ProcessEnv): Promise<(string | undefined)[]> =>
      (await read("", env)).problems.map(({ what }) => what);
    assert.deepEqual(await told({ [key]: "a", [`${key}_FILE`]: empty }), [
      "set twice",
      "the file is empty",
    ]);
    assert.deepEqual(await told({ [`${key}_FILE`]: "/no/such" }), [
      "cannot be read (no such file)",
    ]);
    assert.match((await told({ BERTH_STORAGE_S3_BUCKET_FILE: empty }))[0] ?? "", /not a secret/);
  });

  test("appears neither in problems nor in the printed configuration", async () => {
    const wrong = await read(
      "storage: { s3: { secretAccessKey: [hunter2] } }\nmirrors: [{ password: [hunter2] }]",
    );
    assert.equal(wrong.problems.length, 3);
    assert.doesNotMatch(renderProblems(wrong.problems), /hunter2/);
    const group = await read("mirrors: { password: hunter2 }", {
      BERTH_MIRRORS: "{ password: hunter2 }",
    });
    assert.doesNotMatch(renderProblems(group.problems), /hunter2/);
    const right = await read("mirrors: [{ upstream: x, password: hunter2 }]");
    assert.match(printSettings(schema, right.output), /password: "\*{8}"/);
    assert.doesNotMatch(printSettings(schema, right.output), /hunter2/);
  });
});

describe("a list of objects in the configuration", () => {
  test("is read from YAML, with defaults and units inside its entries", async () => {
    const { output } = await read(
      "mirrors:\n  - upstream: https://a\n    ttl: { tag: 1h }\n    allow: library/*, b\n",
    );
    assert.deepEqual(output?.mirrors, [
      {
        upstream: "https://a",
        insecure: false,
        budget: 50 * 2 ** 30,
        ttl: { tag: 3_600_000 },
        allow: ["library/*", "b"],
      },
    ]);
  });

  test("is read from a variable as JSON or YAML", async () => {
    for (const text of [
      '[{"upstream":"https://a","insecure":true}]',
      "- upstream: https://a\n  insecure: yes\n",
    ]) {
      const { output, problems } = await read("", { BERTH_MIRRORS: text });
      assert.deepEqual(problems, []);
      assert.equal(output?.mirrors[0]?.insecure, true);
    }
  });

  test("has problems reported with index, line and nearest key name", async () => {
    const { problems } = await read(
      "mirrors:\n  - upstream: x\n  - upstrem: y\n    ttl:\n      tag: soon\n",
    );
    assert.deepEqual(
      problems.map(({ key, source }) => [key, source?.replace(/^.* (?=line)/, "")]),
      [
        ["mirrors[1].upstrem", "line 3"],
        ["mirrors[1].upstream", "line 3"],
        ["mirrors[1].ttl.tag", "line 5"],
      ],
    );
    assert.match(problems[0]?.allowed ?? "", /^mirrors\[1\]\.upstream /);
    const broken = await read("", { BERTH_MIRRORS: "[{" });
    assert.deepEqual(
      broken.problems.map(({ key, source }) => [key, source]),
      [["mirrors", "BERTH_MIRRORS"]],
    );
  });

  test("prints as YAML that loads as the same value", async () => {
    const first = await read("mirrors:\n  - { upstream: a, budget: 1TB, ttl: { tag: 90s } }\n");
    const second = await read(printSettings(schema, first.output));
    assert.deepEqual(second.output, first.output);
  });
});
