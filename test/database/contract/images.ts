import { ids, pushedImagesSteps } from "./pushed-images.ts";
import { app, base, by, change, digest, inAnyOrder, manifest, tag, type Step } from "./support.ts";

/** Images, storage usage, and the lists and searches that depend on the principal. */
export const imagesSteps: readonly Step[] = [
  ...pushedImagesSteps,
  [
    (db) => db.images.entries(ids.app, ids.index, 5),
    {
      items: [
        {
          digest: digest("image"),
          mediaType: "type/child",
          sizeBytes: 5,
          os: "linux",
          architecture: "amd64",
          variant: null,
          osVersion: null,
          osFeatures: null,
          artifactType: null,
          configMediaType: "application/vnd.oci.image.config.v1+json",
          manifestId: 1,
          pushedAtMs: 1000,
          referenceType: null,
          referenceDigest: null,
        },
        {
          digest: digest("missing"),
          mediaType: "type/child",
          sizeBytes: 7,
          os: "windows",
          architecture: null,
          variant: null,
          osVersion: null,
          osFeatures: '["win32k"]',
          artifactType: null,
          configMediaType: null,
          manifestId: null,
          pushedAtMs: null,
          referenceType: "attestation-manifest",
          referenceDigest: "sha256:a",
        },
      ],
      total: 2,
    },
  ],
  [
    (db) => db.images.parts(ids.image, 1),
    { items: [{ kind: "config", digest: digest("config"), sizeBytes: 6 }], total: 2 },
  ],
  [
    (db) => db.images.referrers(ids.app, digest("image"), 5),
    [
      {
        digest: digest("signature"),
        mediaType: "type/manifest",
        sizeBytes: 9,
        artifactType: "type/signature",
      },
    ],
  ],
  [
    (db) => db.images.manifests(ids.app, [digest("image"), digest("none")]),
    [
      {
        id: 1,
        digest: digest("image"),
        mediaType: "type/manifest",
        kind: "image",
        sizeBytes: 5,
        artifactType: null,
        configMediaType: "application/vnd.oci.image.config.v1+json",
        pushedAtMs: 1000,
        os: "linux",
        architecture: "amd64",
        variant: null,
        osVersion: null,
        osFeatures: null,
        subjectDigest: null,
        annotations: null,
        hasAnnotations: 0,
      },
    ],
  ],
  [
    (db) => db.images.layers(ids.app, ids.image, 5),
    [
      {
        digest: digest("layer"),
        mediaType: "type/layer",
        sizeBytes: 5,
        urls: null,
        isHere: 1,
      },
    ],
  ],
  [
    (db) => db.images.linkedBlobs(ids.base, [digest("layer"), digest("config")]),
    new Set([digest("layer")]),
  ],
  [
    (db) => db.tagRelations.tagsOf([ids.image, ids.index, 99], 5),
    new Map([
      [ids.image, ["Ab_1"]],
      [ids.index, []],
    ]),
  ],
  [(db) => db.tagRelations.signed([ids.image, ids.index]), new Set()],
  [
    (db) =>
      db.commands.putManifest(
        manifest("cosign", [], {
          columns: {
            subject_digest: digest("image"),
            artifact_type: "application/vnd.dev.cosign.artifact.sig.v1+json",
          },
        }),
      ),
    { outcome: "stored" },
  ],
  [(db) => db.tagRelations.signed([ids.image, ids.index]), new Set([ids.image])],
  [
    (db) => inAnyOrder(db.tagRelations.platforms(ids.app, [ids.image, ids.index])),
    [
      { manifestId: 1, os: "linux", architecture: "amd64", sizeBytes: 11 },
      { manifestId: 3, os: "linux", architecture: "amd64", sizeBytes: 11 },
      { manifestId: 3, os: "windows", architecture: "", sizeBytes: 0 },
    ],
  ],
  [(db) => db.images.sizes([ids.image, 99]), new Map<unknown, unknown>([[1, 11]])],
  [
    (db) => db.storageUsage.blobsOf(ids.app, { kind: "everything" }, { last: 0, limit: 5 }),
    [
      { blobId: 1, sizeBytes: 6, isShared: 0 },
      { blobId: 2, sizeBytes: 5, isShared: 1 },
    ],
  ],
  [
    (db) => db.storageUsage.blobsOf(ids.app, { kind: "public" }, { last: 1, limit: 5 }),
    [{ blobId: 2, sizeBytes: 5, isShared: 0 }],
  ],
  [
    (db) => db.storageUsage.blobsOf(ids.app, undefined, { last: 0, limit: 1 }),
    [{ blobId: 1, sizeBytes: 6, isShared: 0 }],
  ],
  [
    (db) => db.catalog.list({ kind: "everything" }, { limit: 1 }),
    { items: ["team/app"], more: true },
  ],
  [
    (db) => db.catalog.list({ kind: "public" }, { last: "a", limit: 5 }),
    { items: ["team/app"], more: false },
  ],
  [
    (db) => db.catalog.list({ kind: "user", accountId: ids.bob }, { limit: 5 }),
    { items: ["team/app"], more: false },
  ],
  [
    (db) => db.catalog.list({ kind: "paths", namespace: "team", paths: ["team/b*"] }, { limit: 5 }),
    { items: ["team/app", "team/base"], more: false },
  ],
  [
    (db) =>
      db.search.find({
        visibility: { kind: "everything" },
        words: ["so"],
        facets: { os: ["linux"] },
        offset: 0,
        limit: 5,
        countAtMost: 100,
      }),
    {
      items: [
        {
          id: 1,
          name: "team/app",
          visibility: "public",
          stars: 1,
          createdAtMs: 1000,
          updatedAtMs: 1000,
          description: "Söme App",
          facets: [
            { facet: "architecture", value: "amd64" },
            { facet: "os", value: "linux" },
            { facet: "type", value: "image" },
            { facet: "type", value: "unrecognized" },
          ],
        },
      ],
      total: 1,
    },
  ],
  [
    (db) =>
      db.search.find({
        visibility: { kind: "paths", namespace: "team", paths: ["team/b*"] },
        words: [],
        exact: base,
        isOfficial: false,
        namespaces: ["team", "none"],
        offset: 0,
        limit: 5,
        countAtMost: 100,
      }),
    {
      items: [
        {
          id: 2,
          name: "team/base",
          visibility: "private",
          stars: 0,
          createdAtMs: 1000,
          updatedAtMs: 1000,
          description: "",
          facets: [],
        },
        {
          id: 1,
          name: "team/app",
          visibility: "public",
          stars: 1,
          createdAtMs: 1000,
          updatedAtMs: 1000,
          description: "Söme App",
          facets: [
            { facet: "architecture", value: "amd64" },
            { facet: "os", value: "linux" },
            { facet: "type", value: "image" },
            { facet: "type", value: "unrecognized" },
          ],
        },
      ],
      total: 2,
    },
  ],
  [
    (db) =>
      db.search.measures({
        visibility: { kind: "user", accountId: ids.bob },
        words: [],
        offset: 0,
        limit: 5,
        countAtMost: 1,
      }),
    {
      items: [{ id: 1, name: "team/app", stars: 1, createdAtMs: 1000, updatedAtMs: 1000 }],
      total: 1,
    },
  ],
  [
    (db) => db.search.describe([ids.base, 99]),
    [
      {
        id: 2,
        name: "team/base",
        visibility: "private",
        stars: 0,
        createdAtMs: 1000,
        updatedAtMs: 1000,
        description: "",
        facets: [],
      },
    ],
  ],
  [
    (db) => db.search.facetsOf([ids.app]),
    new Map<unknown, unknown>([
      [
        1,
        [
          { facet: "architecture", value: "amd64" },
          { facet: "os", value: "linux" },
          { facet: "type", value: "image" },
          { facet: "type", value: "unrecognized" },
        ],
      ],
    ]),
  ],
  [
    (db) =>
      inAnyOrder(
        db.storageUsage.sharing(
          { repositoryId: ids.app, manifestId: ids.image },
          [digest("layer"), digest("none")],
          { kind: "everything" },
        ),
      ),
    [{ digest: digest("layer"), sizeBytes: 5, repositories: 1, tags: 1, isUsedHere: 0 }],
  ],
  [
    (db) =>
      db.storageUsage.sharing({ repositoryId: ids.app, manifestId: 99 }, [digest("config")], {
        kind: "public",
      }),
    [{ digest: digest("config"), sizeBytes: 6, repositories: 0, tags: 1, isUsedHere: 1 }],
  ],
  [(db) => db.tagRemoval.manifestsOf(ids.app, [tag("Ab_1"), tag("none")]), [ids.image]],
  [(db) => inAnyOrder(db.tagRemoval.dependents(ids.app, [ids.image, ids.index], 5)), [1, 4, 5]],
  [(db) => db.tagRemoval.unused(ids.app, [1, 4], { tags: [tag("Ab_1")], manifestIds: [] }), []],
  [(db) => db.tagRemoval.unused(ids.app, [1, 4], { tags: [tag("Ab_1")], manifestIds: [3] }), [1]],
  [
    (db) => inAnyOrder(db.tagRemoval.contents([ids.image], 5)),
    [digest("config"), digest("layer")].toSorted(),
  ],
  [
    (db) =>
      db.tagRemoval.unusedBytes(ids.app, [digest("config"), digest("layer")], [1], {
        kind: "everything",
      }),
    6,
  ],
  [
    (db) =>
      db.tagRemoval.unusedBytes(ids.app, [digest("config"), digest("layer")], [1], {
        kind: "public",
      }),
    11,
  ],
  [(db) => db.tagRemoval.unusedBytes(ids.app, [digest("config")], [], { kind: "public" }), 0],
  [
    (db) =>
      db.commands.deleteTags({ ...change, dueAtMs: 2_000, repository: app, tags: [tag("Ab_1")] }),
    { deleted: ["Ab_1"], immutable: [] },
  ],
  [(db) => db.commands.unstar({ ...by(ids.bob, "bob"), repository: app }), undefined],
  [(db) => db.stars.has(ids.bob, ids.app), false],
];
