import type { Database } from "../../database/contract.ts";
import type { Digest } from "../../oci/digest.ts";
import { OciError } from "../../oci/errors.ts";
import type { Reference, Tag } from "../../oci/reference.ts";
import type { Manifests, StoredManifest } from "../../registry/manifests.ts";
import type { NegativeCache } from "../cache/negative-cache.ts";
import type { Counters } from "../counters.ts";
import {
  admitAll,
  mirrorActor,
  type AdmitMiss,
  type CacheStatus,
  type MirrorRepository,
} from "../repository.ts";
import { saysAbsent, staleDetail, UpstreamFailure } from "../upstream/failure.ts";
import type { EventLoopScheduler } from "./event-loop-scheduler.ts";
import type { ManifestDownloads } from "./manifest-downloads.ts";
import type { MirrorProcesses } from "./mirror-processes.ts";
import { referenceText, type ManifestHead } from "./sources.ts";
import type { TagChecks } from "./tag-checks.ts";
import type { DownloadedManifest, WriteBehind } from "./write-behind.ts";

interface MirroredManifest extends ManifestHead {
  /** `undefined` if the mirror answered from an upstream HEAD. */
  readonly content: Uint8Array | undefined;
  readonly status: CacheStatus;
  /** Resolves when the manifest is stored (at once for a cached one); rejects if storing fails. */
  readonly stored: Promise<void>;
}

/** The purpose of a manifest request. */
interface ManifestQuestion {
  readonly isHead: boolean;
  /** A client pulls an image, and will request the config next. */
  readonly isPull: boolean;
}

interface MirrorManifestsParts {
  readonly database: Pick<Database, "facts" | "mirrorTags">;
  readonly manifests: Pick<Manifests, "delete">;
  readonly manifestDownloads: ManifestDownloads;
  readonly tagChecks: TagChecks;
  readonly writeBehind: Pick<WriteBehind, "held">;
  readonly negativeCache: NegativeCache;
  readonly mirrorProcesses: Pick<MirrorProcesses, "isOnlyProcess">;
  readonly tagTtlMs: number;
  readonly clock: () => number;
  readonly counters: Counters;
  readonly scheduler: Pick<EventLoopScheduler, "arrived">;
  /** Starts the download of a blob that the client requests next. */
  readonly prefetch: (mirrorRepository: MirrorRepository, digest: Digest) => void;
}

/** A client's request for a manifest of a mirrored repository. */
interface ManifestRequest {
  readonly mirrorRepository: MirrorRepository;
  readonly question: ManifestQuestion;
  readonly admitMiss: AdmitMiss;
}

const isStored = Promise.resolve();
const hit = { kind: "hit" } as const;
const miss = { kind: "miss" } as const;
const counterOf = { hit: "hits", miss: "misses", stale: "stale" } as const;

/** Serves the manifests of one mirror, from the cache or from the upstream. */
export class MirrorManifests {
  readonly #parts: MirrorManifestsParts;

  constructor(parts: MirrorManifestsParts) {
    this.#parts = parts;
  }

  /**
   * Returns the manifest from the cache or from the upstream. After `ttl.tag` the mirror checks a tag with a HEAD;
   * while the upstream fails, the cached manifest is served as stale. Throws MANIFEST_UNKNOWN only if the upstream
   * answered so (also from the negative cache), otherwise the error of `clientError`.
   *
   * If several processes share the database, a new manifest is returned after it is stored: the client may ask another
   * process for the blobs and the foreign layers that it names.
   */
  async get(
    mirrorRepository: MirrorRepository,
    reference: Reference,
    question: ManifestQuestion,
    admitMiss: AdmitMiss,
  ): Promise<MirroredManifest> {
    this.#parts.scheduler.arrived();
    const found = await this.#find({ mirrorRepository, question, admitMiss }, reference);
    if (found.stored !== isStored && !(await this.#parts.mirrorProcesses.isOnlyProcess()))
      await found.stored.catch(() => undefined);
    return found;
  }

  async #find(request: ManifestRequest, reference: Reference): Promise<MirroredManifest> {
    const { writeBehind, negativeCache, tagTtlMs } = this.#parts;
    const { mirrorRepository } = request;
    const held = writeBehind.held(mirrorRepository, reference);
    if (held !== undefined) {
      const ttl = reference.kind === "tag" ? { ttlSeconds: Math.round(tagTtlMs / 1000) } : {};
      return this.#served(held, { ...hit, ...ttl }, held.stored);
    }
    const key = `${mirrorRepository.repository}:${referenceText(reference)}`;
    return await negativeCache.through(
      key,
      () => unknownManifest(reference),
      () =>
        reference.kind === "tag"
          ? this.#byTag(request, reference.tag)
          : this.#byDigest(request, reference.digest),
    );
  }

  async #byDigest(request: ManifestRequest, digest: Digest): Promise<MirroredManifest> {
    const { database, manifestDownloads, tagChecks, counters } = this.#parts;
    const { mirrorRepository, question, admitMiss } = request;
    const reference = { kind: "digest", digest } as const;
    const here = await database.facts.manifests.get(mirrorRepository.repository, reference);
    if (here !== undefined) return this.#served(here, hit);
    if (question.isHead) {
      const asked = manifestDownloads.head(mirrorRepository, reference, admitMiss);
      counters.add("misses");
      return withoutContent(await asked);
    }
    const work = manifestDownloads.get(mirrorRepository, reference, admitMiss);
    const found = await this.#downloaded(request, work);
    for (const tag of tagChecks.takePending(mirrorRepository, digest))
      await manifestDownloads.get(mirrorRepository, reference, admitAll, tag);
    return found;
  }

