import type { HubPolicy, RepositoryPermissions } from "../auth/hub-policy.ts";
import type { Session } from "../auth/sessions.ts";
import type { Actor } from "../database/events/audit.ts";
import type { Database } from "../database/database.ts";
import type { RepositoryDetails } from "../database/catalog/repository-details.ts";
import type { RepositoryCursorPosition } from "../database/catalog/repository-pages.ts";
import { OciError } from "../oci/errors.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { Listing, NumberedPage } from "../oci/page.ts";
import type { PullCounts } from "./pull-counters.ts";
import { contentTypeOf, type ContentType } from "./content-type.ts";
import { groupedBy } from "./images.ts";
import { createKeysetCursors, cutFrom } from "./keyset-cursors.ts";

/** A repository in a list. */
export interface ListedRepository extends RepositoryDetails {
  readonly pulls: number;
  readonly mediaTypes: readonly string[];
  readonly contentTypes: readonly ContentType[];
}

/** A repository on its own page. */
export interface RepositoryWithPermissions extends ListedRepository {
  readonly permissions: RepositoryPermissions;
  readonly collaborators: number;
  readonly isStarred: boolean;
}

export type RepositoryOrdering = "name" | "last_updated" | "pull_count";

export interface RepositoryList {
  readonly namespace: string;
  readonly page: number;
  readonly size: number;
  readonly search?: string | undefined;
  readonly ordering: RepositoryOrdering;
  readonly descending: boolean;
}

/** A substring search scans all names. Up to 1,000 matches are read at once, so that the count needs no second scan. */
const foundAtOnce = 1_000;
const isSamePosition = (a: RepositoryCursorPosition, b: RepositoryCursorPosition): boolean =>
  a.name === b.name && a.updatedAtMs === b.updatedAtMs && a.pullBucket === b.pullBucket;

const orders = { name: "name", last_updated: "updated", pull_count: "pulls" } as const;

export type HubRepositories = ReturnType<typeof createHubRepositories>;

/**
 * The pull counters are in another database. Up to 1,000 repositories are sorted exactly. Above 1,000 the order by
 * pulls is approximate (±19 %): by pull bucket (`pullBucketOf`), and exact within a page.
 */
const countedAtMost = 1_000;

