import { ids, pushedImagesSteps } from "./pushed-images.ts";
import { app, base, digest, inAnyOrder, tag, type Step } from "./support.ts";

const every = { search: "", limit: 5, hasManifestIds: true, hasTimes: true };

/** Descriptions, stars, and the pages of repositories and tags. */
export const catalogSteps: readonly Step[] = [
  ...pushedImagesSteps,
  [(db) => db.stars.has(ids.bob, ids.app), true],
  [(db) => db.stars.of(ids.bob), ["team/app"]],
  [(db) => db.commands.rankByStars({ limit: 10 }), false],
  [
    (db) => db.commands.rankRepositories({ ranks: [{ repositoryId: ids.base, pullBucket: 7 }] }),
    undefined,
  ],
  [
    (db) => db.repositoryDetails.find([base, app], { fullTexts: true }),
    [
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
  [
    (db) => db.tagPages.scan(ids.app, { ...every, last: "" }),
    {
      names: ["Ab_1", "latest"],
      manifestIds: Float64Array.of(1, 2),
      updatedAtMs: Float64Array.of(1000, 1000),
    },
  ],
  [
    (db) => db.tagPages.scan(ids.app, { ...every, search: "A", last: "Ab_1", hasTimes: false }),
    { names: ["latest"], manifestIds: Float64Array.of(2), updatedAtMs: new Float64Array() },
  ],
  [
    (db) => db.tagPages.scan(ids.app, { ...every, search: "none", last: "" }),
    { names: [], manifestIds: new Float64Array(), updatedAtMs: new Float64Array() },
  ],
  [(db) => db.tagPages.existing(ids.app, [tag("latest"), tag("none")]), ["latest"]],
  [
    (db) => db.tagPages.firstParts([1, 2, 3]),
    new Map([[1, { configDigest: digest("config"), layerMediaType: "type/layer" }]]),
  ],
  [(db) => db.tagPages.firstParts([]), new Map()],
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
      { name: "team/base", updatedAtMs: 0, pullBucket: 7 },
      { name: "team/app", updatedAtMs: 0, pullBucket: 0 },
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
    [{ name: "team/app", updatedAtMs: 0, pullBucket: 0 }],
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
      { name: "team/app", updatedAtMs: 0, pullBucket: 0 },
      { name: "team/base", updatedAtMs: 0, pullBucket: 0 },
    ],
  ],
  [
    (db) =>
      db.namespacePages.list({
        namespace: "team",
        view: { kind: "all" },
        order: "name",
        descending: false,
        visibility: "private",
        skip: 0,
        limit: 5,
      }),
    [{ name: "team/base", updatedAtMs: 0, pullBucket: 0 }],
  ],
  [
    (db) =>
      db.namespacePages.count({ namespace: "team", view: { kind: "all" }, visibility: "private" }),
    1,
  ],
  [(db) => db.namespacePages.count({ namespace: "team", view: { kind: "all" } }), 2],
  [
    (db) =>
      db.namespacePages.count({ namespace: "team", view: { kind: "granted", userId: ids.bob } }),
    1,
  ],
  [(db) => db.namespacePages.count({ namespace: "team", view: { kind: "all" }, search: "_" }), 0],
];
