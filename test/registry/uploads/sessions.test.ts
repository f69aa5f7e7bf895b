import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { parseRepositoryName } from "../../../src/oci/name.ts";
import {
  createUploadSessions,
  type UploadSessions,
} from "../../../src/registry/uploads/sessions.ts";
import type { UploadRow } from "../../../src/database/schema.ts";
import { openMetadataInMemory } from "../../support/database.ts";

function begin(sessions: UploadSessions): UploadRow {
  const row = {
    id: sessions.newId(),
    repository: parseRepositoryName("team/app"),
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
    const database = openMetadataInMemory();
    const sessions = createUploadSessions(database);
    const { id } = begin(sessions);
    assert.equal((await sessions.find(id))?.id, id);
    assert.equal(await sessions.forget(id), false);
    assert.equal(await sessions.find(id), undefined);
    await pause(120);
    assert.equal(await database.uploads.find(id), undefined);
  });

  test("that is settled has a row, which the caller must delete", async () => {
    const database = openMetadataInMemory();
    const sessions = createUploadSessions(database);
    const row = begin(sessions);
    await sessions.settle(row.id);
    assert.equal(sessions.isUnpersisted(row.id), false);
    assert.equal((await database.uploads.find(row.id))?.storage_reference, row.storage_reference);
    assert.equal(await sessions.forget(row.id), true);
  });

  test("that ends while its row is being written waits for the row", async () => {
    const database = openMetadataInMemory();
    const sessions = createUploadSessions(database);
    const { id } = begin(sessions);
    const writing = sessions.settle(id);
    assert.equal(await sessions.forget(id), true);
    assert.notEqual(await database.uploads.find(id), undefined);
    await writing;
  });

  test("that another process began a moment ago is found", async () => {
    const database = openMetadataInMemory();
    const { id } = begin(createUploadSessions(database));
    assert.equal((await createUploadSessions(database).find(id))?.id, id);
  });

  test("that is open when the process closes gets a row", async () => {
    const database = openMetadataInMemory();
    const sessions = createUploadSessions(database);
    const { id } = begin(sessions);
    await sessions.close();
    assert.notEqual(await database.uploads.find(id), undefined);
  });

  test("whose row could not be written can be settled again", async () => {
    const database = openMetadataInMemory();
    let failing = true;
    const sessions = createUploadSessions({
      uploads: database.uploads,
      run: (name, input) =>
        failing ? Promise.reject(new Error("the disk is full")) : database.run(name, input),
    });
    const { id } = begin(sessions);
    await assert.rejects(sessions.settle(id), /full/);
    failing = false;
    await sessions.settle(id);
    assert.notEqual(await database.uploads.find(id), undefined);
  });
});