export function createHubRepositories(parts: {
  readonly database: Database;
  readonly policy: HubPolicy;
  readonly counts: PullCounts;
  readonly clock: () => number;
}) {
  const { database, policy, counts, clock } = parts;
  const cursors = createKeysetCursors<RepositoryCursorPosition>(clock);
  const rankSoon = createStarRanking(database);

  /** Returns the repositories in the order of `names`, without deleted ones. */
  const describe = async (
    names: readonly RepositoryName[],
    fullTexts = false,
  ): Promise<readonly ListedRepository[]> => {
    const found = await database.repositoryDetails.find(names, { fullTexts });
    const kinds = await database.repositoryDetails.kinds(found.map(({ id }) => id));
    const kindsOf = groupedBy(kinds, ({ repositoryId }) => repositoryId);
    const counted = counts.of(found);
    const byName = new Map(found.map((details) => [details.name, details]));
    return names.flatMap((name) => {
      const details = byName.get(name);
      if (details === undefined) return [];
      const own = kindsOf.get(details.id) ?? [];
      return [
        Object.assign(details, {
          pulls: counted.get(name)?.pulls ?? 0,
          mediaTypes: [...new Set(own.map(({ mediaType }) => mediaType))].toSorted(),
          contentTypes: [...new Set(own.map(contentTypeOf))].toSorted(),
        }),
      ];
    });
  };

  const mostPulled = (descending: boolean) => {
    const way = descending ? -1 : 1;
    return (a: { readonly pulls: number }, b: { readonly pulls: number }) =>
      way * (a.pulls - b.pulls);
  };
  const byPulls = async (
    { page, size, descending }: RepositoryList,
    request: Parameters<Database["repositoryPages"]["list"]>[0],
  ): Promise<readonly RepositoryName[]> => {
    const all = { order: "name", descending: false, skip: 0, limit: countedAtMost } as const;
    const positions = await database.repositoryPages.list({ ...request, ...all });
    const names = positions.map(({ name }) => name);
    const counted = counts.of(await database.repositories.registrations(names));
    return names
      .map((name) => ({ name, pulls: counted.get(name)?.pulls ?? 0 }))
      .toSorted(mostPulled(descending))
      .slice((page - 1) * size, page * size)
      .map(({ name }) => name);
  };

  return {
    /**
     * Lists the repositories of a namespace that are visible to the session. An unknown namespace has an empty list.
     */
    async list(
      session: Session | undefined,
      list: RepositoryList,
    ): Promise<Listing<ListedRepository>> {
      const { namespace, page, size, search, ordering, descending } = list;
      const view = await policy.viewOf(session, namespace);
      const order = orders[ordering];
      const few = search
        ? await database.repositoryPages.list({
            ...{ namespace, view, search, order, descending, skip: 0, limit: foundAtOnce + 1 },
          })
        : undefined;
      const isAll = few !== undefined && few.length <= foundAtOnce;
      const count = isAll
        ? few.length
        : await database.repositoryPages.count({ namespace, view, search });
      if ((page - 1) * size >= count) return { count, items: [] };
      const base = { namespace, view, search, order, descending, skip: 0, limit: size } as const;
      if (order === "pulls" && count <= countedAtMost)
        return { count, items: await describe(await byPulls(list, base)) };
      const key = JSON.stringify([view, namespace, search, order, descending]);
      const begin = cursors.begin(key, page, size);
      const positions =
        (isAll ? cutFrom(few, begin, size, isSamePosition) : undefined) ??
        (await database.repositoryPages.list({ ...base, ...begin }));
      cursors.end(key, page, size, positions.at(-1));
      const items = await describe(positions.map(({ name }) => name));
      return { count, items: order === "pulls" ? items.toSorted(mostPulled(descending)) : items };
    },

    /** Throws NAME_UNKNOWN if the repository was deleted meanwhile. The caller must check the permission. */
    async get(
      session: Session | undefined,
      name: RepositoryName,
    ): Promise<RepositoryWithPermissions> {
      const [shown] = await describe([name], true);
      if (shown === undefined) throw new OciError("NAME_UNKNOWN");
      const { principal } = session ?? {};
      return {
        ...shown,
        permissions: await policy.repositoryPermissions(session, name),
        collaborators: await database.repositoryDetails.collaborators(shown.id),
        isStarred:
          principal?.kind === "user" && (await database.stars.has(principal.accountId, shown.id)),
      };
    },

    /** Lists the repositories that a user has starred and that are visible to the session. */
    async starred(
      session: Session | undefined,
      userId: number,
      { page, size }: NumberedPage,
    ): Promise<Listing<ListedRepository>> {
      const names = await database.stars.of(userId);
      const seen = await policy.visible(session, names);
      const visible = names.filter((name) => seen.has(name));
      const items = await describe(visible.slice((page - 1) * size, page * size));
      return { count: visible.length, items };
    },

    /** Sets the descriptions. Throws NAME_UNKNOWN if the repository does not exist. */
    async describe(
      actor: Actor,
      repository: RepositoryName,
      texts: { readonly short?: string | undefined; readonly full?: string | undefined },
    ): Promise<void> {
      const set = { actor, repository, ...texts, nowMs: clock() };
      if (!(await database.run("setDescription", set))) throw new OciError("NAME_UNKNOWN");
    },

    /** Returns `false` if the user has too many stars. The search order follows within seconds. */
    async star(actor: Actor, repository: RepositoryName): Promise<boolean> {
      const isDone = await database.run("star", { actor, repository, nowMs: clock() });
      rankSoon();
      return isDone;
    },
    async unstar(actor: Actor, repository: RepositoryName): Promise<void> {
      await database.run("unstar", { actor, repository, nowMs: clock() });
      rankSoon();
    },

    /** The teams that have a permission on a repository. */
    async teams(repository: RepositoryName) {
      const found = await database.repositories.find(repository);
      return found === undefined ? [] : database.teamGrants.ofRepository(found.id);
    },
  };
}

/** 10 search documents are rewritten per second, because a user may give 5,000 stars in a row. */
const rankedAtOnce = 10;
const rankEveryMs = 1_000;

/**
 * Updates the search rank of repositories after star changes. After a crash, the next star continues the remaining
 * work.
 */
function createStarRanking(database: Pick<Database, "run">): () => void {
  let timer: NodeJS.Timeout | undefined;
  const rank = async (): Promise<void> => {
    const hasMore = await database.run("rankByStars", { limit: rankedAtOnce }, { flush: false });
    if (hasMore) rankSoon();
  };
  const rankSoon = (): void => {
    timer ??= setTimeout(() => {
      timer = undefined;
      // If the database is closed or read-only, the pending rows stay until the next star.
      rank().catch(() => undefined);
    }, rankEveryMs).unref();
  };
  return rankSoon;
}
