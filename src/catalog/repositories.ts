import type { HubPolicy, RepositoryPermissions } from "../auth/hub-policy.ts";
import type { Session } from "../auth/sessions.ts";
import type { Actor } from "../database/permissions/authority.ts";
import type { Database } from "../database/contract.ts";
import type { RepositoryDetails } from "../database/catalog/repository-details.ts";
import type {
  RepositoryCursorPosition,
  NamespacePageRequest,
} from "../database/catalog/namespace-pages.ts";
import { OciError } from "../oci/errors.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { Listing, NumberedPage } from "../oci/page.ts";
import type { PullCounts } from "./pull-counters.ts";
import { contentTypeOf, type ContentType } from "./content-type.ts";
import { countList, createPageReader, type PagedList } from "./keyset-cursors.ts";

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

type RepositoryOrdering = "name" | "last_updated" | "pull_count";

interface RepositoryList extends NumberedPage {
  readonly namespace: string;
  readonly search?: string | undefined;
  /** `undefined`: both. */
  readonly visibility?: NamespacePageRequest["visibility"];
  readonly ordering: RepositoryOrdering;
  readonly descending: boolean;
}

const orders = { name: "name", last_updated: "updated", pull_count: "pulls" } as const;

/**
 * The pull counters are in another database. Up to 1,000 repositories are sorted exactly. Above 1,000 the order by
 * pulls is approximate (±19 %): by pull bucket (`pullBucketOf`), and exact within a page.
 */
const countedAtMost = 1_000;

type Filter = Pick<NamespacePageRequest, "namespace" | "view" | "search" | "visibility">;
type Order = Pick<NamespacePageRequest, "order" | "descending">;

interface RepositoryCatalogParts {
  readonly database: Database;
  readonly policy: HubPolicy;
  readonly counts: PullCounts;
  readonly clock: () => number;
}

/** Repositories as the Hub-shaped API shows them: numbered pages, permissions, descriptions. */
export class RepositoryCatalog {
  readonly #parts: RepositoryCatalogParts;
  readonly #readPage: ReturnType<typeof createPageReader<RepositoryCursorPosition>>;

  constructor(parts: RepositoryCatalogParts) {
    this.#parts = parts;
    this.#readPage = createPageReader(parts.clock, isSamePosition);
  }

