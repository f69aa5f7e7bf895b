import { blob, change, digest, manifest, reference, type Step } from "./support.ts";

const ids = { config: 1, layer: 2, other: 3, image: 1 };
const due = { after: 0, limit: 5, beforeMs: 3_000, duringBackup: false };
const deleting = [
  { id: 2, digest: digest("layer"), sizeBytes: 5, storageKey: "key of layer" },
  { id: 3, digest: digest("other"), sizeBytes: 5, storageKey: "key of other" },
];
const backup = {
  ...{ ...change, id: "backup", subject: "/backup", isDryRun: false, account: "berth" },
  ...({ kind: "backup", nowMs: 3_000, aliveSinceMs: 0 } as const),
};

const readOnly = (reason: string) => ({ reason, changedAtMs: 1_000, changedBy: "admin" });

/** The collector, the scrubber, the checks and the instance. */
export const maintenanceSteps: readonly Step[] = [
  [(db) => db.instance.get(), undefined],
  [(db) => db.commands.claimInstance({ id: "instance" }), undefined],
  [(db) => db.commands.beginServing(), undefined],
  [(db) => db.instance.get(), { id: "instance", cleanStop: false, checkpointedAtMs: 0 }],
  [(db) => db.commands.checkpoint({ checkpointedAtMs: 1_000, cleanStop: true }), undefined],
  [(db) => db.readOnlyMode.find(), undefined],
  [(db) => db.commands.startReadOnlyMode({ ...change, reason: "one" }), readOnly("one")],
  [(db) => db.commands.startReadOnlyMode({ ...change, reason: "two" }), readOnly("two")],
  [(db) => db.readOnlyMode.find(), readOnly("two")],
  [(db) => db.commands.endReadOnlyMode(change), true],
  [(db) => db.commands.endReadOnlyMode(change), false],
  [(db) => db.commands.renameInstance({ id: "other" }), undefined],
  [(db) => db.instance.get(), { id: "other", cleanStop: true, checkpointedAtMs: 1000 }],
  [(db) => db.commands.storeBlob(blob("config")), "stored"],
  [(db) => db.commands.storeBlob(blob("layer")), "stored"],
  [(db) => db.commands.storeBlob({ ...blob("other"), dueAtMs: 2_500 }), "stored"],
  [
    (db) =>
      db.commands.putManifest(
        manifest("image", [reference(0, "config", "config"), reference(1, "layer", "missing")], {
          put: { sparse: true },
        }),
      ),
    { outcome: "stored" },
  ],
  [
    (db) => db.maintenance.blobs({ after: 0, limit: 1 }),
    [{ id: 1, digest: digest("config"), sizeBytes: 6, storageKey: "key of config" }],
  ],
  [
    (db) => db.maintenance.blobsSince(1_000, { after: ids.config, limit: 1 }),
    [{ id: 2, digest: digest("layer"), sizeBytes: 5, storageKey: "key of layer" }],
  ],
  [(db) => db.maintenance.isLinkedOutside(ids.config, []), true],
  [(db) => db.maintenance.isLinkedOutside(ids.config, ["other"]), true],
  [(db) => db.maintenance.isLinkedOutside(ids.config, ["other", "team"]), false],
  [(db) => db.maintenance.countRepositories(), 1],
  [(db) => db.maintenance.knownKeys(["key of layer", "another"]), new Set(["key of layer"])],
  [(db) => db.maintenance.keepsBytes("key of layer"), true],
  [(db) => db.maintenance.keepsBytes("another"), false],
  [
    (db) => db.maintenance.manifests({ after: 0, limit: 5 }),
    [{ id: 1, digest: digest("image"), content: Buffer.from("image"), repository: "team/app" }],
  ],
  [
    (db) => db.maintenance.absentReferences(ids.image),
    [{ digest: digest("missing"), kind: "layer" }],
  ],
  [(db) => db.commands.quarantineBlob({ storageKey: "key of layer" }), true],
  [(db) => db.commands.quarantineBlob({ storageKey: "key of layer" }), false],
  [
    (db) => db.maintenance.missing({ after: 0, limit: 5 }),
    [{ id: 2, digest: digest("layer"), sizeBytes: 5, storageKey: "key of layer" }],
  ],
  [(db) => db.maintenance.counts(), { blobs: 3, bytes: 16, missing: 1 }],
  [(db) => db.storedBlobs.countMissing(), 1],
  [async (db) => (await db.sizeBytes()) > 10_000, true],
  [(db) => db.maintenance.sums({ after: 1, limit: 1 }), { blobs: 1, bytes: 5, last: 2 }],
  [(db) => db.maintenance.sums({ after: 3, limit: 5 }), { blobs: 0, bytes: 0, last: null }],
  [
    (db) => db.storedBlobs.unique({ after: ids.config, until: ids.other }),
    [{ repositoryId: 1, bytes: 10 }],
  ],
  [(db) => db.storedBlobs.unique({ after: ids.other, until: 9 }), []],
  [(db) => db.storedBlobs.namesOf([1, 9]), new Map([[1, "team/app"]])],
  [
    (db) => db.storedBlobs.candidates({ after: { repositoryId: 0, blobId: 0 }, limit: 1 }),
    [{ repositoryId: 1, blobId: ids.config, sizeBytes: 6, isNamed: 1 }],
  ],
  [
    (db) => db.storedBlobs.candidates({ after: { repositoryId: 1, blobId: 1 }, limit: 5 }),
    [
      { repositoryId: 1, blobId: ids.layer, sizeBytes: 5, isNamed: 0 },
      { repositoryId: 1, blobId: ids.other, sizeBytes: 5, isNamed: 0 },
    ],
  ],
  [(db) => db.commands.restoreBlob({ storageKey: "key of layer" }), true],
  [(db) => db.commands.recordScrub({ ids: [ids.config, ids.layer], nowMs: 1_500 }), undefined],
  [(db) => db.commands.recordScrub({ ids: [ids.config], nowMs: 1_550 }), undefined],
  [
    (db) => db.maintenance.leastRecentlyScrubbed(5, 1_600),
    [
      { id: 3, digest: digest("other"), sizeBytes: 5, storageKey: "key of other" },
      { id: 2, digest: digest("layer"), sizeBytes: 5, storageKey: "key of layer" },
      { id: 1, digest: digest("config"), sizeBytes: 6, storageKey: "key of config" },
    ],
  ],
  [
    (db) =>
      db.commands.collectBlobs({ nowMs: 3_000, deletingSinceMs: 3_000, dueAtMs: 4_000, limit: 2 }),
    { checked: 2, collected: [{ repository: "team/app", digest: digest("layer") }] },
  ],
  [
    (db) =>
      db.commands.collectBlobs({ nowMs: 3_000, deletingSinceMs: 3_000, dueAtMs: 4_000, limit: 5 }),
    { checked: 1, collected: [{ repository: "team/app", digest: digest("other") }] },
  ],
  [(db) => db.collection.deleting({ ...due, nowMs: 3_000 }), deleting],
  [(db) => db.maintenance.keepsBytes("key of layer"), false],
  // A backup keeps their bytes, until it ends or its process has been silent for a minute.
  [(db) => db.commands.beginJob(backup), { id: "backup", isNew: true }],
  [(db) => db.collection.deleting({ ...due, nowMs: 63_000 }), []],
  [(db) => db.collection.deleting({ ...due, nowMs: 63_000, duringBackup: true }), deleting],
  [(db) => db.collection.deleting({ ...due, nowMs: 63_001 }), deleting],
  [
    (db) =>
      db.commands.endJob({
        ...{ id: "backup", state: "done", counts: {}, findings: [], reason: null, nowMs: 3_000 },
      }),
    undefined,
  ],
  [(db) => db.collection.deleting({ ...due, nowMs: 3_000 }), deleting],
  [(db) => db.collection.waiting(), { blobs: 2, bytes: 10 }],
  [(db) => db.collection.waiting(3_000), { blobs: 2, bytes: 10 }],
  [(db) => db.collection.waiting(2_999), { blobs: 0, bytes: 0 }],
  [
    (db) => db.collection.candidates(),
    {
      ...{ deletingSinceMs: 3_000, blobs: 0, blobsUntilMs: null },
      ...{ manifests: 1, manifestsUntilMs: 2_000 },
    },
  ],
  [(db) => db.commands.dropBlob({ id: ids.layer }), true],
  [(db) => db.commands.dropBlob({ id: ids.config }), false],
  [
    (db) =>
      db.commands.collectManifests({
        nowMs: 3_000,
        deletingSinceMs: 3_000,
        dueAtMs: 4_000,
        limit: 5,
      }),
    { checked: 1, collected: [{ repository: "team/app", digest: digest("image") }] },
  ],
  [(db) => db.collection.waiting(), { blobs: 1, bytes: 5 }],
  [(db) => db.integrity(true), []],
  [(db) => db.integrity(false), []],
];
