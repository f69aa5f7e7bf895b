import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { RepositoryFacts } from "../../../src/database/facts.ts";
import { openPool, type PostgresPool } from "../../../src/database/postgres/connection.ts";
import { createBatchedReads } from "../../../src/database/postgres/facts.ts";
import { migrate } from "../../../src/database/postgres/migrate.ts";
import type { UploadRow } from "../../../src/database/registry/schema.ts";
import { parseRepositoryName } from "../../../src/oci/name.ts";
import { createTestSchema, isPostgresTested } from "../../support/postgres.ts";

/** A pool that counts its reads. The first one gets its answer when `release` is called. */
function watch(pool: PostgresPool) {
  let reads = 0;
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  const watched: PostgresPool = {
    ...pool,
    async read<Row>(text: string, values?: readonly unknown[]) {
      reads += 1;
      if (reads === 1) await released;
      return await pool.read<Row>(text, values);
    },
  };
  return { watched, reads: () => reads, release: () => release() };
}

const batchTests = (): void => {
  test("go on while a statement has no answer, many requests in one statement", async () => {
    const schema = await createTestSchema();
    const pool = openPool({ url: schema.url, pool: 3, prepare: true });
    try {
      await migrate(pool);
      const { watched, reads, release } = watch(pool);
      const { facts, findUpload } = createBatchedReads(watched);
      const first = facts.repositories.get(parseRepositoryName("team/first"));
      const others: Promise<readonly [RepositoryFacts, UploadRow | undefined]>[] = [];
      for (let at = 0; at < 20; at += 1) {
        await nextTurn();
        const repository = facts.repositories.get(parseRepositoryName(`team/${at}`));
        others.push(Promise.all([repository, findUpload(`upload ${at}`)]));
      }
      for (const [repository, upload] of await Promise.all(others)) {
        assert.equal(repository.isThere, false);
        assert.equal(upload, undefined);
      }
      assert.ok(reads() < 10, `${reads()} statements`);
      release();
      assert.equal((await first).name, "team/first");
    } finally {
      await pool.close();
      await schema.drop();
    }
  });
};

if (isPostgresTested) describe("reads of facts, blobs and uploads", batchTests);
