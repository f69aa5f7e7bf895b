import { parseTag } from "../../../src/oci/reference.ts";
import { admin, change } from "../contract/support.ts";
import type { Race, Trial } from "./race.ts";

/* Retention against pushes and changes of its rules. */

const rule = {
  ...{ tags: null, except: null, semver: null, keepAll: false, keepNewest: 1 },
  ...{ keepSigned: false, keepPushedDays: null, keepPulledDays: null },
};
const policy = { rules: [rule], untaggedDays: 1 };

/** Sets a policy, and returns what a plan has seen of the repository. */
async function planned({ commands, database, repository, nowMs }: Trial) {
  const app = repository("app");
  await commands.setRetention({ ...change, nowMs, scope: app, policy });
  const [stored, home] = [
    await database.retentionPolicies.find(app),
    await database.retention.repository(app),
  ];
  if (stored === undefined || home === undefined) throw new Error("there is no repository");
  const { id, updatedAtMs, tagCount } = home;
  const expiry = { actor: admin, nowMs: nowMs + 10, dueAtMs: nowMs + 1e12, repository: app };
  return { expiry: { ...expiry, policy: stored }, seen: { id, updatedAtMs, tagCount } };
}

const countTags = async ({ rows, name }: Trial): Promise<number> => {
  const found = await rows<object>(`SELECT tags.name FROM tags
    JOIN repositories ON repositories.id = tags.repository_id
    JOIN manifests ON manifests.id = tags.manifest_id WHERE repositories.namespace = '${name}'`);
  return found.length;
};

/** Pushes a manifest without a tag. The result deletes it by retention. */
async function expireImage(trial: Trial): Promise<() => Promise<unknown>> {
  const { commands, blob, image, nowMs, rows, due, digest } = trial;
  await commands.storeBlob(blob("other", "app"));
  await commands.putManifest(image("image", "app", due));
  const { expiry, seen } = await planned(trial);
  const [manifest] = await rows<{ readonly id: number }>(
    `SELECT id FROM manifests WHERE digest = '${digest("image")}'`,
  );
  const ids = { repositoryId: seen.id, manifestIds: [manifest?.id ?? 0] };
  return () => commands.expireManifests({ ...expiry, ...ids, dueBeforeMs: nowMs + 10 });
}

export const retentionRaces: readonly Race[] = [
  {
    name: "a tag is pushed again while retention deletes it: the pushed tag is there",
    async prepare(trial) {
      const { commands, blob, image, nowMs } = trial;
      await commands.storeBlob(blob("layer", "app"));
      const put = image("image", "app", { layers: ["layer"], tags: ["1"] });
      await commands.putManifest(put);
      const { expiry, seen } = await planned(trial);
      const tags = [{ name: parseTag("1"), updatedAtMs: nowMs }];
      return {
        first: () => commands.putManifest({ ...put, nowMs: nowMs + 20 }),
        second: () => commands.expireTags({ ...expiry, seen, tags }),
        check: async () => ((await countTags(trial)) === 1 ? undefined : "the pushed tag is gone"),
      };
    },
  },
  {
    name: "a newer tag is deleted while retention deletes an older one: one of the two stays",
    async prepare(trial) {
      const { commands, blob, image, nowMs, repository } = trial;
      await commands.storeBlob(blob("layer", "app"));
      await commands.putManifest(image("image", "app", { layers: ["layer"], tags: ["1", "2"] }));
      const { expiry, seen } = await planned(trial);
      const tags = [{ name: parseTag("1"), updatedAtMs: nowMs }];
      const deletion = { ...change, nowMs: nowMs + 20, dueAtMs: nowMs + 1e12 };
      return {
        first: () =>
          commands.deleteTag({ ...deletion, repository: repository("app"), tag: parseTag("2") }),
        second: () => commands.expireTags({ ...expiry, seen, tags }),
        check: async ([, expired]) => {
          const count = await countTags(trial);
          // After the deletion, tag 1 is the newest: the plan is not valid any more.
          return count === (expired === "changed" ? 1 : 0) ? undefined : `${count} tags are left`;
        },
      };
    },
  },
  {
    name: "a manifest is tagged while retention finds it untagged: the tag and the manifest are there",
    async prepare(trial) {
      const expire = await expireImage(trial);
      const { commands, image, nowMs } = trial;
      const tagged = { ...image("image", "app", { tags: ["1"] }), nowMs: nowMs + 20 };
      return {
        first: () => commands.putManifest(tagged),
        second: expire,
        check: async () => ((await countTags(trial)) === 1 ? undefined : "the pushed tag is gone"),
      };
    },
  },
  {
    name: "the lease of a manifest is extended while retention deletes it: the manifest stays",
    async prepare(trial) {
      const expire = await expireImage(trial);
      const { commands, repository, digest, nowMs, rows } = trial;
      const lease = { repository: repository("app"), digest: digest("image") };
      return {
        first: () => commands.leaseManifest({ ...lease, leasedUntilMs: nowMs + 5_000 }),
        second: expire,
        check: async ([isLeased]) => {
          const found = await rows<object>(
            `SELECT id FROM manifests WHERE digest = '${lease.digest}'`,
          );
          return isLeased === true && found.length === 0
            ? "the leased manifest is gone"
            : undefined;
        },
      };
    },
  },
];