  /** Lists the repositories of a namespace that are visible to the session. An unknown namespace has an empty list. */
  async list(
    session: Session | undefined,
    request: RepositoryList,
  ): Promise<Listing<ListedRepository>> {
    const { namespace, search, visibility, page, size, ordering, descending } = request;
    const view = await this.#parts.policy.viewOf(session, namespace);
    const filter = { namespace, view, search, visibility };
    const list = await countList(this.#pagedList(filter, { order: orders[ordering], descending }));
    const count = list.total;
    if ((page - 1) * size >= count) return { count, items: [] };
    const isByPulls = ordering === "pull_count";
    if (isByPulls && count <= countedAtMost)
      return { count, items: await this.#pageByPulls(filter, request) };
    const positions = await this.#readPage(list, request);
    const items = await this.#detailsOf(positions.map(({ name }) => name));
    return { count, items: isByPulls ? items.toSorted(byPulls(descending)) : items };
  }

  /** The number of repositories of a namespace that are visible to the session. */
  async count(session: Session | undefined, namespace: string): Promise<number> {
    const view = await this.#parts.policy.viewOf(session, namespace);
    return this.#parts.database.namespacePages.count({ namespace, view });
  }

  /** Throws NAME_UNKNOWN if the repository was deleted meanwhile. The caller must check the permission. */
  async get(
    session: Session | undefined,
    name: RepositoryName,
  ): Promise<RepositoryWithPermissions> {
    const { database, policy } = this.#parts;
    const [shown] = await this.#detailsOf([name], true);
    if (shown === undefined) throw new OciError("NAME_UNKNOWN");
    const { principal } = session ?? {};
    return {
      ...shown,
      permissions: await policy.repositoryPermissions(session, name),
      collaborators: await database.repositoryDetails.collaborators(shown.id),
      isStarred:
        principal?.kind === "user" && (await database.stars.has(principal.accountId, shown.id)),
    };
  }

  /** Lists the repositories that a user has starred and that are visible to the session. */
  async starred(
    session: Session | undefined,
    userId: number,
    { page, size }: NumberedPage,
  ): Promise<Listing<ListedRepository>> {
    const { database, policy } = this.#parts;
    const names = await database.stars.of(userId);
    const seen = await policy.visible(session, names);
    const visible = names.filter((name) => seen.has(name));
    const items = await this.#detailsOf(visible.slice((page - 1) * size, page * size));
    return { count: visible.length, items };
  }

  /** Sets the descriptions. Throws NAME_UNKNOWN if the repository does not exist. */
  async setDescriptions(
    actor: Actor,
    repository: RepositoryName,
    texts: { readonly short?: string | undefined; readonly full?: string | undefined },
  ): Promise<void> {
    const { database, clock } = this.#parts;
    const set = { actor, repository, ...texts, nowMs: clock() };
    if (!(await database.commands.setDescription(set))) throw new OciError("NAME_UNKNOWN");
  }

  /** The teams that have a permission on a repository. */
  async teams(repository: RepositoryName) {
    const { database } = this.#parts;
    const found = await database.repositories.find(repository);
    return found === undefined ? [] : database.teams.onRepository(found.id);
  }

  #pagedList(filter: Filter, order: Order): PagedList<RepositoryCursorPosition> {
    const { namespacePages } = this.#parts.database;
    return {
      key: JSON.stringify([filter, order]),
      isSearch: filter.search !== undefined && filter.search !== "",
      count: () => namespacePages.count(filter),
      read: (window) => namespacePages.list({ ...filter, ...order, ...window }),
    };
  }

  /** One page of at most 1,000 repositories in the exact order of their pulls. */
  async #pageByPulls(
    filter: Filter,
    { page, size, descending }: RepositoryList,
  ): Promise<readonly ListedRepository[]> {
    const { database, counts } = this.#parts;
    const all = this.#pagedList(filter, { order: "name", descending: false });
    const positions = await all.read({ skip: 0, limit: countedAtMost });
    const names = positions.map(({ name }) => name);
    const counted = await counts.of(await database.repositories.registrations(names));
    const wanted = names
      .map((name) => ({ name, pulls: counted.get(name)?.pulls ?? 0 }))
      .toSorted(byPulls(descending))
      .slice((page - 1) * size, page * size);
    return this.#detailsOf(wanted.map(({ name }) => name));
  }

  /** The repositories in the order of `names`, without deleted ones. */
  async #detailsOf(
    names: readonly RepositoryName[],
    fullTexts = false,
  ): Promise<readonly ListedRepository[]> {
    const { database, counts } = this.#parts;
    const found = await database.repositoryDetails.find(names, { fullTexts });
    const kinds = await database.repositoryDetails.kinds(found.map(({ id }) => id));
    const kindsOf = groupedBy(kinds, ({ repositoryId }) => repositoryId);
    const counted = await counts.of(found);
    return found.map((details) => {
      const own = kindsOf.get(details.id) ?? [];
      return Object.assign(details, {
        pulls: counted.get(details.name)?.pulls ?? 0,
        mediaTypes: [...new Set(own.map(({ mediaType }) => mediaType))].toSorted(),
        contentTypes: [...new Set(own.map(contentTypeOf))].toSorted(),
      });
    });
  }
}

const isSamePosition = (a: RepositoryCursorPosition, b: RepositoryCursorPosition): boolean =>
  a.name === b.name && a.updatedAtMs === b.updatedAtMs && a.pullBucket === b.pullBucket;

function byPulls(descending: boolean) {
  const sign = descending ? -1 : 1;
  return (a: { readonly pulls: number }, b: { readonly pulls: number }): number =>
    sign * (a.pulls - b.pulls);
}

function groupedBy<T>(
  items: readonly T[],
  keyOf: (item: T) => number,
): ReadonlyMap<number, readonly T[]> {
  const groups = new Map<number, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}
