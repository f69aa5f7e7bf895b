import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DatabaseError } from "../../../src/database/errors.ts";
import { createFetchOwners } from "../../../src/mirror/pull/fetch-owners.ts";
import { parseDigest } from "../../../src/oci/digest.ts";
import { parseRepositoryName } from "../../../src/oci/name.ts";
import { openTestDatabase } from "../../support/database.ts";

const target = {
  repository: parseRepositoryName("docker.io/library/app"),
  reference: parseDigest(`sha256:${"a".repeat(64)}`),
};

const absent = (): DatabaseError =>
  new DatabaseError("no connection", { code: "ECONNREFUSED", failure: "gone" });

/** Two replicas on one database, with a clock that the test sets. */
async function setting() {
  const database = await openTestDatabase();
  const time = { nowMs: 1_000_000_000 };
  let isAbsent = false;
  const mirrorFetches = {
    ...database.mirrorFetches,
    find: (...key: Parameters<typeof database.mirrorFetches.find>) =>
      isAbsent ? Promise.reject(absent()) : database.mirrorFetches.find(...key),
  };
  const ownersOf = (processId: string) =>
    createFetchOwners({
      database: { ...database, mirrorFetches },
      processId,
      mirrorProcesses: { hasEnded: () => false },
      clock: () => time.nowMs,
    });
  const findAsFound = async (owners: ReturnType<typeof ownersOf>) =>
    (await owners.find(target)) ?? assert.fail("there is no fetch");
  return {
    time,
    ownersOf,
    findAsFound,
    absence: (now: boolean) => void (isAbsent = now),
    close: () => database.close(),
  };
}

describe("the owner of a fetch", () => {
  test("is alive for 15 s after its last heartbeat", async () => {
    const { time, ownersOf, findAsFound, close } = await setting();
    const [one, other] = [ownersOf("one"), ownersOf("other")];
    await one.takeOwnership(target, undefined, "upload");
    const found = await findAsFound(other);
    time.nowMs += 15_000;
    assert.equal(other.isAlive(found), true);
    time.nowMs += 1;
    assert.equal(other.isAlive(found), false);
    assert.equal((await other.takeOwnership(target, found, "its own")).role, "leader");
    await close();
  });

  test("is alive until 5 s after an absence of the database, so that it can send its next heartbeat", async () => {
    const { time, ownersOf, findAsFound, absence, close } = await setting();
    const [one, other] = [ownersOf("one"), ownersOf("other")];
    await one.takeOwnership(target, undefined, "upload");
    const found = await findAsFound(other);
    time.nowMs += 60_000;
    absence(true);
    await assert.rejects(other.find(target), { name: "DatabaseError" });
    absence(false);
    time.nowMs += 4_999;
    assert.equal(other.isAlive(found), true);
    time.nowMs += 1;
    assert.equal(other.isAlive(found), false);
    await close();
  });

  test("that had another heartbeat in the meantime keeps the fetch", async () => {
    const { time, ownersOf, findAsFound, close } = await setting();
    const [one, other] = [ownersOf("one"), ownersOf("other")];
    await one.takeOwnership(target, undefined, "upload");
    const found = await findAsFound(other);
    time.nowMs += 20_000;
    const owned = one.hold(target, () => assert.fail("the fetch is lost"));
    await owned.sized(5);
    assert.equal((await other.takeOwnership(target, found, "its own")).role, "follower");
    owned.stop();
    await close();
  });

  test("that releases a fetch keeps its row, and another process takes it over at once", async () => {
    const { ownersOf, findAsFound, close } = await setting();
    const [one, other] = [ownersOf("one"), ownersOf("other")];
    await one.takeOwnership(target, undefined, "upload");
    const owned = one.hold(target, () => assert.fail("the fetch is lost"));
    owned.stop();
    await owned.release();
    const found = await findAsFound(other);
    assert.equal(other.isAlive(found), false);
    const taken = await other.takeOwnership(target, found, "its own");
    assert.equal(taken.role === "leader" && taken.before?.storageReference, "upload");
    await close();
  });
});
