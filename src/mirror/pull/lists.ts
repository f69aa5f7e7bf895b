import { setImmediate } from "node:timers/promises";
import { fallbackTagOf, tagGrammar } from "../../oci/reference.ts";
import type { Digest } from "../../oci/digest.ts";
import { OciError } from "../../oci/errors.ts";
import { OCI_INDEX } from "../../oci/media-types.ts";
import type { Referrers } from "../../registry/referrers.ts";
import type { Tags } from "../../registry/tags.ts";
import { UpstreamFailure } from "../upstream/failure.ts";
import { createListCache, type Listed, type ListStore } from "../cache/list-cache.ts";
import {
  admitAll,
  type AdmitMiss,
  type CacheStatus,
  type MirrorRepository,
} from "../repository.ts";
import type { MirrorSettings } from "../settings.ts";
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

export interface MirroredReferrers {
  /** An image index as JSON text. Clients share the buffer: do not change it. */
  readonly document: Buffer;
  readonly status: CacheStatus;
}

interface ListedTags extends Listed {
  readonly tags: readonly string[];
  readonly nextLast: string | undefined;
}

interface ListedReferrers extends Listed {
  readonly document: Buffer;
  /** Unique among all documents of this process. */
  readonly version: number;
}

const longestLast = 256;
const longestQuery = 2_048;

export type MirrorLists = ReturnType<typeof createMirrorLists>;

/**
 * Tag and referrer lists of the upstream, cached in memory for `ttl`. If the upstream fails, the mirror lists its
 * cached content. Only `n` and `last` of a client's query go to the upstream. Other parameters of the upstream's `Link`
 * header stay in the cache; the mirror never takes them from a client.
 */
export function createMirrorLists(parts: {
  readonly upstream: Upstream;
  readonly responses: ResponseReader;
  readonly lists: ListStore;
  readonly tags: Tags;
  readonly referrers: Referrers;
  readonly ttl: MirrorSettings["ttl"];
  readonly clock: () => number;
}) {
  const { upstream, responses, ttl } = parts;
  const cache = createListCache(parts.lists, parts.clock);
  const keyOfAll = ({ repository }: MirrorRepository): string => `${repository} all tags`;
  const keyOfQuery = ({ repository }: MirrorRepository, last: string): string =>
    `${repository} query after ${last}`;

  const askTags = async (
    mirrorRepository: MirrorRepository,
    { n, last }: TagRange,
  ): Promise<ListedTags> => {
    // Some registries reject `n=0`.
    const plain = new URLSearchParams({ n: String(Math.max(1, n)), ...(last && { last }) });
    const followed =
      last === undefined ? undefined : cache.fresh(keyOfQuery(mirrorRepository, last), Infinity);
    const query = (followed as ListedQuery | undefined)?.query ?? plain.toString();
    const { name } = mirrorRepository;
    const answer = await upstream.ask({ method: "GET", name, path: `tags/list?${query}` });
    const link = nextQuery(headerOf(answer, "link"));
    return await readList(responses, answer, (document) => {
      const { tags } = (document ?? {}) as { readonly tags?: unknown };
      const listed = (Array.isArray(tags) ? tags : []).filter(
        (tag): tag is string => typeof tag === "string" && tagGrammar.test(tag),
      );
      // The upstream ignores `n`: the mirror caches the whole list and cuts the next pages from it.
      if (listed.length > Math.max(1, n))
        cache.keep(keyOfAll(mirrorRepository), sized(listed, undefined));
      const page = pageOf(listed, { n, last });
      const end = page.tags.at(-1);
      if (page.nextLast !== undefined || link === undefined || end === undefined) return page;
      const said = new URLSearchParams(link);
      const isPlain = [...said.keys()].every((key) => key === "n" || key === "last");
      const own: ListedQuery = { query: link, sizeBytes: link.length };
      if (!isPlain && link.length <= longestQuery)
        cache.keep(keyOfQuery(mirrorRepository, end), own);
      const saidLast = isPlain ? said.get("last") : null;
      return sized(page.tags, saidLast !== null && saidLast.length <= longestLast ? saidLast : end);
    });
  };

  const askReferrers = async (
    { name }: MirrorRepository,
    subject: Digest,
  ): Promise<ListedReferrers> => {
    const headers = { accept: OCI_INDEX };
    const ask = async (path: string): Promise<ListedReferrers> => {
      const answer = await upstream.ask({ method: "GET", name, path, headers });
      return await readList(responses, answer, async (document) => {
        const descriptors = descriptorsOf(document);
        // Yield between parsing and serializing a long list, each of which blocks the event loop.
        await setImmediate();
        return indexOf(descriptors);
      });
    };
    try {
      return await ask(`referrers/${subject}`);
    } catch (error) {
      if (!(error instanceof UpstreamFailure) || error.kind !== "absent") throw error;
    }
    // A registry without the referrers API stores the index under a tag (distribution-spec, "Referrers Tag Schema").
    try {
      return await ask(`manifests/${fallbackTagOf(subject)}`);
    } catch (error) {
      if (error instanceof UpstreamFailure && error.kind === "absent") return indexOf([]);
      throw error;
    }
  };

  const unknown = ({ repository }: MirrorRepository): OciError =>
    new OciError("NAME_UNKNOWN", undefined, { detail: { name: repository } });

  return {
    async tags(
      mirrorRepository: MirrorRepository,
      page: TagRange,
      admitMiss: AdmitMiss,
    ): Promise<MirroredTags> {
      const { repository } = mirrorRepository;
      const { n } = page;
      const last = page.last === undefined ? undefined : page.last.slice(0, longestLast);
      const all = cache.fresh(keyOfAll(mirrorRepository), ttl.tagsList) as ListedTags | undefined;
      if (all !== undefined && (last === undefined || all.tags.includes(last)))
        return shown(pageOf(all.tags, { n, last }), n, { kind: "hit" });
      const { value, status } = await cache.through(`${repository} tags ${n} ${last ?? ""}`, {
        ttlMs: ttl.tagsList,
        ask: () => askTags(mirrorRepository, { n, last }),
        local: async () => {
          const { items, more } = await parts.tags.list(repository, { last, limit: n });
          return sized(items, more ? items.at(-1) : undefined);
        },
        absent: unknown(mirrorRepository),
        admitMiss,
      });
      return shown(value, n, status);
    },

    async referrers(
      mirrorRepository: MirrorRepository,
      subject: Digest,
      artifactTypes: readonly string[],
      admitMiss: AdmitMiss,
    ): Promise<MirroredReferrers> {
      const { repository } = mirrorRepository;
      const key = `${repository} referrers ${subject}`;
      const { value, status } = await cache.through(key, {
        ttlMs: ttl.referrers,
        ask: () => askReferrers(mirrorRepository, subject),
        local: async () => {
          const page = { last: undefined, limit: 1000, artifactTypes: [] };
          const { document } = await parts.referrers.list(repository, subject, page);
          return indexOf(descriptorsOf(JSON.parse(document)));
        },
        absent: unknown(mirrorRepository),
        admitMiss,
      });
      if (artifactTypes.length === 0) return { document: value.document, status };
      const wanted = [...artifactTypes].toSorted();
      const filtered = await cache.through(`${key} ${value.version} ${JSON.stringify(wanted)}`, {
        ttlMs: Infinity,
        ask: () => filter(value, wanted),
        local: () => filter(value, wanted),
        absent: unknown(mirrorRepository),
        admitMiss: admitAll,
      });
      return { document: filtered.value.document, status };
    },
  };
}

