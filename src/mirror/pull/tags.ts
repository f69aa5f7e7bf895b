import { OciError } from "../../oci/errors.ts";
import { tagGrammar } from "../../oci/reference.ts";
import type { Tags } from "../../registry/tags.ts";
import { ListCache, type Listed, type ListStore } from "../cache/list-cache.ts";
import type { AdmitMiss, CacheStatus, MirrorRepository } from "../repository.ts";
import type { Upstream } from "../upstream/client.ts";
import { headerOf, readList, type ResponseReader } from "../upstream/responses.ts";

/** A page of a tag list: at most `n` tags after `last` (distribution-spec, "Listing Tags"). */
export interface TagRange {
  readonly n: number;
  readonly last: string | undefined;
}

export interface MirroredTags {
  /** At most `n` tags. */
  readonly tags: readonly string[];
  /** The parameters of the next page; `undefined`: this is the last page. */
  readonly next: { readonly n: number; readonly last: string } | undefined;
  readonly status: CacheStatus;
}

interface ListedTags extends Listed {
  readonly tags: readonly string[];
  readonly nextLast: string | undefined;
}

/** The query of the upstream's `Link` to the page after a tag. */
interface ListedQuery extends Listed {
  readonly query: string;
}

interface MirrorTagsParts {
  readonly upstream: Upstream;
  readonly responses: ResponseReader;
  readonly lists: ListStore;
  readonly tags: Pick<Tags, "list">;
  readonly ttlMs: number;
  readonly clock: () => number;
}

/** In characters: of `last` in a query, and of the query of a `Link` header. */
const longestLast = 256;
const longestQuery = 2_048;

/**
 * Tag lists of the upstream, cached in memory for `ttl.tagsList`. If the upstream fails, the mirror lists its cached
 * tags. Only `n` and `last` of a client's query go to the upstream. Other parameters of the upstream's `Link` header stay
 * in the cache; the mirror never takes them from a client.
 */
export class MirrorTags {
  readonly #parts: MirrorTagsParts;
  readonly #cache: ListCache;

  constructor(parts: MirrorTagsParts) {
    this.#parts = parts;
    this.#cache = new ListCache(parts.lists, parts.clock);
  }

  /** Throws NAME_UNKNOWN if the upstream does not have the repository. */
  async list(
    mirrorRepository: MirrorRepository,
    page: TagRange,
    admitMiss: AdmitMiss,
  ): Promise<MirroredTags> {
    const { repository } = mirrorRepository;
    const { tags, ttlMs } = this.#parts;
    const { n } = page;
    const last = page.last === undefined ? undefined : page.last.slice(0, longestLast);
    const all = this.#cache.fresh(keyOfAll(mirrorRepository), ttlMs) as ListedTags | undefined;
    if (all !== undefined && (last === undefined || all.tags.includes(last)))
      return presentTags(pageOf(all.tags, { n, last }), n, { kind: "hit" });
    const { value, status } = await this.#cache.through(`${repository} tags ${n} ${last ?? ""}`, {
      ttlMs,
      ask: () => this.#ask(mirrorRepository, { n, last }),
      local: async () => {
        const { items, more } = await tags.list(repository, { last, limit: n });
        return sized(items, more ? items.at(-1) : undefined);
      },
      absent: () => new OciError("NAME_UNKNOWN", undefined, { detail: { name: repository } }),
      admitMiss,
    });
    return presentTags(value, n, status);
  }

  async #ask(mirrorRepository: MirrorRepository, { n, last }: TagRange): Promise<ListedTags> {
    const { upstream, responses } = this.#parts;
    const { name } = mirrorRepository;
    const query = this.#queryOf(mirrorRepository, { n, last });
    const response = await upstream.ask({ method: "GET", name, path: `tags/list?${query}` });
    return await readList(responses, response, (document) => {
      const { tags } = (document ?? {}) as { readonly tags?: unknown };
      const listed = (Array.isArray(tags) ? tags : []).filter(
        (tag): tag is string => typeof tag === "string" && tagGrammar.test(tag),
      );
      // The upstream ignores `n`: the mirror caches the whole list and cuts the next pages from it.
      if (listed.length > Math.max(1, n))
        this.#cache.keep(keyOfAll(mirrorRepository), sized(listed, undefined));
      const page = pageOf(listed, { n, last });
      const link = nextQuery(headerOf(response, "link"));
      const end = page.tags.at(-1);
      if (page.nextLast !== undefined || link === undefined || end === undefined) return page;
      return sized(page.tags, this.#nextLast(mirrorRepository, end, link));
    });
  }

  #queryOf(mirrorRepository: MirrorRepository, { n, last }: TagRange): string {
    // Some registries reject `n=0`.
    const plain = new URLSearchParams({ n: String(Math.max(1, n)), ...(last && { last }) });
    if (last === undefined) return plain.toString();
    const followed = this.#cache.fresh(keyOfQuery(mirrorRepository, last), Infinity);
    return (followed as ListedQuery | undefined)?.query ?? plain.toString();
  }

  /**
   * Returns the `last` with which the client requests the page after the tag `end`. Keeps the upstream's query for that
   * page if it has other parameters.
   */
  #nextLast(mirrorRepository: MirrorRepository, end: string, query: string): string {
    const parameters = new URLSearchParams(query);
    if ([...parameters.keys()].every((key) => key === "n" || key === "last")) {
      const last = parameters.get("last");
      return last !== null && last.length <= longestLast ? last : end;
    }
    const own: ListedQuery = { query, sizeBytes: query.length };
    if (query.length <= longestQuery) this.#cache.keep(keyOfQuery(mirrorRepository, end), own);
    return end;
  }
}

const keyOfAll = ({ repository }: MirrorRepository): string => `${repository} all tags`;

const keyOfQuery = ({ repository }: MirrorRepository, last: string): string =>
  `${repository} query after ${last}`;

/** Adds the size: one byte per character and 24 bytes per tag for V8's string header. */
const sized = (tags: readonly string[], nextLast: string | undefined): ListedTags => ({
  tags,
  nextLast,
  sizeBytes: tags.reduce((sum, tag) => sum + tag.length + 24, 0),
});

/** Cuts a page from a list that may be longer than `n` and may start before `last`. */
function pageOf(listed: readonly string[], { n, last }: TagRange): ListedTags {
  const rest = last === undefined ? listed : listed.slice(listed.indexOf(last) + 1);
  const tags = rest.slice(0, n);
  return sized(tags, rest.length > n ? tags.at(-1) : undefined);
}

const presentTags = (
  { tags, nextLast }: ListedTags,
  n: number,
  status: CacheStatus,
): MirroredTags => ({
  tags,
  next: nextLast === undefined ? undefined : { n, last: nextLast },
  status,
});

/** `Link: </v2/name/tags/list?last=x&n=9>; rel="next"` */
function nextQuery(link: string | undefined): string | undefined {
  if (link === undefined || link.length > 2 * longestQuery) return undefined;
  return /<[^>?]*\?([^>]*)>\s*;\s*rel="?next"?/i.exec(link)?.[1];
}
