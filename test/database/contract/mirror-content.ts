import { app, base, blob, change, digest, manifest, reference, tag, type Step } from "./support.ts";

/** The content of mirrors: downloads, references, tags and the eviction of blobs. They follow `mirrorSteps`. */
export const mirrorContentSteps: readonly Step[] = [
  [
    (db) =>
      db.commands.beginMirrorFetch({
        repository: app,
        reference: digest("layer"),
        owner: "a",
        storageReference: "file",
        nowMs: 1_000,
        takesFrom: undefined,
      }),
    { role: "leader", before: undefined },
  ],
  [
    (db) =>
      db.commands.beginMirrorFetch({
        repository: app,
        reference: digest("layer"),
        owner: "b",
        storageReference: "other",
        nowMs: 1_000,
        takesFrom: undefined,
      }),
    {
      role: "follower",
      fetch: { owner: "a", storageReference: "file", sizeBytes: null, touchedAtMs: 1000 },
    },
  ],
  [
    (db) =>
      db.commands.beginMirrorFetch({
        repository: app,
        reference: digest("layer"),
        owner: "b",
        storageReference: "other",
        nowMs: 1_000,
        takesFrom: { owner: "a", touchedAtMs: 999 },
      }),
    {
      role: "follower",
      fetch: { owner: "a", storageReference: "file", sizeBytes: null, touchedAtMs: 1000 },
    },
  ],
  [
    (db) =>
      db.commands.beginMirrorFetch({
        repository: app,
        reference: digest("layer"),
        owner: "b",
        storageReference: "other",
        nowMs: 1_000,
        takesFrom: { owner: "a", touchedAtMs: 1_000 },
      }),
    {
      role: "leader",
      before: { owner: "a", storageReference: "file", sizeBytes: null, touchedAtMs: 1000 },
    },
  ],
  [
    (db) =>
      db.commands.touchMirrorFetch({
        repository: app,
        reference: digest("layer"),
        owner: "b",
        sizeBytes: 5,
        nowMs: 1_500,
      }),
    true,
  ],
  [
    (db) =>
      db.commands.touchMirrorFetch({
        repository: app,
        reference: digest("layer"),
        owner: "a",
        sizeBytes: 5,
        nowMs: 1_500,
      }),
    false,
  ],
  [
    (db) => db.mirrorFetches.find({ repository: app, reference: digest("layer") }),
    { owner: "b", storageReference: "other", sizeBytes: 5, touchedAtMs: 1500 },
  ],
  [
    (db) => db.mirrorFetches.idleSince(2_000),
    [
      {
        repository: "team/app",
        reference: digest("layer"),
        owner: "b",
        storageReference: "other",
        sizeBytes: 5,
        touchedAtMs: 1500,
      },
    ],
  ],
  [(db) => db.commands.storeMirrorBlob({ ...blob("layer"), owner: "b" }), "stored"],
  [
    (db) => db.commands.endMirrorFetch({ repository: app, reference: digest("layer"), owner: "b" }),
    false,
  ],
  [(db) => db.commands.seeMirrorProcess({ owner: "a", nowMs: 1_000 }), undefined],
  [(db) => db.commands.seeMirrorProcess({ owner: "b", nowMs: 1_000 }), undefined],
  [(db) => db.mirrorProcesses.othersThan("b"), [{ owner: "a", seenAtMs: 1000 }]],
  [(db) => db.commands.forgetMirrorProcesses({ owners: ["a"] }), undefined],
  [(db) => db.mirrorProcesses.othersThan("b"), []],
  [(db) => db.commands.storeBlob(blob("config")), "stored"],
  [(db) => db.commands.storeBlob(blob("other")), "stored"],
  [
    (db) =>
      db.commands.putManifest(
        manifest(
          "image",
          [
            reference(0, "config", "config"),
            reference(1, "layer", "layer"),
            reference(2, "layer", "missing", { required: 0 }),
            reference(3, "layer", "subject", { required: 0, urls: '["https://example.com/a"]' }),
          ],
          {
            tags: ["1"],
            columns: { config_media_type: "application/vnd.oci.image.config.v1+json" },
            put: { tagsCheckedAtMs: 1_000 },
          },
        ),
      ),
    { outcome: "stored" },
  ],
  [(db) => db.mirrorReferences.sizeOf(app, digest("layer")), 5],
  [(db) => db.mirrorReferences.sizeOf(base, digest("layer")), undefined],
  [(db) => db.mirrorReferences.layersBehind(app, digest("layer"), 5), [digest("missing")]],
  [(db) => db.mirrorReferences.urlsOf(app, digest("subject")), ["https://example.com/a"]],
  [
    (db) => db.mirrorReferences.configsWithoutPlatform({ namespace: "team", afterId: 0, limit: 5 }),
    { configs: [{ repository: "team/app", config: digest("config"), sizeBytes: 6 }], lastId: 1 },
  ],
  [
    (db) => db.mirrorReferences.isPlatformMissing({ repository: app, config: digest("config") }),
    true,
  ],
  [
    (db) =>
      db.commands.setPlatform({
        repository: app,
        config: digest("config"),
        platform: {
          os: "linux",
          architecture: "arm64",
          variant: "v8",
          os_version: null,
          os_features: null,
        },
      }),
    undefined,
  ],
  [
    (db) => db.mirrorReferences.isPlatformMissing({ repository: app, config: digest("config") }),
    false,
  ],
  [(db) => db.commands.checkMirrorTag({ repository: app, tag: tag("1"), nowMs: 1_200 }), undefined],
  [(db) => db.mirrorTags.checkedAtMs(app, tag("1")), 1200],
  [(db) => db.mirrorTags.checkedAtMs(app, tag("2")), 0],
  [(db) => db.commands.pinMirrorTag({ ...change, repository: app, tag: tag("1") }), true],
  [(db) => db.commands.pinMirrorTag({ ...change, repository: app, tag: tag("1") }), false],
  [(db) => db.mirrorTags.pins(), [{ repository: "team/app", tag: "1" }]],
  [
    (db) =>
      db.commands.useMirrorBlobs({
        namespace: "team",
        uses: [{ digest: digest("other"), usedAtMs: 1_000 }],
      }),
    undefined,
  ],
  [(db) => db.mirrorUses.stock("team"), { blobs: 3, bytes: 16 }],
  [
    (db) => db.repositories.ofNamespace("team", { last: "team/ap", limit: 1 }),
    [{ id: 1, name: "team/app" }],
  ],
  [(db) => db.repositories.ofNamespace("team", { last: "team/base", limit: 5 }), []],
  [
    (db) =>
      db.mirrorUses.cachedBlobs({ namespace: "team", repositoryId: 1 }, { last: 2, limit: 5 }),
    [{ id: 3, digest: digest("other"), sizeBytes: 5, usedAtMs: 1000, isShared: 0 }],
  ],
  [
    (db) => db.mirrorUses.pinnedDigests("team"),
    new Set(["image", "config", "layer", "missing", "subject"].map(digest)),
  ],
  [(db) => db.mirrorUses.stock("none"), { blobs: 0, bytes: 0 }],
  [
    (db) =>
      db.commands.evictMirrorBlobs({
        namespace: "team",
        nowMs: 1_000,
        ifOverBytes: 0,
        leaveBytes: 0,
        except: [],
      }),
    { evicted: [{ id: 3, sizeBytes: 5 }], leftBytes: 11 },
  ],
  [(db) => db.commands.unpinMirrorTag({ ...change, repository: app, tag: tag("1") }), true],
  [(db) => db.commands.unpinMirrorTag({ ...change, repository: app, tag: tag("1") }), false],
  [
    (db) =>
      db.commands.evictMirrorBlobs({
        namespace: "team",
        nowMs: 1_000,
        ifOverBytes: 0,
        leaveBytes: 6,
        except: [digest("config")],
      }),
    { evicted: [{ id: 1, sizeBytes: 5 }], leftBytes: 6 },
  ],
];
