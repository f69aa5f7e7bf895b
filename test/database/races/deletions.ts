import { change, tag } from "../contract/support.ts";
import { findLeak, findLoss } from "./invariants.ts";
import type { Race } from "./race.ts";

/* Deletions by clients against deletions and pushes. */

export const deletionRaces: readonly Race[] = [
  {
    name: "an image is pushed while its layer is deleted: the layer stays, or the push is rejected",
    async prepare(trial) {
      const { commands, blob, image, repository, digest, nowMs } = trial;
      await commands.storeBlob(blob("layer", "app"));
      const put = image("image", "app", { layers: ["layer"], tags: ["1"] });
      const deletion = { ...change, nowMs, repository: repository("app"), digest: digest("layer") };
      return {
        first: () => commands.putManifest(put),
        second: () => commands.unlinkBlob(deletion),
        check: () => findLoss(trial),
      };
    },
  },
  {
    name: "a known blob is pushed while its last repository deletes it: no link points at a deleting blob",
    async prepare(trial) {
      const { commands, blob, repository, digest, nowMs, database } = trial;
      await commands.storeBlob(blob("other", "app"));
      await commands.storeBlob(blob("layer", "base"));
      const push = blob("layer", "app", { storageKey: `again ${trial.name}` });
      const deletion = {
        ...change,
        nowMs,
        repository: repository("base"),
        digest: digest("layer"),
      };
      return {
        first: () => commands.storeBlob(push),
        second: () => commands.unlinkBlob(deletion),
        check: async ([stored]) => {
          const found = await database.blobs.find(repository("app"), digest("layer"));
          if (found === undefined) return "the pushed blob is not there";
          if ((found.storageKey === push.storageKey) !== (stored === "stored"))
            return `${String(stored)}, but the row has ${found.storageKey}`;
          return await findLoss(trial);
        },
      };
    },
  },
  {
    name: "a blob is mounted while its last repository deletes it: no link points at a deleting blob",
    async prepare(trial) {
      const { commands, blob, repository, digest, nowMs, database } = trial;
      await commands.storeBlob(blob("other", "app"));
      await commands.storeBlob(blob("layer", "base"));
      const { storageKey: _, sizeBytes: __, ...push } = blob("layer", "app");
      const deletion = {
        ...change,
        nowMs,
        repository: repository("base"),
        digest: digest("layer"),
      };
      return {
        first: () => commands.mountBlob({ ...push, from: repository("base") }),
        second: () => commands.unlinkBlob(deletion),
        check: async ([mounted]) => {
          const found = await database.blobs.find(repository("app"), digest("layer"));
          if ((found !== undefined) !== mounted) return `mounted: ${String(mounted)}`;
          return (await findLoss(trial)) ?? (await findLeak(trial));
        },
      };
    },
  },
  {
    name: "the last two links of a blob are deleted: it is marked deleting",
    async prepare(trial) {
      const { commands, blob, repository, digest, nowMs } = trial;
      await commands.storeBlob(blob("layer", "app"));
      await commands.storeBlob(blob("layer", "base"));
      const deletion = { ...change, nowMs, digest: digest("layer") };
      return {
        first: () => commands.unlinkBlob({ ...deletion, repository: repository("app") }),
        second: () => commands.unlinkBlob({ ...deletion, repository: repository("base") }),
        check: () => findLeak(trial),
      };
    },
  },
  {
    name: "two repositories that share blobs are deleted: the blobs are marked deleting",
    async prepare(trial) {
      const { commands, blob, repository, nowMs, rows, name } = trial;
      for (const layer of ["a", "b", "c"])
        for (const home of ["app", "base"]) await commands.storeBlob(blob(layer, home));
      const deletion = { ...change, nowMs };
      return {
        first: () => commands.deleteRepository({ ...deletion, repository: repository("app") }),
        second: () => commands.deleteRepository({ ...deletion, repository: repository("base") }),
        check: async () => {
          const numbers = await rows<{ readonly sequence: number }>(
            `SELECT sequence FROM repository_removals WHERE name LIKE '${name}/%'`,
          );
          if (numbers.length !== 2) return `${numbers.length} removal numbers`;
          return await findLeak(trial);
        },
      };
    },
  },
  {
    name: "a repository is deleted while a blob is pushed to it: nothing is lost, nothing leaks",
    async prepare(trial) {
      const { commands, blob, repository, digest, nowMs, database } = trial;
      await commands.storeBlob(blob("other", "app"));
      await commands.storeBlob(blob("layer", "base"));
      const push = blob("layer", "app", { storageKey: `again ${trial.name}` });
      return {
        first: () => commands.storeBlob(push),
        second: () =>
          commands.deleteRepository({ ...change, nowMs, repository: repository("app") }),
        check: async () => {
          if ((await database.blobs.find(repository("base"), digest("layer"))) === undefined)
            return "the blob of another repository is gone";
          return (await findLoss(trial)) ?? (await findLeak(trial));
        },
      };
    },
  },
  {
    name: "a repository is deleted while an image is pushed to it: the image is whole, or there is none",
    async prepare(trial) {
      const { commands, blob, image, repository, nowMs } = trial;
      await commands.storeBlob(blob("layer", "app"));
      const put = image("image", "app", { layers: ["layer"], tags: ["1"] });
      return {
        first: () => commands.putManifest(put),
        second: () =>
          commands.deleteRepository({ ...change, nowMs, repository: repository("app") }),
        check: async () => (await findLoss(trial)) ?? (await findLeak(trial)),
      };
    },
  },
  {
    name: "a manifest is deleted while its layer is pushed again: its layers are GC candidates",
    async prepare(trial) {
      const { commands, blob, image, repository, digest, nowMs, rows, name } = trial;
      const layers = ["a", "b", "c", "d"];
      for (const layer of layers) await commands.storeBlob(blob(layer, "app"));
      await commands.putManifest(image("one", "app", { layers }));
      await commands.putManifest(image("two", "app", { layers: layers.toReversed() }));
      const deletion = { ...change, nowMs, dueAtMs: nowMs + 1, repository: repository("app") };
      return {
        first: () => commands.deleteManifest({ ...deletion, digest: digest("one") }),
        second: () => commands.storeBlob(blob("c", "app")),
        check: async () => {
          const due = await rows<object>(`
            SELECT 1 FROM blob_reviews JOIN repositories ON repositories.id = blob_reviews.repository_id
            WHERE repositories.namespace = '${name}'`);
          return due.length === layers.length ? undefined : `${due.length} candidates`;
        },
      };
    },
  },
  {
    name: "a tag is rolled back while its earlier manifest is deleted: the tag points at a manifest",
    async prepare(trial) {
      const { commands, image, blob, repository, digest, nowMs, rows } = trial;
      await commands.storeBlob(blob("other", "app"));
      await commands.putManifest(image("old", "app", { tags: ["1"] }));
      await commands.putManifest(image("new", "app", { tags: ["1"] }));
      const at = { ...change, nowMs, dueAtMs: nowMs, repository: repository("app") };
      return {
        first: () => commands.rollBackTag({ ...at, tag: tag("1"), digest: digest("old") }),
        second: () => commands.deleteManifest({ ...at, digest: digest("old") }),
        check: async ([rolledBack]) => {
          const [row] = await rows<{ readonly digest: string | null }>(`
            SELECT manifests.digest AS digest FROM repositories
            LEFT JOIN tags ON tags.repository_id = repositories.id
            LEFT JOIN manifests ON manifests.id = tags.manifest_id
            WHERE repositories.name = '${repository("app")}'`);
          const isDone = (rolledBack as { readonly outcome: string }).outcome === "done";
          const expected = isDone ? null : digest("new");
          return row?.digest === expected ? undefined : `the tag is at ${row?.digest}`;
        },
      };
    },
  },
];
