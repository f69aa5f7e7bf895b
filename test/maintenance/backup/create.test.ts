import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { createFileDocuments } from "../../../storage/filesystem/documents.ts";
import { createMemoryStore } from "../../../storage/memory/store.ts";
import { readBlobList, type BlobEntry } from "../../../src/maintenance/backup/blob-list.ts";
import { createBackup, type CreateBackup } from "../../../src/maintenance/backup/create.ts";
import { pruneBackup } from "../../../src/maintenance/backup/prune.ts";
import type { BackupTarget } from "../../../src/maintenance/backup/target.ts";
import { parseRepositoryName } from "../../../src/oci/name.ts";
import { inWorld, pushBlob, type World } from "../../registry/support.ts";
import { temporaryFolder } from "../../support/temporary.ts";

function newTarget(): BackupTarget {
  const folder = temporaryFolder();
  return {
    location: folder,
    store: createMemoryStore(),
    points: createFileDocuments(path.join(folder, "points")),
    temporaryFolder: folder,
    lock: () => Promise.reject(new Error("no other run")),
    close: () => Promise.resolve(),
  };
}

let seconds = 0;

async function create(world: World, target: BackupTarget, more: Partial<CreateBackup> = {}) {
  const folder = mkdtempSync(path.join(target.temporaryFolder, "snapshot-"));
  const database = path.join(folder, "berth.db");
  writeFileSync(database, "a copy of the database");
  const lost: BlobEntry[] = [];
  seconds += 1;
  const takenAtMs = Date.UTC(2026, 10, 30, 6, 10, seconds);
  const made = await createBackup({
    snapshot: { takenAtMs, folder, database, pullCounters: undefined, rows: world.database },
    ...{
      store: world.store,
      registry: world.database.maintenance,
      links: undefined,
      target,
      mirrored: ["cache"],
      keys: null,
    },
    ...{ version: "0.1.0", signal: new AbortController().signal },
    progress: {
      start: () => undefined,
      advance: () => undefined,
      lost: (blob) => lost.push(blob),
    },
    ...more,
  });
  const states: Record<string, string> = {};
  for await (const { digest, state } of readBlobList(target, made.point.list))
    states[digest] = state;
  return { ...made, lost, states };
}

async function keyOf({ database }: World, name: string, digest: string): Promise<string> {
  const found = await database.blobs.find(parseRepositoryName(name), digest as never);
  assert.ok(found);
  return found.storageKey;
}

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

describe("a point of a backup", () => {
  test(
    "lists the blobs that the registry has lost, and counts evicted blobs of mirrors apart",
    inWorld(async (world) => {
      await world.database.commands.claimInstance({ id: "instance" });
      const whole = await pushBlob(world, "team/app", "whole");
      const absent = await pushBlob(world, "team/app", "absent");
      const damaged = await pushBlob(world, "team/app", "damaged");
      const evicted = await pushBlob(world, "cache/app", "evicted");
      await world.store.delete(await keyOf(world, "team/app", absent));
      const key = await keyOf(world, "team/app", damaged);
      await world.store.delete(key);
      await world.store.importBlob(key, bytesOf("changed"));
      await world.store.delete(await keyOf(world, "cache/app", evicted));

      const target = newTarget();
      const { point, states, lost } = await create(world, target);
      assert.deepEqual(states, {
        ...{ [whole]: "kept", [absent]: "absent", [damaged]: "damaged", [evicted]: "evicted" },
      });
      assert.deepEqual([point.blobs, point.lost, point.evicted], [1, 2, 1]);
      assert.deepEqual(lost.map(({ digest }) => digest).toSorted(), [absent, damaged].toSorted());
      assert.equal(await target.store.stat(key), undefined);
    }),
  );

  test(
    "is not made among the blobs of a registry, of another registry's backup, or of an unknown store",
    inWorld(async (world) => {
      await world.database.commands.claimInstance({ id: "instance" });
      await pushBlob(world, "team/app", "a blob");
      const own = { ...newTarget(), store: world.store };
      await assert.rejects(create(world, own), /has the blobs of a registry/);
      await world.store.claim("instance");
      await assert.rejects(create(world, own), /has the blobs of a registry/);
      assert.equal(await world.store.identity(), "instance");
      const other = newTarget();
      await other.store.claim("backup-of other");
      await assert.rejects(create(world, other), /has the backups of another registry/);
      assert.deepEqual([await own.points.list(), await other.points.list()], [[], []]);
    }),
  );

  test(
    "is not made when the registry has deleted blobs of it meanwhile",
    inWorld(async (world) => {
      await world.database.commands.claimInstance({ id: "instance" });
      const digest = await pushBlob(world, "team/app", "deleted");
      await world.store.delete(await keyOf(world, "team/app", digest));
      const target = newTarget();
      const registry = { keepsBytes: () => Promise.resolve(false) };
      await assert.rejects(create(world, target, { registry }), /paused for more than a minute/);
      assert.deepEqual(await target.points.list(), []);
    }),
  );

  test(
    "is not made when the store of the registry fails, nor when the run is canceled",
    inWorld(async (world) => {
      await world.database.commands.claimInstance({ id: "instance" });
      for (let blob = 0; blob < 102; blob += 1) await pushBlob(world, "team/app", `blob ${blob}`);
      const target = newTarget();
      const store = { open: () => Promise.reject(new Error("the store is away")) };
      await assert.rejects(create(world, target, { store }), /the store is away/);
      const signal = AbortSignal.abort(new Error("canceled"));
      await assert.rejects(create(world, target, { signal }), /canceled/);
      assert.deepEqual(await target.points.list(), []);
    }),
  );

  test(
    "that lacks a blob does not count among the points that prune keeps",
    inWorld(async (world) => {
      await world.database.commands.claimInstance({ id: "instance" });
      const digest = await pushBlob(world, "team/app", "a blob");
      const target = newTarget();
      const first = await create(world, target);
      const second = await create(world, target);
      assert.deepEqual([first.newBlobs, second.newBlobs], [1, 0]);
      await pushBlob(world, "team/app", "another blob");
      await world.store.delete(await keyOf(world, "team/app", digest));
      await world.store.delete(
        await keyOf(world, "team/app", await pushBlob(world, "team/app", "a third blob")),
      );
      const third = await create(world, target);
      // The backup still has the blob that the registry has lost.
      assert.equal(third.point.lost, 1);
      const pruned = await pruneBackup(target, 1, new AbortController().signal);
      assert.deepEqual(pruned.kept, [third.point.id, second.point.id]);
      assert.deepEqual(pruned.removed, [first.point.id]);
      // The database and the list of the first point.
      assert.equal(pruned.deletedBlobs, 2);
    }),
  );
});
