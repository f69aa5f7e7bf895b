import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { OciError } from "../../../src/oci/errors.ts";
import { UploadSessions } from "../../../src/registry/uploads/sessions.ts";
import type { NewUpload } from "../../../src/database/registry/schema.ts";
import { openTestDatabase } from "../../support/database.ts";
import { as, chunkOf, inWorld, isCode, named } from "../support.ts";

const repository = named("team/app");
const few = { blobBytes: () => undefined, sessionsPerAccount: () => 3 };

function begin(sessions: UploadSessions): NewUpload {
  const row = {
    id: sessions.newId(),
    repository,
    storage_reference: "a reference",
    started_at: 1,
    touched_at: 1,
    account_id: null,
  };
  sessions.begin(row);
  return row;
}

describe("an upload session", () => {
  test("that ends at once gets no row", async () => {
    const database = await openTestDatabase();
    const sessions = new UploadSessions(database);
    const { id } = begin(sessions);
    assert.equal((await sessions.find(id))?.id, id);
    assert.equal(await sessions.forget(id), false);
    assert.equal(await sessions.find(id), undefined);
    await pause(120);
    assert.equal(await database.uploads.find(id), undefined);
  });

  test("that is settled has a row, which the caller must delete", async () => {
    const database = await openTestDatabase();
    const sessions = new UploadSessions(database);
    const row = begin(sessions);
    await sessions.persist(row.id);
    assert.equal(sessions.unpersistedBytes(row.id), undefined);
    assert.equal((await database.uploads.find(row.id))?.storage_reference, row.storage_reference);
    assert.equal(await sessions.forget(row.id), true);
  });

  test("that ends while its row is being written waits for the row", async () => {
    const database = await openTestDatabase();
    const sessions = new UploadSessions(database);
    const { id } = begin(sessions);
    const writing = sessions.persist(id);
    assert.equal(await sessions.forget(id), true);
    assert.notEqual(await database.uploads.find(id), undefined);
    await writing;
  });

  test("that another process began a moment ago is found", async () => {
    const database = await openTestDatabase();
    const { id } = begin(new UploadSessions(database));
    assert.equal((await new UploadSessions(database).find(id))?.id, id);
  });

  test("that is open when the process closes gets a row", async () => {
    const database = await openTestDatabase();
    const sessions = new UploadSessions(database);
    const { id } = begin(sessions);
    await sessions.close();
    assert.notEqual(await database.uploads.find(id), undefined);
  });

  test("whose row could not be written can be settled again", async () => {
    const database = await openTestDatabase();
    let failing = true;
    const sessions = new UploadSessions({
      uploads: database.uploads,
      commands: {
        ...database.commands,
        startUpload: (input) =>
          failing
            ? Promise.reject(new Error("the disk is full"))
            : database.commands.startUpload(input),
      },
    });
    const { id } = begin(sessions);
    await assert.rejects(sessions.persist(id), /full/);
    failing = false;
    await sessions.persist(id);
    assert.notEqual(await database.uploads.find(id), undefined);
  });
});

describe("the number of open uploads of an account", () => {
  test(
    "is limited per account, and a cancelled upload permits a new one",
    inWorld(
      async (world) => {
        const { uploads } = world.registry;
        const ids: string[] = [];
        for (let index = 0; index < 3; index += 1) ids.push(await uploads.start(as(7), repository));
        await assert.rejects(uploads.start(as(7), repository), (error: unknown) => {
          assert.ok(error instanceof OciError && error.code === "TOOMANYREQUESTS");
          assert.equal(error.headers?.["Retry-After"], "60");
          return true;
        });
        await uploads.start(as(8), repository);
        await uploads.cancel({ actor: as(7), repository, id: ids[0] ?? "" });
        await uploads.start(as(7), repository);
      },
      {},
      few,
    ),
  );

  test(
    "at the limit ends the oldest upload if it was idle for an hour, and accepts the new one",
    inWorld(
      async (world) => {
        const { uploads } = world.registry;
        const old = await uploads.start(as(7), repository);
        const request = { actor: as(7), repository, id: old };
        await uploads.append(request, chunkOf("some"));
        await uploads.close();
        await world.tables.exec("UPDATE uploads SET touched_at = touched_at - 3600001");
        for (let index = 0; index < 3; index += 1) await uploads.start(as(7), repository);
        await assert.rejects(uploads.status(request), isCode("BLOB_UPLOAD_UNKNOWN"));
        assert.deepEqual(await world.stored(), { blobs: 0, uploads: 0 });
      },
      {},
      few,
    ),
  );
});
