import { isRejection } from "../../../src/database/rejections.ts";
import { change } from "../contract/support.ts";
import type { Race, Trial } from "./race.ts";

/* Pushes against pushes. */

type Stored = Awaited<ReturnType<Trial["commands"]["storeBlob"]>>;

export const pushRaces: readonly Race[] = [
  {
    name: "a new digest is pushed twice: one push stores it, and the row has the bytes of that push",
    async prepare(trial) {
      const { commands, rows, blob } = trial;
      await commands.storeBlob(blob("other", "app"));
      const push = (key: string) =>
        commands.storeBlob(blob("new", "app", { storageKey: `${key} ${trial.name}` }));
      return {
        first: () => push("a"),
        second: () => push("b"),
        check: async ([a, b]) => {
          const outcomes = [a, b] as Stored[];
          if (outcomes.filter((one) => one === "stored").length !== 1)
            return `${String(a)} and ${String(b)}`;
          const [row] = await rows<{ readonly key: string }>(
            `SELECT storage_key AS key FROM blobs WHERE digest = '${trial.digest("new")}'`,
          );
          const expected = `${a === "stored" ? "a" : "b"} ${trial.name}`;
          return row?.key === expected ? undefined : `${row?.key} instead of ${expected}`;
        },
      };
    },
  },
  {
    name: "two pushes create one repository",
    async prepare({ commands, blob, rows, name }) {
      return {
        first: () => commands.storeBlob(blob("a", "app")),
        second: () => commands.storeBlob(blob("b", "app")),
        check: async (results) => {
          const found = await rows<object>(
            `SELECT id FROM repositories WHERE namespace = '${name}'`,
          );
          const isRight = found.length === 1 && results.every((one) => one === "stored");
          return isRight ? undefined : `${found.length} repositories, ${String(results)}`;
        },
      };
    },
  },
  {
    name: "a missing blob is pushed twice: its row has the bytes of the push that stored it",
    async prepare(trial) {
      const { commands, blob, rows, digest } = trial;
      const lost = blob("lost", "app");
      await commands.storeBlob(lost);
      await commands.quarantineBlob({ storageKey: lost.storageKey });
      const push = (key: string) =>
        commands.storeBlob(blob("lost", "app", { storageKey: `${key} ${trial.name}` }));
      return {
        first: () => push("a"),
        second: () => push("b"),
        check: async ([a, b]) => {
          const [row] = await rows<{ readonly key: string; readonly state: string }>(
            `SELECT storage_key AS key, state FROM blobs WHERE digest = '${digest("lost")}'`,
          );
          const winner = a === "stored" ? "a" : "b";
          if ([a, b].filter((one) => one === "stored").length !== 1)
            return `${String(a)} and ${String(b)}`;
          return row?.state === "live" && row.key === `${winner} ${trial.name}`
            ? undefined
            : `${row?.state} ${row?.key}`;
        },
      };
    },
  },
  {
    name: "a new tag of an immutable repository is pushed twice: it never moves",
    async prepare({ commands, image, repository, nowMs, rows, digest, blob }) {
      await commands.storeBlob(blob("other", "app"));
      const home = repository("app");
      await commands.setImmutableTags({ ...change, nowMs, repository: home, patterns: [] });
      return {
        first: () => commands.putManifest(image("a", "app", { tags: ["1"] })),
        second: () => commands.putManifest(image("b", "app", { tags: ["1"] })),
        check: async ([a, b]) => {
          if ([a, b].filter(isRejection).length !== 1) return "both pushes are stored";
          const [tagged] = await rows<{ readonly digest: string }>(`
            SELECT manifests.digest AS digest FROM tags JOIN manifests ON manifests.id = tags.manifest_id
            JOIN repositories ON repositories.id = tags.repository_id WHERE repositories.name = '${home}'`);
          const expected = digest(isRejection(a) ? "b" : "a");
          return tagged?.digest === expected ? undefined : `the tag is at ${tagged?.digest}`;
        },
      };
    },
  },
  {
    name: "a tag is pushed twice: the manifest that lost it is a GC candidate",
    async prepare({ commands, image, blob, rows, name }) {
      await commands.storeBlob(blob("other", "app"));
      return {
        first: () => commands.putManifest(image("a", "app", { tags: ["1"] })),
        second: () => commands.putManifest(image("b", "app", { tags: ["1"] })),
        check: async () => {
          const lost = await rows<object>(`
            SELECT manifests.id FROM manifests JOIN repositories ON repositories.id = manifests.repository_id
            WHERE repositories.namespace = '${name}'
              AND NOT EXISTS (SELECT 1 FROM tags WHERE tags.manifest_id = manifests.id)
              AND NOT EXISTS (SELECT 1 FROM manifest_reviews WHERE manifest_reviews.manifest_id = manifests.id)`);
          return lost.length === 0 ? undefined : "the untagged manifest is no candidate";
        },
      };
    },
  },
];
