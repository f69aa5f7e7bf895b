import type { RepositoryName } from "../../oci/name.ts";
import type { Tag } from "../../oci/reference.ts";
import type { PullCounterRow, PullCounterStore } from "../catalog/pull-counters.ts";
import { createCacheInvalidation } from "./caches.ts";
import { openPullCounterConnection } from "./connection.ts";
import { createPullCounterWriter } from "./pull-counter-writer.ts";

const columns =
  "pulls, pushes, last_pulled_at AS lastPulledAtMs, last_pushed_at AS lastPushedAtMs, registered_at AS registeredAtMs";

type Row<Name> = PullCounterRow & { readonly name: Name; readonly registeredAtMs: number };

/** Opens the pull counters. Reads use their own connection; the first write starts a thread for all writes. */
export function openPullCounterStore(file: string, mainFile: string): PullCounterStore {
  const connection = openPullCounterConnection(file);
  connection.pragma("query_only = ON");
  const byName = connection.prepare<[string], Row<RepositoryName>>(
    `SELECT repository AS name, ${columns} FROM repository_counts
     WHERE repository IN (SELECT value FROM json_each(?))`,
  );
  const byTag = connection.prepare<[RepositoryName, string], Row<Tag>>(
    `SELECT tag AS name, ${columns} FROM tag_counts
     WHERE repository = ? AND tag IN (SELECT value FROM json_each(?))`,
  );
  const writer = createPullCounterWriter({ file, mainFile });

  const cacheInvalidation = createCacheInvalidation(connection);

  return {
    version: () => cacheInvalidation.version(),
    add: (counted) => writer.add(counted),
    of(repositories) {
      const times = new Map(repositories.map(({ name, createdAtMs }) => [name, createdAtMs]));
      const rows = byName.all(JSON.stringify([...times.keys()]));
      return new Map(
        rows
          .filter(({ name, registeredAtMs }) => times.get(name) === registeredAtMs)
          .map((row) => [row.name, row]),
      );
    },
    ofTags(repository, tags) {
      const rows = byTag.all(repository.name, JSON.stringify(tags));
      return new Map(
        rows
          .filter(({ registeredAtMs }) => registeredAtMs === repository.createdAtMs)
          .map((row) => [row.name, row]),
      );
    },
    async close() {
      await writer.close();
      connection.close();
    },
  };
}
