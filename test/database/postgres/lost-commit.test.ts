import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import process from "node:process";
import { Readable } from "node:stream";
import { after, before, describe, test } from "node:test";
import { DatabaseError } from "../../../src/database/errors.ts";
import { openPostgresDatabase } from "../../../src/database/postgres/open.ts";
import { digestOf } from "../../../src/oci/digest.ts";
import { createRegistry, type Registry } from "../../../src/registry/registry.ts";
import { createMemoryStore } from "../../../storage/memory/store.ts";
import { createTestSchema, isPostgresTested } from "../../support/postgres.ts";
import { openModeClient, rules, silent } from "../../support/pushes.ts";
import { named } from "../../registry/support.ts";
import { startCuttingProxy } from "./cutting-proxy.ts";

/** `npm run races` sets it: then 1,000 pushes. */
const pushes = process.env["BERTH_TEST_RACES"] === undefined ? 100 : 1_000;
const atOnce = 8;

/** A COMMIT, or a statement that names the bytes of a blob: the statement of a usual push commits itself. */
const mayCommit = (piece: Buffer): boolean =>
  piece.includes("COMMIT\0") || /[0-9a-f]{64}\.[0-9A-Z]{26}/.test(piece.toString("latin1"));

async function openThroughProxy() {
  const schema = await createTestSchema();
  const proxy = await startCuttingProxy(schema.url);
  const options = { pool: 10, prepare: true, listsMaxAgeMs: 0, isNewAllowed: true };
  const database = await openPostgresDatabase({ ...options, url: proxy.url });
  if (database === undefined) throw new Error("the tables were not created");
  const store = createMemoryStore();
  const registry = createRegistry({
    ...{ store, database, report: silent, clock: Date.now, sparse: false, rules, isShared: true },
    leaseTimes: { leaseMs: 1_000, graceMs: 1_000, deleteDelayMs: 0 },
  });
  return {
    ...{ proxy, database, store, registry },
    async close() {
      proxy.cut = () => undefined;
      await database.close();
      await proxy.close();
      await schema.drop();
    },
  };
}

interface Push {
  readonly repository: ReturnType<typeof named>;
  readonly content: Buffer;
}

/** Pushes in one request, or with an upload session. */
async function push(registry: Registry, { repository, content }: Push, hasSession: boolean) {
  const digest = digestOf(content);
  const source = Readable.from([content]);
  const chunk = { source, lengthBytes: content.length, range: undefined };
  const actor = openModeClient;
  if (!hasSession) return await registry.uploads.pushWhole(actor, repository, digest, chunk);
  const id = await registry.uploads.start(actor, repository);
  await registry.uploads.append({ actor, repository, id }, chunk);
  await registry.uploads.finish({ actor, repository, id }, digest, undefined);
}

if (isPostgresTested)
  describe("blobs whose COMMIT gets no answer", () => {
    let opened: Awaited<ReturnType<typeof openThroughProxy>>;
    before(async () => {
      opened = await openThroughProxy();
    });
    after(() => opened.close());

    test("have bytes if they have a row, and a row if the client was told so", async (context) => {
      const { proxy, database, store, registry } = opened;
      // A quota makes the command run as a transaction with a COMMIT.
      const quota = { namespace: "counted", limitBytes: 1e12, actor: openModeClient, nowMs: 1 };
      await database.commands.setQuota(quota);
      const cuts = { before: 0, after: 0 };
      proxy.cut = (piece) => {
        if (!mayCommit(piece) || Math.random() > 0.3) return undefined;
        const cut = Math.random() < 0.5 ? "before" : "after";
        cuts[cut] += 1;
        return cut;
      };
      const shared = Array.from({ length: 20 }, () => randomBytes(100));
      const stored: Push[] = [];
      const failed: unknown[] = [];
      const one = async (i: number): Promise<void> => {
        const content = (i % 4 === 0 && shared[i % shared.length]) || randomBytes(100);
        const namespace = i % 2 === 0 ? "counted" : "team";
        const pushed = { repository: named(`${namespace}/app${i % 5}`), content };
        // A client repeats a push that failed.
        for (;;) {
          const isStored = await push(registry, pushed, i % 3 === 0).then(
            () => true,
            (error: unknown) => void failed.push(error),
          );
          if (isStored) break;
        }
        stored.push(pushed);
      };
      for (let start = 0; start < pushes; start += atOnce)
        await Promise.all(Array.from({ length: atOnce }, (_, i) => one(start + i)));
      proxy.cut = () => undefined;

      const rows = await database.pool.read<{ readonly key: string }>(
        "SELECT storage_key AS key FROM blobs",
      );
      for (const { key } of rows) assert.ok(await store.stat(key), `no bytes of ${key}`);
      for (const { repository, content } of stored) {
        const blob = await database.blobs.find(repository, digestOf(content));
        assert.equal(blob?.sizeBytes, content.length);
      }
      const keys = new Set(rows.map(({ key }) => key));
      const orphans: string[] = [];
      for await (const { key } of store.list()) if (!keys.has(key)) orphans.push(key);
      context.diagnostic(
        `${cuts.before} connections cut before and ${cuts.after} after the server got the piece; ` +
          `${stored.length} pushes stored, ${failed.length} repeated, ${orphans.length} keys without a row`,
      );
      assert.ok(orphans.length <= failed.length, `${orphans.length} orphans`);
      for (const error of failed)
        assert.ok(error instanceof DatabaseError && error.failure === "gone", String(error));
      const [counted] = (await database.quotas.list()).filter((use) => use.namespace === "counted");
      assert.equal(counted?.keptBytes, counted?.usedBytes);
    });

    test("keep their bytes while PostgreSQL cannot say whether they are stored", async () => {
      const { proxy, database, store, registry } = opened;
      const content = randomBytes(100);
      const repository = named("counted/app1");
      proxy.cut = (piece) => {
        if (!piece.includes("COMMIT\0")) return undefined;
        setImmediate(() => proxy.refuse());
        return "after";
      };
      await assert.rejects(push(registry, { repository, content }, false), {
        name: "DatabaseError",
        failure: "unknown",
      });
      proxy.cut = () => undefined;
      proxy.accept();
      const blob = await database.blobs.find(repository, digestOf(content));
      assert.ok(blob && (await store.stat(blob.storageKey)));
    });
  });
