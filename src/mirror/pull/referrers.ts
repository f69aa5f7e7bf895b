import { setImmediate } from "node:timers/promises";
import type { Digest } from "../../oci/digest.ts";
import { OciError } from "../../oci/errors.ts";
import { OCI_INDEX } from "../../oci/media-types.ts";
import { fallbackTagOf } from "../../oci/reference.ts";
import type { Referrers } from "../../registry/referrers.ts";
import { ListCache, type Listed, type ListStore } from "../cache/list-cache.ts";
import {
  admitAll,
  type AdmitMiss,
  type CacheStatus,
  type MirrorRepository,
} from "../repository.ts";
import type { Upstream } from "../upstream/client.ts";
import { UpstreamFailure } from "../upstream/failure.ts";
import { readList, type ResponseReader } from "../upstream/responses.ts";

interface MirroredReferrers {
  /** An image index as JSON text. Clients share the buffer: do not change it. */
  readonly document: Buffer;
  readonly status: CacheStatus;
}

interface ListedReferrers extends Listed {
  readonly document: Buffer;
  /** Unique among all documents of this process. */
  readonly version: number;
}

interface MirrorReferrersParts {
  readonly upstream: Upstream;
  readonly responses: ResponseReader;
  readonly lists: ListStore;
  readonly referrers: Pick<Referrers, "list">;
  readonly ttlMs: number;
  readonly clock: () => number;
}

const localReferrersAtMost = 1000;

/**
 * Referrer lists of the upstream, cached in memory for `ttl.referrers`. If the upstream fails, the mirror lists its cached
 * referrers.
 */
export class MirrorReferrers {
  readonly #parts: MirrorReferrersParts;
  readonly #cache: ListCache;

  constructor(parts: MirrorReferrersParts) {
    this.#parts = parts;
    this.#cache = new ListCache(parts.lists, parts.clock);
  }

  /**
   * Lists all referrers of `subject`, or those with one of the artifact types. Throws NAME_UNKNOWN if the upstream does
   * not have the repository.
   */
  async list(
    mirrorRepository: MirrorRepository,
    subject: Digest,
    artifactTypes: readonly string[],
    admitMiss: AdmitMiss,
  ): Promise<MirroredReferrers> {
    const { repository } = mirrorRepository;
    const key = `${repository} referrers ${subject}`;
    const absent = (): OciError =>
      new OciError("NAME_UNKNOWN", undefined, { detail: { name: repository } });
    const { value, status } = await this.#cache.through(key, {
      ttlMs: this.#parts.ttlMs,
      ask: () => this.#ask(mirrorRepository, subject),
      local: async () => {
        const page = { last: undefined, limit: localReferrersAtMost, artifactTypes: [] };
        const { document } = await this.#parts.referrers.list(repository, subject, page);
        return indexOf(descriptorsOf(JSON.parse(document)));
      },
      absent,
      admitMiss,
    });
    if (artifactTypes.length === 0) return { document: value.document, status };
    const types = [...artifactTypes].toSorted();
    const filtered = await this.#cache.through(`${key} ${value.version} ${JSON.stringify(types)}`, {
      ttlMs: Infinity,
      ask: () => filter(value, types),
      local: () => filter(value, types),
      absent,
      admitMiss: admitAll,
    });
    return { document: filtered.value.document, status };
  }

  async #ask(mirrorRepository: MirrorRepository, subject: Digest): Promise<ListedReferrers> {
    try {
      return await this.#askIndex(mirrorRepository, `referrers/${subject}`);
    } catch (error) {
      if (!isAbsent(error)) throw error;
    }
    // A registry without the referrers API stores the index under a tag (distribution-spec, "Referrers Tag Schema").
    try {
      return await this.#askIndex(mirrorRepository, `manifests/${fallbackTagOf(subject)}`);
    } catch (error) {
      if (isAbsent(error)) return indexOf([]);
      throw error;
    }
  }

  async #askIndex({ name }: MirrorRepository, path: string): Promise<ListedReferrers> {
    const headers = { accept: OCI_INDEX };
    const response = await this.#parts.upstream.ask({ method: "GET", name, path, headers });
    return await readList(this.#parts.responses, response, async (document) => {
      const descriptors = descriptorsOf(document);
      // Yield between parsing and serializing a long list, each of which blocks the event loop.
      await setImmediate();
      return indexOf(descriptors);
    });
  }
}

const isAbsent = (error: unknown): boolean =>
  error instanceof UpstreamFailure && error.kind === "absent";

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
