import { change } from "../contract/support.ts";
import { findLeak, findLoss, findWrongSum } from "./invariants.ts";
import type { Race, Trial } from "./race.ts";

/* The collector against itself and against pushes. */

const collecting = ({ nowMs }: Trial) => ({
  ...{ nowMs: nowMs + 10, deletingSinceMs: nowMs + 10, dueAtMs: nowMs + 10_000, limit: 1_000 },
});

/** What both collectors have collected of the trial. */
const collectedBy = (results: readonly unknown[], { name }: Trial): number =>
  results
    .flatMap((one) => (one as Awaited<ReturnType<Trial["commands"]["collectBlobs"]>>).collected)
    .filter(({ repository }) => repository.startsWith(`${name}/`)).length;

export const collectionRaces: readonly Race[] = [
  {
    name: "two collectors find the same links: the quota is released once",
    async prepare(trial) {
      const { commands, blob, name, nowMs, due } = trial;
      for (const layer of ["a", "b", "c"])
        for (const home of ["app", "base"]) await commands.storeBlob(blob(layer, home, due));
      await commands.setQuota({ ...change, nowMs, namespace: name, limitBytes: 1_000 });
      return {
        first: () => commands.collectBlobs(collecting(trial)),
        second: () => commands.collectBlobs(collecting(trial)),
        check: async (results) => {
          const count = collectedBy(results, trial);
          if (count > 6) return `${count} links collected`;
          return (await findWrongSum(trial)) ?? (await findLeak(trial));
        },
      };
    },
  },
  {
    name: "two collectors find the same manifests: the quota is released once",
    async prepare(trial) {
      const { commands, blob, image, name, nowMs, due } = trial;
      await commands.storeBlob(blob("layer", "app"));
      for (const text of ["a", "b", "c"])
        await commands.putManifest(image(text, "app", { layers: ["layer"], ...due }));
      await commands.setQuota({ ...change, nowMs, namespace: name, limitBytes: 1_000 });
      return {
        first: () => commands.collectManifests(collecting(trial)),
        second: () => commands.collectManifests(collecting(trial)),
        check: async (results) => {
          const count = collectedBy(results, trial);
          if (count > 3) return `${count} manifests collected`;
          return await findWrongSum(trial);
        },
      };
    },
  },
  {
    name: "a lease is extended while the collector looks: the link stays",
    async prepare(trial) {
      const { commands, blob, repository, digest, nowMs, database, due } = trial;
      await commands.storeBlob(blob("layer", "app", due));
      const lease = { repository: repository("app"), digest: digest("layer") };
      return {
        first: () => commands.leaseBlob({ ...lease, leasedUntilMs: nowMs + 5_000 }),
        second: () => commands.collectBlobs(collecting(trial)),
        check: async ([isLeased]) => {
          const found = await database.blobs.find(lease.repository, lease.digest);
          return isLeased === true && found === undefined ? "the leased link is gone" : undefined;
        },
      };
    },
  },
  {
    name: "the lease of a manifest is extended while the collector looks: the manifest stays",
    async prepare(trial) {
      const { commands, blob, image, repository, digest, nowMs, rows, due } = trial;
      await commands.storeBlob(blob("other", "app"));
      await commands.putManifest(image("image", "app", due));
      const lease = { repository: repository("app"), digest: digest("image") };
      return {
        first: () => commands.leaseManifest({ ...lease, leasedUntilMs: nowMs + 5_000 }),
        second: () => commands.collectManifests(collecting(trial)),
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
  {
    name: "an image is pushed while the collector unlinks its layer: the image is whole, or rejected",
    async prepare(trial) {
      const { commands, blob, image, due } = trial;
      await commands.storeBlob(blob("layer", "app", due));
      const put = image("image", "app", { layers: ["layer"], tags: ["1"] });
      return {
        first: () => commands.putManifest(put),
        second: () => commands.collectBlobs(collecting(trial)),
        check: async () => (await findLoss(trial)) ?? (await findLeak(trial)),
      };
    },
  },
  {
    name: "a blob is pushed to another repository while the collector unlinks it: no link points at it",
    async prepare(trial) {
      const { commands, blob, due } = trial;
      await commands.storeBlob(blob("layer", "base", due));
      await commands.storeBlob(blob("other", "app"));
      const storageKey = `again ${trial.name}`;
      return {
        first: () => commands.storeBlob(blob("layer", "app", { storageKey })),
        second: () => commands.collectBlobs(collecting(trial)),
        check: async () => (await findLoss(trial)) ?? (await findLeak(trial)),
      };
    },
  },
  {
    name: "a manifest is tagged while the collector finds it untagged: the tag and the manifest are there",
    async prepare(trial) {
      const { commands, blob, image, rows, name, due } = trial;
      await commands.storeBlob(blob("other", "app"));
      await commands.putManifest(image("image", "app", due));
      const tagged = image("image", "app", { tags: ["1"] });
      return {
        first: () => commands.putManifest(tagged),
        second: () => commands.collectManifests(collecting(trial)),
        check: async () => {
          const found = await rows<object>(`
            SELECT tags.name FROM tags JOIN repositories ON repositories.id = tags.repository_id
            JOIN manifests ON manifests.id = tags.manifest_id WHERE repositories.namespace = '${name}'`);
          return found.length === 1 ? undefined : "the pushed tag is gone";
        },
      };
    },
  },
  {
    name: "a blob is pushed while the collector removes its empty repository: the blob is linked",
    async prepare(trial) {
      const { commands, blob, repository, digest, nowMs, database } = trial;
      await commands.storeBlob(blob("first", "app"));
      const deletion = { ...change, nowMs, repository: repository("app"), digest: digest("first") };
      await commands.unlinkBlob(deletion);
      const id = (await database.repositories.find(repository("app")))?.id ?? 0;
      const page = { nowMs, createdBeforeMs: nowMs, afterId: id - 1, limit: 10 };
      return {
        first: () => commands.storeBlob(blob("second", "app")),
        second: () => commands.collectRepositories(page),
        check: async () => {
          const found = await database.blobs.find(repository("app"), digest("second"));
          return found === undefined ? "the pushed blob is not linked" : await findLoss(trial);
        },
      };
    },
  },
];
