import type { StoredRetentionPolicy } from "../../../src/database/maintenance/retention-policies.ts";
import { namespaceOf } from "../../../src/oci/name.ts";
import {
  admin,
  app,
  blob,
  change,
  digest,
  manifest,
  named,
  reference,
  tag,
  type Step,
} from "./support.ts";

const rule = {
  ...{ tags: "v.*", except: null, semver: null, keepAll: false, keepNewest: 1 },
  ...{ keepSigned: false, keepPushedDays: null, keepPulledDays: null },
};
const policy = { rules: [rule], untaggedDays: 7 };
const stored = { changedAtMs: 1_000, changedBy: "admin" };
const ofTeam: StoredRetentionPolicy = { ...policy, ...stored, scope: "team" };
const ofApp: StoredRetentionPolicy = { rules: [], untaggedDays: null, ...stored, scope: app };
const seen = { id: 1, updatedAtMs: 1_000, tagCount: 3 };
const expiry = { ...{ repository: app, actor: admin, nowMs: 1_000, dueAtMs: 2_000 }, seen };
const pushed = (...names: readonly string[]) =>
  names.map((name) => ({ name: tag(name), updatedAtMs: 1_000 }));
const scan = { search: "", last: "", limit: 5, hasManifestIds: false, hasTimes: false };
const wide = { last: "", limit: 10 };
const before = { dueBeforeMs: 2_000, nowMs: 1_000 };

const hook = {
  ...{ ...change, id: "hook", scope: "team", url: "https://example.com/", atMost: 1 },
  ...({ format: "cloudevents", events: ["tag.deleted"], secret: Buffer.from("one") } as const),
  authorization: null,
};

