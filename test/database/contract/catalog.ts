import {
  app,
  base,
  blob,
  by,
  change,
  digest,
  inAnyOrder,
  manifest,
  named,
  reference,
  tag,
  type Step,
} from "./support.ts";

const ids = { app: 1, base: 2, image: 1, index: 3, bob: 3 };

/** Descriptions, stars, and the pages of repositories and tags. */
export const catalogSteps: readonly Step[] = [
  [(db) => db.commands.createAccount({ ...change, name: "team", kind: "organisation" }), 2],
  [(db) => db.commands.createAccount({ ...change, name: "bob", kind: "user" }), 3],
  [
    (db) => db.commands.createRepository({ ...change, repository: app, visibility: "public" }),
    "created",
  ],
  [
    (db) => db.commands.createRepository({ ...change, repository: base, visibility: "private" }),
    "created",
  ],
  [(db) => db.commands.storeBlob(blob("config")), "stored"],
  [(db) => db.commands.storeBlob(blob("layer")), "stored"],
  [
    (db) => db.commands.storeBlob({ ...blob("layer", base), storageKey: "second key" }),
    "duplicate",
  ],
  [
    (db) =>
      db.commands.putManifest(
        manifest("image", [reference(0, "config", "config"), reference(1, "layer", "layer")], {
          tags: ["Ab_1"],
          columns: {
            os: "linux",
            architecture: "amd64",
            config_media_type: "application/vnd.oci.image.config.v1+json",
          },
        }),
      ),
    { outcome: "stored" },
  ],
  [
    (db) =>
      db.commands.putManifest(
        manifest("second", [], { tags: ["latest"], columns: { media_type: "type/x" } }),
      ),
    { outcome: "stored" },
  ],
  [
    (db) =>
      db.commands.putManifest(
        manifest(
          "index",
          [
            reference(0, "child", "image"),
            reference(1, "child", "missing", {
              required: 0,
              os: "windows",
              os_features: '["win32k"]',
              annotations:
                '{"vnd.docker.reference.type":"attestation-manifest","vnd.docker.reference.digest":"sha256:a"}',
            }),
          ],
          { columns: { kind: "index" } },
        ),
      ),
    { outcome: "stored" },
  ],
  [
    (db) =>
      db.commands.putManifest(
        manifest("signature", [], {
          columns: { subject_digest: digest("image"), artifact_type: "type/signature" },
        }),
      ),
    { outcome: "stored" },
  ],
  [
    (db) =>
      db.commands.setDescription({ ...change, repository: app, short: "Söme App", full: "readme" }),
    true,
  ],
  [
    (db) => db.commands.setDescription({ ...change, repository: named("team/none"), short: "" }),
    false,
  ],
  [(db) => db.commands.star({ ...by(ids.bob, "bob"), repository: app }), true],
  [(db) => db.commands.star({ ...by(ids.bob, "bob"), repository: app }), true],
  [(db) => db.stars.has(ids.bob, ids.app), true],
  [(db) => db.stars.of(ids.bob), ["team/app"]],
  [(db) => db.commands.rankByStars({ limit: 10 }), false],
  [
    (db) => db.commands.rankRepositories({ ranks: [{ repositoryId: ids.base, pullBucket: 7 }] }),
    undefined,
  ],
  [
    (db) => inAnyOrder(db.repositoryDetails.find([app, base], { fullTexts: true })),
    [
      {
        id: 1,
        name: "team/app",
        visibility: "public",
        createdAtMs: 1000,
        updatedAtMs: 1000,
        immutableTags: null,
        tagCount: 2,
        starCount: 1,
        sizeBytes: 11,
        shortText: "Söme App",
        fullText: "readme",
      },
      {
        id: 2,
        name: "team/base",
        visibility: "private",
        createdAtMs: 1000,
        updatedAtMs: 1000,
        immutableTags: null,
        tagCount: 0,
        starCount: 0,
        sizeBytes: 5,
        shortText: "",
        fullText: "",
      },
    ],
  ],
  [
    (db) => db.repositoryDetails.find([app], { fullTexts: false }),
    [
      {
        id: 1,
        name: "team/app",
        visibility: "public",
        createdAtMs: 1000,
        updatedAtMs: 1000,
        immutableTags: null,
        tagCount: 2,
        starCount: 1,
        sizeBytes: 11,
        shortText: "Söme App",
        fullText: "",
      },
    ],
  ],
  [
    (db) => inAnyOrder(db.repositoryDetails.kinds([ids.app, ids.base])),
    [
      {
        repositoryId: 1,
        mediaType: "type/manifest",
        kind: "image",
        artifactType: null,
        configMediaType: "application/vnd.oci.image.config.v1+json",
      },
      {
        repositoryId: 1,
        mediaType: "type/x",
        kind: "image",
        artifactType: null,
        configMediaType: null,
      },
    ],
  ],
  [(db) => db.repositoryDetails.collaborators(ids.app), 0],
  [
    (db) =>
      db.tagPages.list({
        repositoryId: ids.app,
        order: "name",
        descending: false,
        search: "aB_",
        skip: 0,
        limit: 5,
      }),
    [{ name: "Ab_1", updatedAtMs: 1000 }],
  ],
  [
    (db) =>
      db.tagPages.list({
        repositoryId: ids.app,
        order: "updated",
        descending: true,
        after: { name: tag("latest"), updatedAtMs: 1_000 },
        skip: 0,
        limit: 5,
      }),
    [{ name: "Ab_1", updatedAtMs: 1000 }],
  ],
  [(db) => db.tagPages.countNamed(ids.app, "LAT"), 1],
  [(db) => db.tagPages.countNamed(ids.app, "%"), 0],
  [
    (db) => db.tagPages.find(ids.app, [tag("latest"), tag("none")]),
    [
      {
        repositoryId: 1,
        name: "latest",
        updatedAtMs: 1000,
        updater: "admin",
        updaterId: null,
        creatorId: null,
        manifest: {
          id: 2,
          digest: digest("second"),
          mediaType: "type/x",
          kind: "image",
          sizeBytes: 6,
          artifactType: null,
          configMediaType: null,
          pushedAtMs: 1000,
          os: null,
          architecture: null,
          variant: null,
          osVersion: null,
          osFeatures: null,
        },
      },
    ],
  ],
  [
    (db) =>
      db.namespacePages.list({
        namespace: "team",
        view: { kind: "all" },
        order: "pulls",
        descending: true,
        skip: 0,
        limit: 5,
      }),
    [
      { name: "team/base", updatedAtMs: 1000, pullBucket: 7 },
      { name: "team/app", updatedAtMs: 1000, pullBucket: 0 },
    ],
  ],
  [
    (db) =>
      db.namespacePages.list({
        namespace: "team",
        view: { kind: "public" },
        order: "name",
        descending: false,
        search: "AP",
        skip: 0,
        limit: 5,
      }),
    [{ name: "team/app", updatedAtMs: 1000, pullBucket: 0 }],
  ],
  [
    (db) =>
      db.namespacePages.list({
        namespace: "team",
        view: { kind: "granted", userId: ids.bob },
        order: "updated",
        descending: false,
        skip: 0,
        limit: 5,
      }),
    [{ name: "team/app", updatedAtMs: 1000, pullBucket: 0 }],
  ],
  [
    (db) =>
      db.namespacePages.list({
        namespace: "team",
        view: { kind: "paths", paths: ["team/b*", "TEAM/*"] },
        order: "name",
        descending: false,
        skip: 0,
        limit: 5,
      }),
    [
      { name: "team/app", updatedAtMs: 1000, pullBucket: 0 },
      { name: "team/base", updatedAtMs: 1000, pullBucket: 7 },
    ],
  ],
  [(db) => db.namespacePages.count({ namespace: "team", view: { kind: "all" } }), 2],
  [
    (db) =>
      db.namespacePages.count({ namespace: "team", view: { kind: "granted", userId: ids.bob } }),
    1,
  ],
  [(db) => db.namespacePages.count({ namespace: "team", view: { kind: "all" }, search: "_" }), 0],
];
