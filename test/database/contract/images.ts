import { imageContentsSteps } from "./image-contents.ts";
import { ids, pushedImagesSteps } from "./pushed-images.ts";
import { app, base, by, change, digest, inAnyOrder, tag, type Step } from "./support.ts";

/** Storage usage, and the lists and searches that depend on the principal. */
export const imagesSteps: readonly Step[] = [
  ...pushedImagesSteps,
  ...imageContentsSteps,
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
      db.search.all(
        { visibility: { kind: "everything" }, words: ["so"], facets: { os: ["linux"] } },
        100,
      ),
    [ids.app],
  ],
  [
    (db) => db.search.all({ visibility: { kind: "user", accountId: ids.bob }, words: [] }, 1),
    undefined,
  ],
  [(db) => db.search.all({ visibility: { kind: "public" }, words: [], namespaces: [] }, 9), []],
  [
    (db) => inAnyOrder(db.search.countFacets([ids.app, ids.base], ["type", "os"])),
    [
      { facet: "os", value: "linux", repositories: 1 },
      { facet: "type", value: "image", repositories: 1 },
      { facet: "type", value: "unrecognized", repositories: 1 },
    ],
  ],
  [(db) => db.search.countFacets([ids.base], ["os_version"]), []],
  [
    (db) =>
      inAnyOrder(db.storageUsage.linkedIn([ids.app, ids.base], 9).then((found) => found ?? [])),
    [
      { blobId: 1, sizeBytes: 6, links: 1 },
      { blobId: 2, sizeBytes: 5, links: 2 },
    ],
  ],
  [(db) => db.storageUsage.linkedIn([ids.app], 0), undefined],
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
