import { app, blob, change, digest, named, type Step } from "./support.ts";

/** Quotas, uploads and the end of a repository, after the steps of `registry.ts`. */
export const uploadsSteps: readonly Step[] = [
  [
    (db) => db.commands.setQuota({ ...change, namespace: "team", limitBytes: 60 }),
    { limitBytes: 60, usedBytes: 31 },
  ],
  [(db) => db.quotas.find("team"), { limitBytes: 60, usedBytes: 31 }],
  [
    (db) => db.commands.storeBlob(blob("other".repeat(10))),
    {
      rejected: "quota",
      what: "blob",
      namespace: "team",
      limitBytes: 60,
      usedBytes: 31,
      addedBytes: 50,
    },
  ],
  [(db) => db.commands.recountQuota({ namespace: "team" }), undefined],
  [
    (db) => db.quotas.page({ limit: 5, offset: 0 }),
    { count: 1, items: [{ namespace: "team", limitBytes: 60, usedBytes: 31 }] },
  ],
  [(db) => db.quotas.manifestBytes(1), 20],
  [
    async (db) => {
      const content = await db.quotas.contentOf([1, 2], 9);
      return { ...content, blobIds: content?.blobIds.toSorted() };
    },
    { manifestBytes: 20, blobIds: [1, 2] },
  ],
  [(db) => db.quotas.contentOf([1, 2], 0), undefined],
  [(db) => db.quotas.blobBytes([1, 2, 99]), 11],
  [(db) => db.quotas.largest(5), [{ namespace: "team", limitBytes: 60, usedBytes: 31 }]],
  [(db) => db.quotas.list(), [{ namespace: "team", limitBytes: 60, keptBytes: 31, usedBytes: 31 }]],
  [
    (db) =>
      db.commands.startUpload({
        id: "upload",
        repository: app,
        storage_reference: "file",
        started_at: 1_000,
        touched_at: 1_000,
        account_id: null,
      }),
    undefined,
  ],
  [(db) => db.commands.touchUpload({ id: "upload", nowMs: 1_500 }), undefined],
  [
    (db) => db.uploads.find("upload"),
    {
      id: "upload",
      repository: "team/app",
      storage_reference: "file",
      started_at: 1000,
      touched_at: 1500,
      account_id: null,
      held_until: null,
    },
  ],
  [(db) => db.uploads.count(), 1],
  [
    (db) => db.uploads.page({ limit: 5, offset: 0 }),
    [
      {
        id: "upload",
        repository: "team/app",
        storage_reference: "file",
        started_at: 1000,
        touched_at: 1500,
        account_id: null,
        held_until: null,
      },
    ],
  ],
  [
    (db) => db.uploads.idleSince(2_000, 5),
    [
      {
        id: "upload",
        repository: "team/app",
        storage_reference: "file",
        started_at: 1000,
        touched_at: 1500,
        account_id: null,
        held_until: null,
      },
    ],
  ],
  [(db) => db.uploads.countOf(null, 5), 1],
  [(db) => db.uploads.countOf(1, 5), 0],
  [
    (db) => db.uploads.oldestOf(null, 2_000),
    {
      id: "upload",
      repository: "team/app",
      storage_reference: "file",
      started_at: 1000,
      touched_at: 1500,
      account_id: null,
      held_until: null,
    },
  ],
  [(db) => db.uploads.storageReferences(), new Set(["file"])],
  [
    (db) =>
      db.commands.reserveUpload({
        id: "upload",
        repository: app,
        sizeBytes: 90,
        atLeastBytes: 1,
        digest: undefined,
        defaultBytes: null,
        nowMs: 1_000,
      }),
    29,
  ],
  [
    (db) =>
      db.commands.reserveUpload({
        id: "upload",
        repository: app,
        sizeBytes: 90,
        atLeastBytes: 80,
        digest: digest("other"),
        defaultBytes: null,
        nowMs: 1_000,
      }),
    {
      rejected: "quota",
      what: "upload",
      namespace: "team",
      limitBytes: 60,
      usedBytes: 31,
      addedBytes: 80,
    },
  ],
  [(db) => db.commands.endUpload({ id: "upload" }), true],
  [(db) => db.commands.endUpload({ id: "upload" }), false],
  [(db) => db.commands.removeQuota({ ...change, namespace: "team" }), true],
  [(db) => db.commands.removeQuota({ ...change, namespace: "team" }), false],
  [
    (db) =>
      db.commands.deleteManifest({
        ...change,
        dueAtMs: 2_000,
        repository: app,
        digest: digest("image"),
      }),
    { tags: ["1"] },
  ],
  [(db) => db.commands.setVisibility({ ...change, repository: app, visibility: "public" }), true],
  [
    (db) => db.facts.repositories.get(app),
    {
      name: "team/app",
      isThere: true,
      isPublic: true,
      removal: 0,
      isHosted: true,
      hasNamespace: true,
    },
  ],
  [
    (db) =>
      db.commands.startUpload({
        id: "open",
        repository: app,
        storage_reference: "open file",
        started_at: 1_000,
        touched_at: 1_000,
        account_id: null,
      }),
    undefined,
  ],
  [
    (db) => db.commands.deleteRepository({ ...change, repository: app }),
    { uploads: [{ id: "open", storageReference: "open file" }] },
  ],
  [(db) => db.commands.deleteRepository({ ...change, repository: app }), undefined],
  [
    (db) => db.facts.repositories.get(app),
    {
      name: "team/app",
      isThere: false,
      isPublic: false,
      removal: 1,
      isHosted: true,
      hasNamespace: true,
    },
  ],
  [(db) => db.removals.highest(), 1],
  [(db) => db.commands.storeBlob(blob("draft", named("team/draft"))), "stored"],
  [
    (db) =>
      db.commands.collectRepositories({
        nowMs: 2_000,
        createdBeforeMs: 2_000,
        afterId: 0,
        limit: 10,
      }),
    { lastId: 3, removed: ["team/base"] },
  ],
];