  async #byTag(request: ManifestRequest, tag: Tag): Promise<MirroredManifest> {
    const { database, manifestDownloads, tagChecks } = this.#parts;
    const { mirrorRepository, question, admitMiss } = request;
    const { repository } = mirrorRepository;
    const here = await database.facts.manifests.get(repository, { kind: "tag", tag });
    const checkedAtMs = await database.mirrorTags.checkedAtMs(repository, tag);
    const head = tagChecks.fresh(mirrorRepository, tag, checkedAtMs);
    if (head !== undefined) return await this.#byHead(request, tag, { head, status: hit });
    if (here === undefined && question.isHead) {
      const checked = await tagChecks.check(mirrorRepository, tag, admitMiss);
      return await this.#byHead(request, tag, { head: checked, status: miss });
    }
    if (here === undefined) {
      const work = manifestDownloads.get(mirrorRepository, { kind: "tag", tag }, admitMiss);
      return await this.#downloaded(request, work);
    }
    const freshForMs = tagChecks.freshForMs(checkedAtMs);
    if (freshForMs > 0)
      return this.#served(here, { ...hit, ttlSeconds: Math.round(freshForMs / 1000) });
    const pending = manifestDownloads.pending(mirrorRepository, tag);
    if (pending !== undefined) return await this.#downloaded(request, pending);
    return await this.#revalidated(request, tag, { here, checkedAtMs });
  }

  /** Checks a cached tag. Returns the cached manifest as stale if the upstream fails, or does not answer in time. */
  async #revalidated(
    request: ManifestRequest,
    tag: Tag,
    { here, checkedAtMs }: { readonly here: StoredManifest; readonly checkedAtMs: number },
  ): Promise<MirroredManifest> {
    try {
      const head = await this.#parts.tagChecks.checkInTime(request.mirrorRepository, tag);
      if (head === undefined) return this.#stale(here, checkedAtMs, undefined);
      return await this.#byHead(request, tag, { head, status: hit });
    } catch (error) {
      if (saysAbsent(error)) await this.#forget(request.mirrorRepository, tag);
      else if (error instanceof UpstreamFailure) return this.#stale(here, checkedAtMs, error);
      throw error;
    }
  }

  /**
   * Returns the manifest that `head` names; `status` is its status if it is cached. Downloads it if it is not cached and
   * the client sent a GET.
   */
  async #byHead(
    request: ManifestRequest,
    tag: Tag,
    { head, status }: { readonly head: ManifestHead; readonly status: CacheStatus },
  ): Promise<MirroredManifest> {
    const { database, manifestDownloads, counters } = this.#parts;
    const { mirrorRepository, question, admitMiss } = request;
    const { repository } = mirrorRepository;
    const tagged = await database.facts.manifests.get(repository, { kind: "tag", tag });
    if (tagged?.digest === head.digest) return this.#served(tagged, status);
    if (question.isHead) {
      counters.add("misses");
      return withoutContent(head);
    }
    const reference = { kind: "digest", digest: head.digest } as const;
    const here = await manifestDownloads.find(mirrorRepository, head.digest);
    const admit = here === undefined ? admitMiss : admitAll;
    const work = manifestDownloads.get(mirrorRepository, reference, admit, tag);
    return await this.#downloaded(request, work);
  }

  /** Returns a downloaded manifest, and prefetches the config that a pulling client requests next. */
  async #downloaded(
    { mirrorRepository, question }: ManifestRequest,
    work: Promise<DownloadedManifest>,
  ): Promise<MirroredManifest> {
    const found = await work;
    if (question.isPull && found.config !== undefined)
      this.#parts.prefetch(mirrorRepository, found.config);
    return this.#served(found, miss, found.stored);
  }

  /** Returns the cached manifest as stale, after the upstream failed to check the tag. */
  #stale(here: StoredManifest, checkedAtMs: number, error: unknown): MirroredManifest {
    const { clock, tagTtlMs } = this.#parts;
    const ageSeconds = Math.round((clock() - checkedAtMs - tagTtlMs) / 1000);
    return this.#served(here, { kind: "stale", ageSeconds, reason: staleDetail(error) });
  }

  #served(
    { digest, mediaType, content }: Pick<DownloadedManifest, "digest" | "mediaType" | "content">,
    status: CacheStatus,
    stored = isStored,
  ): MirroredManifest {
    this.#parts.counters.add(counterOf[status.kind]);
    return { digest, mediaType, content, sizeBytes: content.length, status, stored };
  }

  /** Deletes a tag that the upstream does not have any more. */
  async #forget(mirrorRepository: MirrorRepository, tag: Tag): Promise<void> {
    const { manifests, tagChecks } = this.#parts;
    tagChecks.forget(mirrorRepository, tag);
    const { repository } = mirrorRepository;
    await manifests.delete(mirrorActor, repository, { kind: "tag", tag }).catch(ignoreUnknown);
  }
}

const withoutContent = (head: ManifestHead): MirroredManifest => ({
  ...head,
  content: undefined,
  status: miss,
  stored: isStored,
});

const unknownManifest = (reference: Reference): OciError =>
  new OciError("MANIFEST_UNKNOWN", undefined, {
    detail: reference.kind === "tag" ? { tag: reference.tag } : { digest: reference.digest },
  });

function ignoreUnknown(error: unknown): void {
  if (!(error instanceof OciError && /^(MANIFEST|NAME)_UNKNOWN$/.test(error.code))) throw error;
}
