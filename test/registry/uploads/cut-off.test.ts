import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import type { Database } from "../../../src/database/contract.ts";
import { digestOf } from "../../../src/oci/digest.ts";
import { parseRepositoryName } from "../../../src/oci/name.ts";
import { createRegistry } from "../../../src/registry/registry.ts";
import type { Chunk } from "../../../src/registry/uploads/chunk.ts";
import { deleteOrphanUploads } from "../../../src/registry/uploads/expire.ts";
import { openFilesystemStore } from "../../../storage/filesystem/store.ts";
import type { BlobStore } from "../../../storage/blob-store.ts";
import { openModeClient, rules, silent } from "../../support/pushes.ts";
import { openTestDatabase } from "../../support/database.ts";
import { temporaryFolder } from "../../support/temporary.ts";

const repository = parseRepositoryName("team/app");
const leaseTimes = { leaseMs: 1_000, graceMs: 1_000, deleteDelayMs: 0 };
const bytes = Buffer.alloc(300_000, "cut off");
const digest = digestOf(bytes);

const registryOn = (store: BlobStore, database: Database) =>
  createRegistry({
    store,
    database,
    report: silent,
    clock: Date.now,
    sparse: false,
    rules,
    leaseTimes,
  });
const open = (id: string) => ({ actor: openModeClient, repository, id });
const chunkOf = (content: Buffer): Chunk => ({
  source: Readable.from([content]),
  lengthBytes: content.length,
  range: undefined,
});

test("after a crash between a blob's file and its row, a repeated closing PUT gets BLOB_UPLOAD_UNKNOWN", async () => {
  const data = temporaryFolder();
  const store = await openFilesystemStore(data);
  const database = await openTestDatabase();
  // Stops where a crash would: the file has its final name, and the database has no row.
  let named: (() => void) | undefined;
  const cutOff = new Promise<void>((resolve) => (named = resolve));
  const dying: Database = {
    ...database,
    commands: {
      ...database.commands,
      storeBlob: () => {
        named?.();
        return new Promise(() => undefined);
      },
    },
  };
  const before = registryOn(store, dying).uploads;
  const id = await before.start(openModeClient, repository);
  await before.append(open(id), chunkOf(bytes));
  void before.finish(open(id), digest, undefined);
  await cutOff;

  await deleteOrphanUploads({ store, database });
  const { uploads, blobs } = registryOn(store, database);
  assert.equal(await uploads.status(open(id)), 0);
  const unknown = { code: "BLOB_UPLOAD_UNKNOWN" };
  await assert.rejects(uploads.finish(open(id), digest, undefined), unknown);
  await assert.rejects(uploads.status(open(id)), unknown);

  const again = await uploads.start(openModeClient, repository);
  await uploads.append(open(again), chunkOf(bytes));
  await uploads.finish(open(again), digest, undefined);
  assert.equal((await blobs.get(repository, digest)).sizeBytes, bytes.length);
  // A closing PUT to the old session succeeds, because the repository has the blob now.
  await uploads.finish(open(id), digest, undefined);
  await database.close();
  await store.close();
});
