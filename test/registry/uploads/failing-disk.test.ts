import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Readable } from "node:stream";
import { test, type TestContext } from "node:test";
import { digestOf } from "../../../src/oci/digest.ts";
import { parseRepositoryName } from "../../../src/oci/name.ts";
import { describeFailure } from "../../../src/registry/errors.ts";
import { createRegistry } from "../../../src/registry/registry.ts";
import type { Chunk } from "../../../src/registry/uploads/chunk.ts";
import { openFilesystemStore } from "../../../storage/filesystem/store.ts";
import type { Reserve } from "../../../storage/filesystem/free-space.ts";
import { openTestDatabase } from "../../support/database.ts";
import { failNextFlush } from "../../support/failing-flush.ts";
import { openModeClient, rules, silent } from "../../support/pushes.ts";
import { temporaryFolder } from "../../support/temporary.ts";

const MiB = 2 ** 20;
const repository = parseRepositoryName("team/app");
const leaseTimes = { leaseMs: 1_000, graceMs: 1_000, deleteDelayMs: 0 };
const request = (id: string) => ({ actor: openModeClient, repository, id });

const chunkOf = (content: Buffer): Chunk => ({
  source: Readable.from([content]),
  lengthBytes: content.length,
  range: undefined,
});

/** A data folder with a database, on which the test opens registries as processes do. */
async function openFolder(t: TestContext) {
  const root = temporaryFolder();
  const database = await openTestDatabase();
  t.after(() => database.close());
  return {
    root,
    database,
    /** @param reserve the free space that pushes leave; all of it: the disk is full */
    async openRegistry(reserve?: Reserve) {
      const store = await openFilesystemStore(root, reserve);
      t.after(() => store.close());
      return createRegistry({
        ...{ store, database, clock: Date.now, report: silent },
        ...{ sparse: false, rules, leaseTimes },
      });
    },
    uploadFiles: () => readdirSync(path.join(root, "uploads")),
  };
}

const isStatus = (status: number) => (error: unknown) => describeFailure(error)?.status === status;
const unknownUpload = { code: "BLOB_UPLOAD_UNKNOWN" };

test("a PATCH on a full disk is answered 507, ends the upload and deletes its bytes", async (t) => {
  const folder = await openFolder(t);
  const { uploads } = await folder.openRegistry();
  const id = await uploads.start(openModeClient, repository);
  await uploads.append(request(id), chunkOf(Buffer.alloc(100_000)));

  const full = (await folder.openRegistry({ kind: "percent", percent: 100 })).uploads;
  await assert.rejects(full.append(request(id), chunkOf(Buffer.alloc(10))), isStatus(507));
  assert.deepEqual(folder.uploadFiles(), []);
  await assert.rejects(full.status(request(id)), unknownUpload);
});

test("a closing PUT whose file cannot be renamed is answered 503, ends the upload and deletes its bytes", async (t) => {
  const folder = await openFolder(t);
  const { uploads } = await folder.openRegistry();
  const bytes = Buffer.alloc(300_000, "layer");
  const digest = digestOf(bytes);
  const id = await uploads.start(openModeClient, repository);
  await uploads.append(request(id), chunkOf(bytes));
  // A file in the place of the blob's folder.
  writeFileSync(path.join(folder.root, "blobs/sha256", digest.slice(7, 9)), "");
  await assert.rejects(uploads.finish(request(id), digest, undefined), isStatus(503));
  assert.deepEqual(folder.uploadFiles(), []);
  await assert.rejects(uploads.status(request(id)), unknownUpload);
});

test("a PATCH that could not be flushed is answered 503, and its upload has no bytes afterwards", async (t) => {
  const folder = await openFolder(t);
  const { uploads } = await folder.openRegistry();
  const id = await uploads.start(openModeClient, repository);
  await uploads.append(request(id), chunkOf(Buffer.alloc(1_000)));
  await failNextFlush();
  await assert.rejects(uploads.append(request(id), chunkOf(Buffer.alloc(9 * MiB))), isStatus(503));
  assert.equal(await uploads.status(request(id)), 0);
});

test("the digest of bytes that were lost in one process is not accepted for the bytes that another process has stored", async (t) => {
  const folder = await openFolder(t);
  const [first, second] = [await folder.openRegistry(), await folder.openRegistry()];
  const lost = Buffer.alloc(9 * MiB, "lost");
  const stored = Buffer.alloc(9 * MiB, "stored");
  const id = await first.uploads.start(openModeClient, repository);
  await failNextFlush();
  await assert.rejects(first.uploads.append(request(id), chunkOf(lost)), isStatus(503));
  await second.uploads.append(request(id), chunkOf(stored));
  await assert.rejects(first.uploads.finish(request(id), digestOf(lost), undefined), {
    code: "DIGEST_INVALID",
  });
});