/** Policies, and deletions that notice a change. */
export const retentionSteps: readonly Step[] = [
  [(db) => db.commands.setRetention({ ...change, scope: app, policy }), false],
  [
    (db) => db.commands.createRepository({ ...change, repository: app, visibility: "public" }),
    "created",
  ],
  [(db) => db.commands.setRetention({ ...change, scope: namespaceOf(app), policy }), true],
  [(db) => db.retentionPolicies.find(app), undefined],
  [(db) => db.retentionPolicies.find("team"), ofTeam],
  [(db) => db.retentionPolicies.effective(app), ofTeam],
  [(db) => db.retentionPolicies.effective(named("other/app")), undefined],
  [
    (db) =>
      db.commands.setRetention({
        ...change,
        scope: app,
        policy: { rules: [], untaggedDays: null },
      }),
    true,
  ],
  [(db) => db.retentionPolicies.effective(app), ofApp],
  [(db) => db.retentionPolicies.list({ last: "", limit: 1 }), [ofTeam]],
  [(db) => db.retentionPolicies.list({ last: "team", limit: 5 }), [ofApp]],
  [(db) => db.commands.removeRetention({ ...change, scope: app }), true],
  [(db) => db.commands.removeRetention({ ...change, scope: app }), false],
  [(db) => db.commands.storeBlob(blob("layer")), "stored"],
  // An index with a child, and an image; each has its tags.
  [
    async (db) => {
      const layer = [reference(0, "layer", "layer")];
      await db.commands.putManifest(manifest("child", layer));
      const columns = { kind: "index" } as const;
      const parts = [reference(0, "child", "child")];
      await db.commands.putManifest(manifest("index", parts, { tags: ["v1"], columns }));
      await db.commands.putManifest(manifest("image", layer, { tags: ["v2", "latest"] }));
      return (await db.retention.repository(app))?.tagCount;
    },
    3,
  ],
  [
    (db) => db.retention.repository(app),
    {
      ...{ id: 1, name: app, createdAtMs: 1_000, updatedAtMs: 1_000, tagCount: 3 },
      immutableTags: null,
    },
  ],
  [(db) => db.retention.repository(named("team/none")), undefined],
  [async (db) => (await db.retention.scan(1, scan)).names, ["latest", "v1", "v2"]],
  [
    (db) => db.retention.existing(1, [digest("image"), digest("none")]),
    new Map([[digest("image"), 3]]),
  ],
  [(db) => db.retention.existing(1, []), new Map()],
  [
    (db) => db.retention.history(1, { last: undefined, limit: 2 }),
    {
      digests: [digest("image"), digest("index")],
      next: { name: tag("v1"), id: 1 },
    },
  ],
  [
    (db) => db.retention.history(1, { last: { name: tag("v1"), id: 1 }, limit: 2 }),
    { digests: [digest("image")], next: undefined },
  ],
  [
    (db) => db.retention.history(2, { last: undefined, limit: 2 }),
    { digests: [], next: undefined },
  ],
  [(db) => db.retention.signed([1, 2, 3]), new Set()],
  // A plan of something else deletes nothing.
  ...(
    [
      { seen: { ...seen, tagCount: 2 } },
      { seen: { ...seen, updatedAtMs: 999 } },
      { seen: { ...seen, id: 2 } },
      { repository: named("team/none") },
      { policy: { ...ofTeam, changedAtMs: 999 } },
      { policy: { ...ofTeam, untaggedDays: 8 } },
      { policy: ofApp },
      { tags: pushed("v1", "none") },
      { tags: [{ name: tag("v1"), updatedAtMs: 999 }] },
    ] as const
  ).map((other): Step => [
    (db) => db.commands.expireTags({ ...expiry, policy: ofTeam, tags: pushed("v1"), ...other }),
    "changed",
  ]),
  [(db) => db.commands.setImmutableTags({ ...change, repository: app, patterns: ["v1"] }), true],
  [
    (db) => db.commands.expireTags({ ...expiry, policy: ofTeam, tags: pushed("v1", "v2") }),
    "changed",
  ],
  [(db) => db.commands.setImmutableTags({ ...change, repository: app, patterns: null }), true],
  [(db) => db.commands.createWebhook(hook), "created"],
  [
    (db) => db.commands.expireTags({ ...expiry, policy: ofTeam, tags: pushed("v1", "v2") }),
    { seen: { ...seen, tagCount: 1 }, deleted: 2 },
  ],
  [
    async (db) =>
      (await db.webhookDeliveries.due("hook", 1_000, 10)).map(({ event }) => [
        ...[event.type, event.repository, event.tag, event.previousDigest],
      ]),
    [
      ["tag.deleted", "team/app", "v1", digest("index")],
      ["tag.deleted", "team/app", "v2", digest("image")],
    ],
  ],
  [
    async (db) => (await db.audit.list({ action: "repo.tag.delete", limit: 1 }))[0]?.data,
    { reason: "retention" },
  ],
  // The index is due; its child is due for as long as it was without a tag.
  [
    (db) => db.retention.untagged(1, { ...before, dueBeforeMs: 1_999, ...wide }),
    { found: [], next: undefined },
  ],
  [
    (db) => db.retention.untagged(1, { ...before, ...wide }),
    { found: [{ id: 2, digest: digest("index") }], next: undefined },
  ],
  [
    async (db) => {
      const first = { ...before, last: "", limit: 3 };
      const { next = "none", found } = await db.retention.untagged(1, first);
      return [found.length, await db.retention.untagged(1, { ...first, last: next })];
    },
    [1, { found: [], next: undefined }],
  ],
  [
    async (db) => (await db.retention.over([1, 2, 3], before)).map((one) => one.digest).toSorted(),
    [digest("child"), digest("image"), digest("index")].toSorted(),
  ],
  [(db) => db.retention.over([1], { ...before, dueBeforeMs: 1_000 }), []],
  ...([{ policy: ofApp }, { repositoryId: 2 }, { repository: named("team/none") }] as const).map(
    (other): Step => [
      (db) => {
        const all = { ...expiry, ...before, repositoryId: 1, manifestIds: [1, 2, 3] };
        return db.commands.expireManifests({ ...all, policy: ofTeam, ...other });
      },
      "changed",
    ],
  ),
  ...[["index"], ["child"], []].map((texts): Step => [
    (db) => {
      const all = { ...expiry, ...before, repositoryId: 1, manifestIds: [1, 2, 3] };
      return db.commands.expireManifests({ ...all, policy: ofTeam });
    },
    { deleted: texts.map(digest) },
  ]),
  [async (db) => (await db.audit.list({ action: "repo.manifest.delete", limit: 5 })).length, 2],
  // Rules do not outlive their repository and their namespace.
  [(db) => db.commands.setRetention({ ...change, scope: app, policy }), true],
  [
    async (db) =>
      (await db.commands.deleteRepository({ ...change, repository: app })) !== undefined,
    true,
  ],
  [(db) => db.retentionPolicies.find(app), undefined],
  [(db) => db.commands.removeRetention({ ...change, scope: "team" }), true],
  [
    async (db) => {
      const account = { ...change, name: "team", kind: "organisation" } as const;
      await db.commands.createAccount(account);
      await db.commands.setRetention({ ...change, scope: "team", policy });
      await db.commands.deleteAccount(account);
      return db.retentionPolicies.find("team");
    },
    undefined,
  ],
];
