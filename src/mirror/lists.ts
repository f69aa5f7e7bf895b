import { fallbackTagOf } from "../oci/reference.ts";
import type { Digest } from "../oci/digest.ts";
import { OciError } from "../oci/errors.ts";
import { OCI_INDEX } from "../oci/media-types.ts";
import type { Referrers } from "../registry/referrers.ts";
import type { Tags } from "../registry/tags.ts";
import { clientError, saysAbsent, UpstreamFailure } from "./failure.ts";
import type { CacheStatus, MirrorPlace } from "./place.ts";
import type { MirrorSettings } from "./settings.ts";
import { oneOf, readWhole, type Upstream, type UpstreamAnswer } from "./upstream.ts";

export interface MirroredTags {
  readonly tags: readonly string[];
  /** The query of the next page, as the upstream wants it. */
  readonly next: string | undefined;
  readonly status: CacheStatus;
}

export interface MirroredReferrers {
  /** An image index as JSON text. */
  readonly document: string;
  readonly status: CacheStatus;
}

interface Held<T> {
  readonly value: T;
  readonly atMs: number;
}

const answersAtMost = 1_000;
const answerBytesAtMost = 4 * 1024 * 1024;
const localTagsAtMost = 10_000;

export type MirrorLists = ReturnType<typeof createMirrorLists>;

/** Lists are the upstream's own, kept for a while in memory; what is here is listed where the upstream can't say. */
export function createMirrorLists(parts: {
  readonly upstream: Upstream;
  readonly tags: Tags;
  readonly referrers: Referrers;
  readonly ttl: MirrorSettings["ttl"];
  readonly clock: () => number;
}) {
  const { upstream, ttl, clock } = parts;
  const held = new Map<string, Held<unknown>>();
  const running = new Map<string, Promise<unknown>>();

  /** From memory while it is fresh, else from the upstream; while that fails, from memory, or what `local` says. */
  const through = async <T>(
    key: string,
    ttlMs: number,
    ask: () => Promise<T>,
    local: () => Promise<T>,
    absent: OciError,
  ): Promise<{ readonly value: T; readonly status: CacheStatus }> => {
    const known = held.get(key) as Held<T> | undefined;
    if (known !== undefined && known.atMs + ttlMs > clock())
      return { value: known.value, status: { kind: "hit" } };
    try {
      const asking = (running.get(key) as Promise<T> | undefined) ?? ask();
      running.set(key, asking);
      const value = await asking.finally(() => running.delete(key));
      if (held.size >= answersAtMost) held.clear();
      held.set(key, { value, atMs: clock() });
      return { value, status: { kind: "miss" } };
    } catch (error) {
      if (!(error instanceof UpstreamFailure)) throw error;
      if (saysAbsent(error)) throw clientError(error, absent);
      const reason = error.status === undefined ? error.kind : `status-${error.status}`;
      const ageSeconds = known === undefined ? 0 : Math.round((clock() - known.atMs) / 1000);
      const status: CacheStatus = { kind: "stale", ageSeconds, reason };
      if (known !== undefined) return { value: known.value, status };
      const value = await local().catch(() => undefined);
      if (value === undefined) throw clientError(error, absent);
      return { value, status };
    }
  };

  const askTags = async (
    { name }: MirrorPlace,
    query: string,
  ): Promise<Pick<MirroredTags, "tags" | "next">> => {
    const path = query === "" ? "tags/list" : `tags/list?${query}`;
    const answer = await upstream.ask({ method: "GET", name, path });
    const { tags } = (await readJson(answer)) as { tags?: unknown };
    const listed = Array.isArray(tags) ? tags.filter((tag) => typeof tag === "string") : [];
    return { tags: listed, next: nextQuery(oneOf(answer.headers["link"])) };
  };

  const askReferrers = async ({ name }: MirrorPlace, subject: Digest): Promise<unknown[]> => {
    const headers = { accept: OCI_INDEX };
    const ask = (path: string) => upstream.ask({ method: "GET", name, path, headers });
    try {
      return descriptorsOf(await readJson(await ask(`referrers/${subject}`)));
    } catch (error) {
      if (!(error instanceof UpstreamFailure) || error.kind !== "absent") throw error;
    }
    // A registry without the API keeps them under a tag (distribution-spec, "Referrers Tag Schema").
    try {
      return descriptorsOf(await readJson(await ask(`manifests/${fallbackTagOf(subject)}`)));
    } catch (error) {
      if (error instanceof UpstreamFailure && error.kind === "absent") return [];
      throw error;
    }
  };

  return {
    /** @param query as the client sent it, without what is ours */
    async tags(place: MirrorPlace, query: string): Promise<MirroredTags> {
      const { repository } = place;
      const local = async () => {
        const page = { last: undefined, limit: localTagsAtMost };
        return { tags: (await parts.tags.list(repository, page)).items, next: undefined };
      };
      const { value, status } = await through(
        `${repository} tags ${query}`,
        ttl.tagsList,
        () => askTags(place, query),
        local,
        new OciError("NAME_UNKNOWN", undefined, { detail: { name: repository } }),
      );
      return { ...value, status };
    },

    async referrers(
      place: MirrorPlace,
      subject: Digest,
      artifactTypes: readonly string[],
    ): Promise<MirroredReferrers> {
      const { repository } = place;
      const local = async (): Promise<unknown[]> => {
        const page = { last: undefined, limit: 1000, artifactTypes };
        const { document } = await parts.referrers.list(repository, subject, page);
        return descriptorsOf(JSON.parse(document));
      };
      const { value, status } = await through(
        `${repository} referrers ${subject}`,
        ttl.referrers,
        () => askReferrers(place, subject),
        local,
        new OciError("NAME_UNKNOWN", undefined, { detail: { name: repository } }),
      );
      const wanted = value.filter(
        (descriptor) =>
          artifactTypes.length === 0 ||
          artifactTypes.includes(String((descriptor as Record<string, unknown>)["artifactType"])),
      );
      const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: wanted };
      return { document: JSON.stringify(index), status };
    },
  };
}

async function readJson({ body }: UpstreamAnswer): Promise<unknown> {
  const bytes = await readWhole(body, answerBytesAtMost);
  try {
    return JSON.parse(bytes.toString("utf8")) as unknown;
  } catch (cause) {
    throw new UpstreamFailure("broken", "the upstream answers with what is no JSON", { cause });
  }
}

function descriptorsOf(document: unknown): unknown[] {
  const { manifests } = (document ?? {}) as { manifests?: unknown };
  return Array.isArray(manifests)
    ? manifests.filter((item) => typeof item === "object" && item !== null)
    : [];
}

/** `Link: </v2/name/tags/list?last=x&n=9>; rel="next"` */
function nextQuery(link: string | undefined): string | undefined {
  return link === undefined ? undefined : /<[^>?]*\?([^>]*)>\s*;\s*rel="?next"?/i.exec(link)?.[1];
}
