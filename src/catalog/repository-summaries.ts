import type { VisibilityFilter } from "../auth/visibility.ts";
import type { Database } from "../database/contract.ts";
import type { RepositoryDetails } from "../database/catalog/repository-details.ts";
import type { FacetValue } from "../database/catalog/search.ts";
import { OciError } from "../oci/errors.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { PullCount, PullCounts } from "./pull-counters.ts";
import { countAtMost } from "./search.ts";

export interface RepositorySummary extends RepositoryDetails {
  readonly count: PullCount | undefined;
  readonly facets: readonly FacetValue[];
}

/** Repositories as Berth's own API shows them: pages after a name. `RepositoryCatalog` serves the Hub-shaped API. */
export type RepositorySummaries = ReturnType<typeof createRepositorySummaries>;

export function createRepositorySummaries(parts: {
  readonly database: Pick<Database, "catalog" | "repositoryDetails" | "search">;
  readonly counts: PullCounts;
}) {
  const { database, counts } = parts;

  const show = async (
    names: readonly RepositoryName[],
    fullTexts: boolean,
  ): Promise<readonly RepositorySummary[]> => {
    const found = await database.repositoryDetails.find(names, { fullTexts });
    const facets = await database.search.facetsOf(found.map(({ id }) => id));
    const counted = await counts.of(found);
    return found.map((details) =>
      Object.assign(details, {
        count: counted.get(details.name),
        facets: facets.get(details.id) ?? [],
      }),
    );
  };

  return {
    /**
     * Lists the visible repositories of all namespaces or of one, sorted by name, after `last`. `total` counts up to
     * 10,000.
     */
    async list(
      visibility: VisibilityFilter,
      page: {
        readonly namespace?: string | undefined;
        readonly last?: string | undefined;
        readonly limit: number;
      },
    ): Promise<{
      readonly items: readonly RepositorySummary[];
      readonly total: number;
      readonly more: boolean;
    }> {
      const { namespace, limit } = page;
      const prefix = namespace === undefined ? "" : `${namespace}/`;
      const begin = [page.last ?? "", prefix].toSorted().at(-1);
      const { items, more } = await database.catalog.list(visibility, { last: begin, limit });
      const names = items.filter((name) => name.startsWith(prefix));
      const none = { words: [], offset: 0, limit: 0 };
      const namespaces = namespace === undefined ? undefined : [namespace];
      const { total } = await database.search.find({
        ...{ visibility, namespaces, ...none, countAtMost },
      });
      const isMore = more && names.length === items.length;
      return { items: await show(names, false), total, more: isMore };
    },

    /** Throws NAME_UNKNOWN if the repository does not exist. The caller must check the permission. */
    async get(name: RepositoryName): Promise<RepositorySummary> {
      const [view] = await show([name], true);
      if (view === undefined) throw new OciError("NAME_UNKNOWN", undefined, { detail: { name } });
      return view;
    },
  };
}
