import type { RepositoryName } from "../../oci/name.ts";
import type { Tag } from "../../oci/reference.ts";
import type { CountRow, CountsStore } from "../counts.ts";
import { openCountsConnection } from "./counts-connection.ts";
import { createFreshness } from "./freshness.ts";
import { createCountsWriter } from "./counts-writer.ts";

const columns =
  "pulls, pushes, last_pulled_at AS lastPulledAtMs, last_pushed_at AS lastPushedAtMs, registered_at AS registeredAtMs";

type Row = CountRow & { readonly registeredAtMs: number };

/** Reads on a connection of its own, writes in a thread that starts with the first of them. */
export function openCounts(file: string, mainFile: string): CountsStore {
  const connection = openCountsConnection(file);
  connection.pragma("query_only = ON");
  const byName = connection.prepare<[RepositoryName], Row>(
    `SELECT ${columns} FROM repository_counts WHERE repository = ?`,
  );
  const byTag = connection.prepare<[RepositoryName, Tag], Row>(
    `SELECT ${columns} FROM tag_counts WHERE repository = ? AND tag = ?`,
  );
  const writer = createCountsWriter({ file, mainFile });

  const freshness = createFreshness(connection);

  return {
    version: () => freshness.version(),
    add: (counted) => writer.add(counted),
    of(repositories) {
      const found = new Map<RepositoryName, CountRow>();
      for (const { name, registeredAtMs } of repositories) {
        const row = byName.get(name);
        if (row?.registeredAtMs === registeredAtMs) found.set(name, row);
      }
      return found;
    },
    ofTags({ name, registeredAtMs }, tags) {
      const found = new Map<Tag, CountRow>();
      for (const tag of tags) {
        const row = byTag.get(name, tag);
        if (row?.registeredAtMs === registeredAtMs) found.set(tag, row);
      }
      return found;
    },
    async close() {
      await writer.close();
      connection.close();
    },
  };
}
