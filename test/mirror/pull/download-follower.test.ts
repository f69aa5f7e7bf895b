import assert from "node:assert/strict";
import { test } from "node:test";
import { createMemoryStore } from "../../../storage/memory/store.ts";
import { DatabaseError } from "../../../src/database/errors.ts";
import { FollowedDownload } from "../../../src/mirror/pull/download-follower.ts";

const absent = (): DatabaseError =>
  new DatabaseError("no connection", { code: "ECONNREFUSED", failure: "gone" });

test("readers of another process's download wait while the database is absent", async () => {
  const fetch = { owner: "one", storageReference: "upload", sizeBytes: 4, touchedAtMs: 0 };
  const looks = [absent(), fetch, absent(), absent(), undefined];
  const followed = new FollowedDownload({
    store: createMemoryStore(),
    begun: fetch,
    look: async () => {
      const next = looks.shift();
      if (next instanceof Error) throw next;
      return next;
    },
    find: async () => "the blob",
    isAlive: () => true,
    takeOver: () => Promise.reject(new Error("the leader is alive")),
  });
  await followed.until(0);
  assert.equal(followed.storageKey, "the blob");
  assert.deepEqual(looks, []);
});
