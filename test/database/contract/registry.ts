import {
  app,
  base,
  blob,
  change,
  digest,
  manifest,
  named,
  reference,
  tag,
  parseReference,
  rules,
  times,
  admin,
  type Step,
} from "./support.ts";

const ids = { app: 1 };

/** Repositories, blobs, manifests, tags, uploads and quotas. */
export const registrySteps: readonly Step[] = [
  [
    (db) => db.commands.createRepository({ ...change, repository: app, visibility: "private" }),
    "created",
  ],
  [
    (db) => db.commands.createRepository({ ...change, repository: app, visibility: "public" }),
    "exists",
  ],
  [
    (db) => db.repositories.find(app),
    { id: 1, name: "team/app", visibility: "private", immutableTags: null },
  ],
  [(db) => db.repositories.find(base), undefined],
  [(db) => db.repositories.registrations([app, base]), [{ name: "team/app", createdAtMs: 1000 }]],
  [(db) => db.commands.storeBlob(blob("config")), "stored"],
  [(db) => db.commands.storeBlob(blob("layer")), "stored"],
  [(db) => db.commands.storeBlob({ ...blob("layer"), storageKey: "second" }), "duplicate"],
  [
    (db) => db.blobs.find(app, digest("layer")),
    { digest: digest("layer"), sizeBytes: 5, storageKey: "key of layer", leasedUntilMs: 3000 },
  ],
  [(db) => db.blobs.find(base, digest("layer")), undefined],
  [
    (db) =>
      db.commands.mountBlob({
        ...times,
        actor: admin,
        rules,
        repository: base,
        from: app,
        digest: digest("layer"),
      }),
    true,
  ],
  [
    (db) =>
      db.commands.mountBlob({
        ...times,
        actor: admin,
        rules,
        repository: base,
        from: app,
        digest: digest("missing"),
      }),
    false,
  ],
  [(db) => db.blobs.repositoriesLinking(digest("config"), 5), ["team/app"]],
  [(db) => db.blobs.repositoriesLinking(digest("layer"), 5, "other"), []],
  [
    (db) =>
      db.commands.leaseBlob({ repository: base, digest: digest("layer"), leasedUntilMs: 4_000 }),
    true,
  ],
  [
    (db) => db.commands.unlinkBlob({ ...change, repository: base, digest: digest("layer") }),
    { outcome: "unlinked" },
  ],
  [
    (db) =>
      db.commands.putManifest(
        manifest("image", [reference(0, "config", "config"), reference(1, "layer", "missing")]),
      ),
    { outcome: "missing", missing: [{ digest: digest("missing"), kind: "layer" }] },
  ],
  [
    (db) =>
      db.commands.putManifest(
        manifest("image", [reference(0, "config", "config"), reference(1, "layer", "layer")], {
          tags: ["1", "latest"],
        }),
      ),
    { outcome: "stored" },
  ],
  [
    (db) =>
      db.commands.putManifest(
        manifest("second", [reference(0, "config", "config")], { tags: ["latest"] }),
      ),
    { outcome: "stored" },
  ],
  [
    (db) =>
      db.commands.putManifest(
        manifest("signature", [], {
          columns: {
            subject_digest: digest("image"),
            artifact_type: "type/signature",
            annotations: '{"a":"b"}',
          },
        }),
      ),
    { outcome: "stored" },
  ],
  [
    (db) => db.commands.unlinkBlob({ ...change, repository: app, digest: digest("layer") }),
    { outcome: "referenced", by: digest("image") },
  ],
  [
    (db) => db.manifests.referrers(app, digest("image"), { limit: 5, artifactTypes: [] }),
    [
      {
        digest: digest("signature"),
        mediaType: "type/manifest",
        sizeBytes: 9,
        artifactType: "type/signature",
        annotations: '{"a":"b"}',
      },
    ],
  ],
  [
    (db) =>
      db.manifests.referrers(app, digest("image"), {
        last: "",
        limit: 5,
        artifactTypes: ["type/other"],
      }),
    [],
  ],
  [
    (db) =>
      db.commands.leaseManifest({ repository: app, digest: digest("image"), leasedUntilMs: 4_000 }),
    true,
  ],
  [
    (db) => db.facts.manifests.get(app, parseReference("1")),
    {
      digest: digest("image"),
      mediaType: "type/manifest",
      content: Buffer.from("image"),
      leasedUntilMs: 4000,
    },
  ],
  [
    (db) => db.facts.manifests.get(app, parseReference(digest("second"))),
    {
      digest: digest("second"),
      mediaType: "type/manifest",
      content: Buffer.from("second"),
      leasedUntilMs: 0,
    },
  ],
  [(db) => db.facts.manifests.get(app, parseReference("2")), undefined],
  [(db) => db.tags.list(app, { last: "0", limit: 1 }), { items: ["1"], more: true }],
  [(db) => db.tags.list(named("team/none"), { limit: 1 }), undefined],
  [
    (db) => db.tagHistory.list({ id: ids.app, name: app }, tag("latest"), { skip: 0, limit: 1 }),
    [
      {
        ...{ id: 3, digest: digest("second"), actor: "admin", changedAtMs: 1000 },
        ...{ manifestId: 2, isRollback: false, tokenLabel: null },
      },
    ],
  ],
  [(db) => db.tagHistory.count(ids.app, tag("latest")), 2],
  [
    (db) =>
      db.commands.rollBackTag({
        ...change,
        dueAtMs: 2_000,
        repository: app,
        tag: tag("latest"),
        digest: undefined,
      }),
    { outcome: "done", digest: digest("image") },
  ],
  [
    (db) => db.tagHistory.list({ id: ids.app, name: app }, tag("latest"), { skip: 0, limit: 2 }),
    [
      {
        ...{ id: 4, digest: digest("image"), actor: "admin", changedAtMs: 1000 },
        ...{ manifestId: 1, isRollback: true, tokenLabel: null },
      },
      {
        ...{ id: 3, digest: digest("second"), actor: "admin", changedAtMs: 1000 },
        ...{ manifestId: 2, isRollback: false, tokenLabel: null },
      },
    ],
  ],
  [
    (db) =>
      db.commands.rollBackTag({
        ...change,
        dueAtMs: 2_000,
        repository: app,
        tag: tag("latest"),
        digest: digest("missing"),
      }),
    { outcome: "no such past" },
  ],
  [(db) => db.commands.setImmutableTags({ ...change, repository: app, patterns: ["1"] }), true],
  [
    (db) =>
      db.commands.deleteTags({ ...change, dueAtMs: 2_000, repository: app, tags: [tag("none")] }),
    { deleted: [], immutable: [] },
  ],
  [
    (db) => db.commands.deleteTag({ ...change, dueAtMs: 2_000, repository: app, tag: tag("1") }),
    { rejected: "immutable", tag: "1" },
  ],
  [
    (db) =>
      db.commands.deleteTag({ ...change, dueAtMs: 2_000, repository: app, tag: tag("latest") }),
    true,
  ],
  [
    (db) =>
      db.commands.deleteManifest({
        ...change,
        dueAtMs: 2_000,
        repository: app,
        digest: digest("image"),
      }),
    { rejected: "immutable", tag: "1" },
  ],
  [(db) => db.commands.setImmutableTags({ ...change, repository: app, patterns: null }), true],
];
