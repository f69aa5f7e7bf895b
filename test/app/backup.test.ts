import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { backUp } from "../../src/app/backup.ts";
import { openBackupTarget } from "../../src/app/backup-target.ts";
import { collectNow } from "../../src/app/collection.ts";
import { openCommandContext } from "../../src/app/command-context.ts";
import type { AppContext } from "../../src/app/context.ts";
import { BackupError, type BackupTarget } from "../../src/maintenance/backup/target.ts";
import { pushImageParts, putManifest, startBerth } from "../support/berth.ts";
import { temporaryFolder } from "../support/temporary.ts";

const quiet = { start: () => undefined, advance: () => undefined, lost: () => undefined };
const options = { passphrase: undefined, isLinked: false, progress: quiet };

async function setUp() {
  const folder = temporaryFolder();
  const berth = await startBerth(path.join(folder, "data"), {
    ...{ "gc.lease": "1s", "gc.grace": "0s", "gc.interval": "0s", "gc.deleteDelay": "0s" },
  });
  const context = await openCommandContext(berth.config, { store: true });
  const location = path.join(folder, "backup");
  const { s3 } = berth.config.storage;
  const target = await openBackupTarget({ location, s3, isNewAllowed: true });
  const close = async (): Promise<void> => {
    await target.close();
    await context.close();
    await berth.close();
  };
  return { berth, context, target, close };
}

/** The bytes that a collection deletes now. */
async function collect(context: AppContext): Promise<{ deleted: number; waiting: number }> {
  const sum = { deleted: 0, waiting: 0 };
  for await (const step of collectNow(context, true)) {
    if (step.kind === "bytes") sum.deleted += 1;
    if (step.kind === "waiting") sum.waiting += step.blobs;
  }
  return sum;
}

/** The target; `work` runs before its first blob is written. */
function interrupted(target: BackupTarget, work: () => Promise<void>): BackupTarget {
  let isDone = false;
  const importBlob: BackupTarget["store"]["importBlob"] = async (key, source) => {
    if (!isDone) {
      isDone = true;
      await work();
    }
    await target.store.importBlob(key, source);
  };
  return { ...target, store: { ...target.store, importBlob } };
}

test("blobs that lose their last user during a backup keep their bytes until its end", async (t) => {
  const { berth, context, target, close } = await setUp();
  t.after(close);
  const { manifest } = await pushImageParts(berth, "team/app");
  await putManifest(berth, "team/app", "1", manifest).expect(201);
  let during: Awaited<ReturnType<typeof collect>> | undefined;
  const busy = interrupted(target, async () => {
    await berth.deleteRepository("team/app");
    during = await collect(context);
  });
  const { point } = await backUp(context, busy, options);
  assert.deepEqual(during, { deleted: 0, waiting: 2 });
  assert.deepEqual([point.blobs, point.lost, point.repositories], [2, 0, 1]);
  assert.deepEqual(await collect(context), { deleted: 2, waiting: 0 });
});

test("a second backup to the same place is rejected while one runs, and one to another place is not", async (t) => {
  const { berth, context, target, close } = await setUp();
  t.after(close);
  const { manifest } = await pushImageParts(berth, "team/app");
  await putManifest(berth, "team/app", "1", manifest).expect(201);
  const other = await openBackupTarget({
    location: path.join(temporaryFolder(), "other"),
    s3: berth.config.storage.s3,
    isNewAllowed: true,
  });
  t.after(() => other.close());
  const busy = interrupted(target, async () => {
    await assert.rejects(backUp(context, target, options), /another "berth backup" runs/);
    await assert.rejects(target.lock(), BackupError);
    assert.equal((await backUp(context, other, options)).point.lost, 0);
  });
  assert.equal((await backUp(context, busy, options)).point.lost, 0);
});

test("a backup begins at once after one to the same place was killed", async (t) => {
  const { berth, context, target, close } = await setUp();
  t.after(close);
  await pushImageParts(berth, "team/app");
  const database = await context.database();
  const nowMs = Date.now() - 10;
  await database.commands.beginJob({
    ...{ id: "killed", kind: "backup", subject: target.location, isDryRun: false },
    ...{ account: "berth", actor: context.actor, nowMs, aliveSinceMs: nowMs },
  });
  assert.equal((await backUp(context, target, options)).point.lost, 0);
});

test("a backup that an administrator cancels leaves no point", async (t) => {
  const { berth, context, target, close } = await setUp();
  t.after(close);
  await pushImageParts(berth, "team/app");
  const busy = interrupted(target, async () => {
    const [job] = (await (await context.jobs()).list({ kind: "backup", skip: 0, limit: 1 })).items;
    assert.equal(job?.state, "running");
    // Waits for this job, which waits for this function.
    void (await context.jobs()).close();
  });
  await assert.rejects(backUp(context, busy, options), /the backup was canceled/);
  assert.deepEqual(await target.points.list(), []);
});
