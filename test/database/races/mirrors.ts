import type { CommandInput } from "../../../src/database/commands.ts";
import { change } from "../contract/support.ts";
import { findLeak, findLoss } from "./invariants.ts";
import type { Race, Trial } from "./race.ts";

/* Mirrors on several processes. */

type Begin = CommandInput<"beginMirrorFetch">;

const roles = (results: readonly unknown[]): readonly string[] =>
  results.map((one) => (one as { readonly role: string }).role);

const oneLeader = (results: readonly unknown[]): string | undefined =>
  roles(results).filter((role) => role === "leader").length === 1
    ? undefined
    : roles(results).join(" and ");

const evict = ({ commands, name, nowMs }: Trial, leaveBytes: number) =>
  commands.evictMirrorBlobs({
    ...{ nowMs, namespace: name, ifOverBytes: leaveBytes, leaveBytes, except: [] },
  });

type Evicted = Awaited<ReturnType<typeof evict>>;

export const mirrorRaces: readonly Race[] = [
  {
    name: "two processes want one blob: one is the leader",
    async prepare({ commands, repository, digest, nowMs }) {
      const begin = (owner: string): Begin => ({
        ...{ repository: repository("app"), reference: digest("layer"), owner, nowMs },
        ...{ storageReference: owner, takesFrom: undefined },
      });
      return {
        first: () => commands.beginMirrorFetch(begin("a")),
        second: () => commands.beginMirrorFetch(begin("b")),
        check: async (results) => oneLeader(results),
      };
    },
  },
  {
    name: "two processes take over the download of a third: one is the leader",
    async prepare({ commands, repository, digest, nowMs }) {
      const begin = (owner: string, takesFrom?: Begin["takesFrom"]): Begin => ({
        ...{ repository: repository("app"), reference: digest("layer"), owner, nowMs },
        ...{ storageReference: owner, takesFrom },
      });
      await commands.beginMirrorFetch(begin("gone"));
      const gone = { owner: "gone", touchedAtMs: nowMs };
      return {
        first: () => commands.beginMirrorFetch(begin("a", gone)),
        second: () => commands.beginMirrorFetch(begin("b", gone)),
        check: async (results) => oneLeader(results),
      };
    },
  },
  {
    name: "two processes evict from one mirror: they evict only what is too much",
    async prepare(trial) {
      const { commands, blob } = trial;
      for (const layer of ["a", "b", "c", "d"]) await commands.storeBlob(blob(layer, "app"));
      return {
        first: () => evict(trial, 120),
        second: () => evict(trial, 120),
        check: async (results) => {
          const { bytes } = await trial.database.mirrorUses.stock(trial.name);
          const evicted = results.flatMap((one) => (one as Evicted).evicted);
          if (bytes !== 120 || evicted.length !== 2)
            return `${bytes} bytes, ${evicted.length} evicted`;
          return await findLeak(trial);
        },
      };
    },
  },
  {
    name: "a blob is pushed to another namespace while its mirror evicts it: the push keeps it",
    async prepare(trial) {
      const { commands, blob, name, repository, digest, nowMs, database } = trial;
      await commands.storeBlob(blob("layer", "app"));
      const other = repository("app").replace(name, `hosted-${name}`) as typeof mirrored;
      const mirrored = repository("app");
      const creation = { ...change, nowMs, repository: other, visibility: "private" } as const;
      await commands.createRepository(creation);
      const storageKey = `again ${name}`;
      return {
        first: () =>
          commands.storeBlob({ ...blob("layer", "app", { storageKey }), repository: other }),
        second: () => evict(trial, 0),
        check: async () => {
          if ((await database.blobs.find(other, digest("layer"))) === undefined)
            return "the pushed blob is not there";
          return (await findLoss(trial)) ?? (await findLeak(trial));
        },
      };
    },
  },
  {
    name: "two processes record the uses of the same blobs: both are recorded, without a deadlock",
    async prepare(trial) {
      const { commands, blob, digest, nowMs, rows, name } = trial;
      const layers = ["a", "b", "c", "d"];
      for (const layer of layers) await commands.storeBlob(blob(layer, "app"));
      const uses = layers.map((layer) => ({ digest: digest(layer), usedAtMs: nowMs }));
      return {
        first: () => commands.useMirrorBlobs({ namespace: name, uses }),
        second: () => commands.useMirrorBlobs({ namespace: name, uses: uses.toReversed() }),
        check: async () => {
          const used = await rows<object>(
            `SELECT blob_id FROM mirror_uses WHERE namespace = '${name}'`,
          );
          return used.length === layers.length ? undefined : `${used.length} uses`;
        },
      };
    },
  },
  {
    name: "two processes add to the same counters: both are counted, without a deadlock",
    async prepare({ commands, name, database }) {
      const add = (counts: Readonly<Record<string, number>>) =>
        commands.addMirrorCounters({ namespace: name, counts });
      return {
        first: () => add({ a: 1, b: 1, c: 1 }),
        second: () => add({ c: 1, b: 1, a: 1 }),
        check: async () => {
          const { a, b, c } = (await database.mirrors.counters()).get(name) ?? {};
          return a === 2 && b === 2 && c === 2 ? undefined : `${a} ${b} ${c}`;
        },
      };
    },
  },
  {
    name: "two processes rank the same repositories: without a deadlock",
    async prepare({ commands, repository, nowMs, database }) {
      const ids: number[] = [];
      for (const name of ["a", "b", "c"]) {
        const creation = {
          ...change,
          nowMs,
          repository: repository(name),
          visibility: "private",
        } as const;
        await commands.createRepository(creation);
        ids.push((await database.repositories.find(repository(name)))?.id ?? 0);
      }
      const ranks = ids.map((repositoryId) => ({ repositoryId, pullBucket: 5 }));
      return {
        first: () => commands.rankRepositories({ ranks }),
        second: () => commands.rankRepositories({ ranks: ranks.toReversed() }),
        check: async () => undefined,
      };
    },
  },
];