interface ListedQuery extends Listed {
  readonly query: string;
}

/** Adds the size: one byte per character and 24 bytes per tag for V8's string header. */
const sized = (tags: readonly string[], nextLast: string | undefined): ListedTags => ({
  ...{ tags, nextLast },
  sizeBytes: tags.reduce((sum, tag) => sum + tag.length + 24, 0),
});

/** Cuts a page from a list that may be longer than `n` and may start before `last`. */
function pageOf(listed: readonly string[], { n, last }: TagRange): ListedTags {
  const rest = last === undefined ? listed : listed.slice(listed.indexOf(last) + 1);
  const tags = rest.slice(0, n);
  return sized(tags, rest.length > n ? tags.at(-1) : undefined);
}

const shown = ({ tags, nextLast }: ListedTags, n: number, status: CacheStatus): MirroredTags => ({
  ...{ tags, status },
  next: nextLast === undefined ? undefined : { n, last: nextLast },
});

async function filter(
  { document }: ListedReferrers,
  types: readonly string[],
): Promise<ListedReferrers> {
  const wanted = descriptorsOf(JSON.parse(document.toString("utf8"))).filter((descriptor) =>
    types.includes(String((descriptor as Record<string, unknown>)["artifactType"])),
  );
  await setImmediate();
  return indexOf(wanted);
}

let versions = 0;

function indexOf(manifests: readonly unknown[]): ListedReferrers {
  const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests };
  const document = Buffer.from(JSON.stringify(index));
  versions += 1;
  return { document, version: versions, sizeBytes: document.length };
}

function descriptorsOf(document: unknown): unknown[] {
  const { manifests } = (document ?? {}) as { readonly manifests?: unknown };
  return Array.isArray(manifests)
    ? manifests.filter((item) => typeof item === "object" && item !== null)
    : [];
}

/** `Link: </v2/name/tags/list?last=x&n=9>; rel="next"` */
function nextQuery(link: string | undefined): string | undefined {
  if (link === undefined || link.length > 2 * longestQuery) return undefined;
  return /<[^>?]*\?([^>]*)>\s*;\s*rel="?next"?/i.exec(link)?.[1];
}
