import { ids } from "./pushed-images.ts";
import { app, digest, inAnyOrder, manifest, tag, type Step } from "./support.ts";

/** What manifests consist of, after the steps of `pushed-images.ts`. */
export const imageContentsSteps: readonly Step[] = [
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
    (db) => db.images.annotatedLayers(ids.image, 5),
    {
      items: [
        { digest: digest("layer"), mediaType: "type/layer", sizeBytes: 5, annotations: null },
      ],
      total: 1,
    },
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
  // An import brings the times of pushes, the older ones last.
  ...([500, 400] as const).map((pushedAtMs): Step => [
    (db) =>
      db.commands.putManifest(
        manifest("imported", [], {
          tags: [`of-${pushedAtMs}`],
          columns: { pushed_at: pushedAtMs },
          put: { pushedAtMs },
        }),
      ),
    { outcome: "stored" },
  ]),
  [
    async (db) => {
      const found = await db.tagPages.find(ids.app, [tag("of-400"), tag("of-500")]);
      const times = found.map(({ name, updatedAtMs, manifest: { pushedAtMs } }) => [
        ...[name, updatedAtMs, pushedAtMs],
      ]);
      return inAnyOrder(Promise.resolve(times));
    },
    [
      ["of-400", 400, 500],
      ["of-500", 500, 500],
    ],
  ],
  [
    async (db) => {
      const page = { skip: 0, limit: 5 };
      const moves = await db.tagHistory.list({ id: ids.app, name: app }, tag("of-400"), page);
      return moves.map(({ changedAtMs }) => changedAtMs);
    },
    [1_000],
  ],
];
