import type { Database as SqliteConnection } from "better-sqlite3";
import type { RepositoryName } from "../../oci/name.ts";
import type { Freshness } from "./freshness.ts";

/** What the policy asks of a repository on every request, whether there is one or not. */
export interface RepositoryFacts {
  readonly isThere: boolean;
  readonly isPublic: boolean;
  /** Number of the last removal of a repository of this name; 0 if there was none. */
  readonly removal: number;
}

export interface HotRepositories {
  /** At once, and without a query while the database has not changed. */
  factsOf(name: RepositoryName): RepositoryFacts;
}

const namesAtMost = 10_000;

export function createHotRepositories(
  connection: SqliteConnection,
  freshness: Freshness,
): HotRepositories {
  const statement = connection.prepare(
    `SELECT (SELECT visibility = 'public' FROM repositories WHERE name = ?) AS isPublic,
            (SELECT sequence FROM repository_removals WHERE name = ?) AS removal`,
  );
  const held = new Map<RepositoryName, RepositoryFacts>();
  let known: unknown;

  return {
    factsOf(name) {
      const version = freshness.version();
      if (version !== known || held.size >= namesAtMost) held.clear();
      known = version;
      const facts = held.get(name);
      if (facts !== undefined) return facts;
      const row = statement.get(name, name) as { isPublic: 0 | 1 | null; removal: number | null };
      const { isPublic, removal } = row;
      const found = {
        isThere: isPublic !== null,
        isPublic: isPublic === 1,
        removal: removal ?? 0,
      };
      held.set(name, found);
      return found;
    },
  };
}
