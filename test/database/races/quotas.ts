import { isRejection } from "../../../src/database/rejections.ts";
import { change, rules } from "../contract/support.ts";
import { findWrongSum } from "./invariants.ts";
import type { Race, Trial } from "./race.ts";

/* Changes of what a quota counts. */

const set = ({ name, nowMs }: Trial, limitBytes: number) => ({
  ...{ ...change, nowMs, namespace: name, limitBytes },
});

export const quotaRaces: readonly Race[] = [
  {
    name: "two blobs are pushed of which the quota has room for one: one is rejected",
    async prepare(trial) {
      const { commands, blob } = trial;
      await commands.storeBlob(blob("other", "app", { sizeBytes: 1 }));
      await commands.setQuota(set(trial, 101));
      return {
        first: () => commands.storeBlob(blob("a", "app")),
        second: () => commands.storeBlob(blob("b", "base")),
        check: async (results) =>
          results.filter(isRejection).length === 1 ? await findWrongSum(trial) : String(results),
      };
    },
  },
  {
    name: "a blob is pushed to two repositories of a namespace: the quota counts it once",
    async prepare(trial) {
      const { commands, blob } = trial;
      for (const home of ["app", "base"]) await commands.storeBlob(blob(home, home));
      await commands.setQuota(set(trial, 1_000));
      return {
        first: () => commands.storeBlob(blob("layer", "app")),
        second: () => commands.storeBlob(blob("layer", "base")),
        check: () => findWrongSum(trial),
      };
    },
  },
  {
    name: "a manifest and a blob are pushed of which the quota has room for one: one is rejected",
    async prepare(trial) {
      const { commands, blob, image } = trial;
      await commands.storeBlob(blob("other", "app", { sizeBytes: 1 }));
      const put = image("image", "app", {});
      await commands.setQuota(set(trial, put.manifest.size_bytes + 30));
      return {
        first: () => commands.putManifest(put),
        second: () => commands.storeBlob(blob("layer", "app")),
        check: () => findWrongSum(trial),
      };
    },
  },
  {
    name: "a quota is set while a blob is pushed: the row counts the blob",
    async prepare(trial) {
      const { commands, blob } = trial;
      await commands.storeBlob(blob("other", "app"));
      return {
        first: () => commands.setQuota(set(trial, 1_000)),
        second: () => commands.storeBlob(blob("layer", "app")),
        check: () => findWrongSum(trial),
      };
    },
  },
  {
    name: "a quota is set while a push creates a repository: the row counts the blob",
    async prepare(trial) {
      const { commands, blob } = trial;
      return {
        first: () => commands.setQuota(set(trial, 1_000)),
        second: () => commands.storeBlob(blob("layer", "app")),
        check: () => findWrongSum(trial),
      };
    },
  },
  {
    name: "a quota is set while a blob is deleted: the row does not count the blob",
    async prepare(trial) {
      const { commands, blob, repository, digest, nowMs } = trial;
      await commands.storeBlob(blob("layer", "app"));
      await commands.storeBlob(blob("other", "app"));
      const deletion = { ...change, nowMs, repository: repository("app"), digest: digest("layer") };
      return {
        first: () => commands.setQuota(set(trial, 1_000)),
        second: () => commands.unlinkBlob(deletion),
        check: () => findWrongSum(trial),
      };
    },
  },
  {
    name: "the first two pushes to a namespace with a default quota: the row counts both",
    async prepare(trial) {
      const { commands, blob } = trial;
      const limited = { rules: { ...rules, defaultQuotaBytes: 1_000 } };
      return {
        first: () => commands.storeBlob(blob("a", "app", limited)),
        second: () => commands.storeBlob(blob("b", "base", limited)),
        check: () => findWrongSum(trial),
      };
    },
  },
  {
    name: "a quota is counted again while a blob is pushed: the row counts the blob once",
    async prepare(trial) {
      const { commands, blob, name } = trial;
      await commands.storeBlob(blob("other", "app"));
      await commands.setQuota(set(trial, 1_000));
      return {
        first: () => commands.recountQuota({ namespace: name }),
        second: () => commands.storeBlob(blob("layer", "app")),
        check: () => findWrongSum(trial),
      };
    },
  },
  {
    name: "a repository is deleted while a blob is pushed to another one of the namespace: the sum is right",
    async prepare(trial) {
      const { commands, blob, repository, nowMs } = trial;
      for (const home of ["app", "base"]) await commands.storeBlob(blob("layer", home));
      await commands.setQuota(set(trial, 1_000));
      return {
        first: () => commands.deleteRepository({ ...change, nowMs, repository: repository("app") }),
        second: () => commands.storeBlob(blob("new", "base")),
        check: () => findWrongSum(trial),
      };
    },
  },
  {
    name: "a manifest and a blob are pushed to one repository: the row counts both, without a deadlock",
    async prepare(trial) {
      const { commands, blob, image } = trial;
      await commands.storeBlob(blob("other", "app"));
      await commands.setQuota(set(trial, 1_000));
      return {
        first: () => commands.putManifest(image("image", "app", {})),
        second: () => commands.storeBlob(blob("layer", "app")),
        check: () => findWrongSum(trial),
      };
    },
  },
  {
    name: "a blob is deleted while another one is pushed: the row counts one, without a deadlock",
    async prepare(trial) {
      const { commands, blob, repository, digest, nowMs } = trial;
      for (const text of ["layer", "other"]) await commands.storeBlob(blob(text, "app"));
      await commands.setQuota(set(trial, 1_000));
      const deletion = { ...change, nowMs, repository: repository("app"), digest: digest("layer") };
      return {
        first: () => commands.unlinkBlob(deletion),
        second: () => commands.storeBlob(blob("new", "app")),
        check: () => findWrongSum(trial),
      };
    },
  },
  {
    name: "a mirror evicts a blob while it stores another one: the row counts one, without a deadlock",
    async prepare(trial) {
      const { commands, blob, name, nowMs } = trial;
      for (const text of ["layer", "other"]) await commands.storeBlob(blob(text, "app"));
      await commands.setQuota(set(trial, 1_000));
      const eviction = { namespace: name, nowMs, ifOverBytes: 60, leaveBytes: 60, except: [] };
      return {
        first: () => commands.evictMirrorBlobs(eviction),
        second: () => commands.storeBlob(blob("new", "app")),
        check: () => findWrongSum(trial),
      };
    },
  },
  {
    name: "two uploads reserve what the quota has room for once: together they get the quota",
    async prepare(trial) {
      const { commands, blob, repository, rows, name, nowMs } = trial;
      await commands.storeBlob(blob("other", "app", { sizeBytes: 1 }));
      await commands.setQuota(set(trial, 101));
      const reserve = (id: string) =>
        commands.reserveUpload({
          ...{ id: `${id} ${name}`, repository: repository("app"), digest: undefined },
          ...{ sizeBytes: 60, atLeastBytes: 60, defaultBytes: null, nowMs },
        });
      for (const id of ["a", "b"])
        await commands.startUpload({
          ...{ id: `${id} ${name}`, repository: repository("app"), storage_reference: id },
          ...{ started_at: nowMs, touched_at: nowMs, account_id: null },
        });
      return {
        first: () => reserve("a"),
        second: () => reserve("b"),
        check: async () => {
          const [{ bytes } = { bytes: 0 }] = await rows<{ readonly bytes: number }>(
            `SELECT sum(reserved_bytes) AS bytes FROM uploads WHERE repository LIKE '${name}/%'`,
          );
          return bytes <= 100 ? undefined : `${bytes} bytes are reserved`;
        },
      };
    },
  },
  {
    name: "an upload is closed while another one reserves: together they stay below the quota",
    async prepare(trial) {
      const { commands, blob, repository, rows, name, nowMs } = trial;
      await commands.storeBlob(blob("other", "app", { sizeBytes: 1 }));
      await commands.setQuota(set(trial, 101));
      const id = `upload ${name}`;
      await commands.startUpload({
        ...{ id, repository: repository("app"), storage_reference: id },
        ...{ started_at: nowMs, touched_at: nowMs, account_id: null },
      });
      return {
        first: () => commands.storeBlob(blob("layer", "app")),
        second: () =>
          commands.reserveUpload({
            ...{ id, repository: repository("app"), digest: undefined },
            ...{ sizeBytes: 60, atLeastBytes: 60, defaultBytes: null, nowMs },
          }),
        check: async () => {
          const [{ bytes } = { bytes: 0 }] = await rows<{ readonly bytes: number }>(`
            SELECT used_bytes + (SELECT coalesce(sum(reserved_bytes), 0) FROM uploads
              WHERE repository LIKE '${name}/%') AS bytes
            FROM quotas WHERE namespace = '${name}'`);
          return bytes <= 101 ? await findWrongSum(trial) : `${bytes} bytes are used or reserved`;
        },
      };
    },
  },
];
