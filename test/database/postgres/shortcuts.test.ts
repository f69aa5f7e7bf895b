import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { performAuthorized } from "../../../src/database/authorized-commands.ts";
import type { CommandName } from "../../../src/database/commands.ts";
import { clientActor } from "../../../src/database/permissions/authority.ts";
import { openPool, type PostgresPool } from "../../../src/database/postgres/connection.ts";
import { migrate } from "../../../src/database/postgres/migrate.ts";
import { shortcuts } from "../../../src/database/postgres/shortcuts.ts";
import { createTestSchema, isPostgresTested } from "../../support/postgres.ts";
import { app, base, blob, change, manifest, reference } from "../contract/support.ts";

type Step = readonly [command: CommandName, input: unknown];

const platform = { os: "windows", architecture: "amd64", os_version: "10.0.20348.1" };
const parts = [reference(0, "config", "config"), reference(1, "layer", "layer")];
const foreign = reference(2, "layer", "foreign", { required: 0, urls: '["https://x"]' });

/** Pushes into a repository that exists. Each has a shortcut that must take it. */
const usual: readonly Step[] = [
  ["storeBlob", blob("config")],
  ["storeBlob", blob("layer")],
  ["storeBlob", blob("layer")],
  ["storeBlob", { ...blob("config"), storageKey: "another key" }],
  ["storeBlob", { ...blob("config", base), storageKey: "a third key" }],
  ["putManifest", manifest("one", [...parts, foreign], { tags: ["1", "latest"] })],
  ["putManifest", manifest("two", parts, { tags: ["latest"], columns: platform })],
  [
    "putManifest",
    manifest("index", [reference(0, "child", "one"), reference(1, "child", "layer")], {
      columns: { kind: "index" },
    }),
  ],
  ["putManifest", manifest("sparse", [reference(0, "layer", "none")], { put: { sparse: true } })],
  ["putManifest", manifest("empty", [], { columns: { subject_digest: null } })],
];

/** A client with an access token whose label is in the history of tags. Account 1 is the first administrator. */
const tokenClient = clientActor({
  principal: {
    ...{ kind: "user", accountId: 2, name: "team", isAdmin: false },
    ...{ by: "access-token", accessToken: "a token", scope: "repo:admin" },
  },
  ...{ peer: "::1", target: { repository: app } },
  permission: { of: "registry", actions: ["push"] },
});
const account: readonly Step[] = [
  ["createAccount", { ...change, name: "team", kind: "user" }],
  [
    "createAccessToken",
    {
      ...change,
      ...{ id: "a token", accountId: 2, label: "laptop", description: "", secretHash: "hash" },
      ...{ scopes: ["repo:admin"], expiresAtMs: null, creatorAgent: "docker" },
    },
  ],
];
const byToken: readonly Step[] = ["three", "four"].map((name) => [
  "putManifest",
  manifest(name, parts, { tags: ["latest"], put: { actor: tokenClient } }),
]);

const created: readonly Step[] = [app, base].map((repository) => [
  "createRepository",
  { ...change, repository, visibility: "private" },
]);

const tables = [
  ...["repositories", "blobs", "blob_links", "blob_reviews", "manifests", "manifest_references"],
  ...["image_sizes", "manifest_reviews", "tags", "tag_history", "audit_log", "uploads"],
  ...["repository_facets", "search_documents", "namespace_counts"],
];

async function openSchema() {
  const schema = await createTestSchema();
  const pool = openPool({ url: schema.url, pool: 3, prepare: true });
  await migrate(pool);
  const close = async (): Promise<void> => {
    await pool.close();
    await schema.drop();
  };
  return { pool, close };
}

async function inTransaction(pool: PostgresPool, [name, input]: Step): Promise<unknown> {
  const connection = await pool.connect();
  try {
    await connection.query("BEGIN");
    const result = await performAuthorized(connection.queries, name, input);
    await connection.query("COMMIT");
    return result;
  } finally {
    connection.release();
  }
}

async function byShortcut(
  pool: PostgresPool,
  [name, input]: Step,
): Promise<{ readonly result: unknown } | undefined> {
  const connection = await pool.connect();
  try {
    return await shortcuts[name]?.(connection, input);
  } finally {
    connection.release();
  }
}

const rowsOf = async (pool: PostgresPool): Promise<Record<string, readonly unknown[]>> => {
  const dump: Record<string, readonly unknown[]> = {};
  for (const table of tables)
    dump[table] = await pool.read(`SELECT * FROM ${table} AS row ORDER BY row::text`);
  return dump;
};

const shortcutTests = (): void => {
  test("leaves the same rows and gives the same result as its command", async () => {
    const [left, right] = [await openSchema(), await openSchema()];
    try {
      for (const step of [...account, ...created]) {
        await inTransaction(left.pool, step);
        await inTransaction(right.pool, step);
      }
      for (const step of [...usual, ...byToken]) {
        const done = await byShortcut(left.pool, step);
        assert.ok(done, `no shortcut took ${JSON.stringify(step)}`);
        assert.deepEqual(done.result, await inTransaction(right.pool, step));
      }
      assert.deepEqual(await rowsOf(left.pool), await rowsOf(right.pool));
      const labels = "SELECT DISTINCT actor, token_label FROM tag_history ORDER BY actor";
      assert.deepEqual(await left.pool.read(labels), [
        { actor: "admin", token_label: null },
        { actor: "team", token_label: "laptop" },
      ]);
    } finally {
      await left.close();
      await right.close();
    }
  });

  test("changes nothing where only the command decides", async () => {
    const { pool, close } = await openSchema();
    try {
      const alone = async (step: Step): Promise<void> => {
        const before = await rowsOf(pool);
        assert.equal(await byShortcut(pool, step), undefined, JSON.stringify(step));
        assert.deepEqual(await rowsOf(pool), before);
      };
      const image = manifest("one", parts, { tags: ["1"] });
      const children = [reference(0, "child", "one")];
      await alone(["storeBlob", blob("config")]); // no repository
      await alone(["putManifest", image]);
      for (const step of [...account, ...created]) await inTransaction(pool, step);
      await alone(["putManifest", image]); // no blobs
      await alone(["storeBlob", { ...blob("config"), uploadId: "no upload" }]);
      for (const step of usual.slice(0, 2)) await inTransaction(pool, step);
      await inTransaction(pool, ["putManifest", image]);
      await alone(["putManifest", image]); // it exists
      await alone(["putManifest", manifest("no index", children)]); // "one" is no blob
      const other = manifest("two", parts, { tags: ["1"] });
      const imported = { tags: ["1"], put: { pushedAtMs: 500 } };
      await alone(["putManifest", manifest("two", parts, imported)]);
      // A webhook may want it, whatever it listens to.
      for (const scope of ["", "team", "team/app"]) {
        const url = "https://example.com/";
        const wanted = { id: scope, scope, url, format: "hub", events: ["push"], atMost: 1 };
        const webhook = { ...change, ...wanted, secret: Buffer.from("sealed") };
        await inTransaction(pool, ["createWebhook", webhook]);
        await alone(["putManifest", other]);
        await inTransaction(pool, ["deleteWebhook", { ...change, scope, id: scope }]);
      }
      await inTransaction(pool, ["setImmutableTags", { ...change, repository: app, patterns: [] }]);
      await alone(["putManifest", other]);
      const quota = { ...change, namespace: "team", limitBytes: 1_000_000 };
      await inTransaction(pool, ["setQuota", quota]);
      await alone(["storeBlob", blob("new")]);
    } finally {
      await close();
    }
  });
};

if (isPostgresTested) describe("a shortcut of PostgreSQL", shortcutTests);
