import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { UploadLostError } from "../../../storage/blob-store.ts";
import { ReplicaLocks } from "../../../src/registry/uploads/replica-locks.ts";
import { CoordinationInMemory } from "../../support/coordination.ts";

function twoReplicas() {
  const coordination = new CoordinationInMemory();
  coordination.uploads.set("upload", { heldUntilMs: 0, wanted: false });
  const locksOf = (holder: string): ReplicaLocks =>
    new ReplicaLocks({
      coordination,
      holder,
      report: () => undefined,
    });
  return { coordination, a: locksOf("a"), b: locksOf("b") };
}

async function acquired(locks: ReplicaLocks) {
  const lock = await locks.acquire("upload");
  assert.ok(lock);
  return lock;
}

describe("the lock of an upload among replicas", () => {
  test("has the row of the upload, and is free for another replica once it is released", async () => {
    const { a, b } = twoReplicas();
    const first = await acquired(a);
    assert.equal(first.row?.id, "upload");
    assert.equal(await b.isHeld("upload"), true);
    await first.release();
    assert.equal(await b.isHeld("upload"), false);
    await (await acquired(b)).release();
  });

  test("is taken from a replica whose client is silent, when a request on another one wants it", async () => {
    const { a, b } = twoReplicas();
    const silent = await acquired(a);
    silent.abortSignal.addEventListener("abort", () => void silent.release());
    await (await acquired(b)).release();
    assert.equal(silent.abortSignal.aborted, true);
  });

  test("stays with a replica whose client sends bytes, and the other request ends after 5 s", async () => {
    const { a, b } = twoReplicas();
    const busy = await acquired(a);
    const sending = setInterval(() => busy.heartbeat(), 100);
    assert.equal(await b.acquire("upload"), undefined);
    assert.equal(busy.abortSignal.aborted, false);
    clearInterval(sending);
    await busy.release();
  });

  test("of a replica that died is free after 3 s", async () => {
    const { coordination, b } = twoReplicas();
    await coordination.holdUpload("upload", "dead");
    const passing = setInterval(() => (coordination.clockMs += 500), 50);
    await (await acquired(b)).release();
    clearInterval(passing);
  });

  test("is lost by a replica that could not renew it in time, and its request ends", async () => {
    const { coordination, a, b } = twoReplicas();
    const lost = await acquired(a);
    coordination.clockMs += 4_000;
    const taken = await acquired(b);
    const sending = setInterval(() => lost.heartbeat(), 100);
    while (!lost.abortSignal.aborted) await pause(50);
    clearInterval(sending);
    await lost.release();
    assert.equal(await b.isHeld("upload"), true, "the late release does not end the other's lock");
    await taken.release();
  });

  test("is asked for after a pause of the process, before a byte that arrived meanwhile is written", async () => {
    const { coordination, a } = twoReplicas();
    const lost = await acquired(a);
    const upload = coordination.uploads.get("upload");
    assert.ok(upload);
    const renew = coordination.renewUploads.bind(coordination);
    coordination.renewUploads = async (...asked) => {
      const renewed = await renew(...asked);
      await pause(100);
      return renewed;
    };
    // The answer of a renewal that was sent before the pause is read after it.
    await pause(1_050);
    Object.assign(upload, { holder: "b", heldUntilMs: coordination.clockMs + 3_000 });
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3_200);
    // The timers run first, and then what has arrived.
    await pause(1);
    await assert.rejects(async () => await lost.ownership?.confirm(), UploadLostError);
    await lost.release();
  });

  test("survives a database that is away for longer than a lock lasts", async () => {
    const { coordination, a } = twoReplicas();
    const lock = await acquired(a);
    coordination.isAway = true;
    await pause(1_200);
    coordination.clockMs += 4_000;
    coordination.isAway = false;
    await pause(1_200);
    assert.equal(lock.abortSignal.aborted, false);
    await lock.release();
  });

  test("of an upload without a row is a lock in the process, so that its bytes can be deleted", async () => {
    const { a } = twoReplicas();
    const lock = await a.acquire("ended");
    assert.equal(lock?.row, undefined);
    assert.equal(await a.isHeld("ended"), true);
    await lock?.release();
    assert.equal(await a.isHeld("ended"), false);
  });

  test("rejects when the database is away, and leaves no lock in the process", async () => {
    const { coordination, a } = twoReplicas();
    coordination.isAway = true;
    await assert.rejects(a.acquire("upload"), /away/);
    coordination.isAway = false;
    await (await acquired(a)).release();
  });
});
