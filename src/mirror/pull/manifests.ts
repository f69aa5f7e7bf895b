import { setTimeout as pause } from "node:timers/promises";
import { createByteCache, stringBytes } from "../../concurrency/byte-cache.ts";
import type { Database } from "../../database/database.ts";
import type { Digest } from "../../oci/digest.ts";
import { OciError } from "../../oci/errors.ts";
import type { Reference, Tag } from "../../oci/reference.ts";
import type { Manifests, StoredManifest } from "../../registry/manifests.ts";
import type { Counters } from "../counters.ts";
import { createPendingTagChecks } from "./pending-tag-checks.ts";
import { clientError, saysAbsent, staleDetail, UpstreamFailure } from "../upstream/failure.ts";
import type { ManifestDownloads } from "./manifest-downloads.ts";
import type { NegativeCache } from "../cache/negative-cache.ts";
import type { EventLoopScheduler } from "./event-loop-scheduler.ts";
import {
  admitAll,
  mirrorActor,
  type AdmitMiss,
  type CacheStatus,
  type MirrorRepository,
} from "../repository.ts";
import type { MirrorSettings } from "../settings.ts";
import type { DownloadedManifest, WriteBehind } from "./write-behind.ts";
import type { Availability } from "../upstream/availability.ts";

/** The metadata of a manifest that a HEAD response carries. */
export interface ManifestHead {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly sizeBytes: number;
}

export interface MirroredManifest extends ManifestHead {
  /** `undefined` if the mirror answered from an upstream HEAD. */
  readonly content: Uint8Array | undefined;
  readonly status: CacheStatus;
  /** Resolves when the manifest is stored (at once for a cached one); rejects if storing fails. */
  readonly stored: Promise<void>;
}

/** The purpose of a manifest request. */
export interface ManifestQuestion {
  readonly isHead: boolean;
  /** A client pulls an image, and will request the config next. */
  readonly isPull: boolean;
}

const isStored = Promise.resolve();

/** If the manifest is cached, a client waits at most 1 s for the upstream's answer to the tag check. */
const patienceMs = 1_000;
/** When the upstream's rate limit is nearly used up, `ttl.tag` is 12 times as long. */
const lowRateLimitFactor = 12;
/** 8 MB hold about 10,000 HEAD responses. The least recently used one is evicted first; each is valid for `ttl.tag`. */
const headsBytesAtMost = 8 * 1024 * 1024;

export type MirrorManifests = ReturnType<typeof createMirrorManifests>;

export function createMirrorManifests(parts: {
  readonly database: Pick<Database, "manifests" | "mirrorTags" | "run">;
  readonly manifests: Pick<Manifests, "delete">;
  readonly manifestDownloads: ManifestDownloads;
  readonly writeBehind: Pick<WriteBehind, "held">;
  readonly availability: Pick<Availability, "isRateLimitShort">;
  readonly negativeCache: NegativeCache;
  readonly ttl: MirrorSettings["ttl"];
  readonly clock: () => number;
  readonly counters: Counters;
  readonly scheduler: Pick<EventLoopScheduler, "arrived">;
  /** Starts the download of a blob that the client requests next. */
  readonly prefetch: (mirrorRepository: MirrorRepository, digest: Digest) => void;
}) {
  const {
    database,
    manifests,
    manifestDownloads,
    writeBehind,
    availability,
    negativeCache,
    ttl,
    clock,
    counters,
  } = parts;
  /** The targets of tags from upstream HEAD responses. The manifests may not be cached. */
  const heads = createByteCache<ManifestHead & { readonly atMs: number }>({
    maxBytes: headsBytesAtMost,
    sizeOf: (head) => stringBytes(JSON.stringify(head)),
  });
  const checks = new Map<string, Promise<ManifestHead>>();
  const pendingTags = createPendingTagChecks(clock);

  const tagTtlMs = (): number =>
    availability.isRateLimitShort() ? ttl.tag * lowRateLimitFactor : ttl.tag;

  const isHere = async (mirrorRepository: MirrorRepository, digest: Digest): Promise<boolean> => {
    const reference = { kind: "digest", digest } as const;
    if (writeBehind.held(mirrorRepository, reference) !== undefined) return true;
    return (await database.manifests.find(mirrorRepository.repository, reference)) !== undefined;
  };

  const ask = async (mirrorRepository: MirrorRepository, tag: Tag): Promise<ManifestHead> => {
    const { repository } = mirrorRepository;
    const head = await manifestDownloads.head(mirrorRepository, { kind: "tag", tag }, admitAll);
    const { digest } = head;
    heads.set(`${repository}:${tag}`, { ...head, atMs: clock() });
    const here = await database.manifests.find(repository, { kind: "tag", tag });
    if (here?.digest === digest)
      await database.run("checkMirrorTag", { repository, tag, nowMs: clock() });
    // Many clients send a HEAD for the tag and then a GET for the digest, whose manifest may be cached or not.
    else if (await isHere(mirrorRepository, digest))
      await manifestDownloads.get(mirrorRepository, { kind: "digest", digest }, admitAll, tag);
    else pendingTags.add(repository, digest, tag);
    return head;
  };

  /** Checks a tag with one upstream HEAD, shared by concurrent clients. */
  const check = (
    mirrorRepository: MirrorRepository,
    tag: Tag,
    admitMiss: AdmitMiss,
  ): Promise<ManifestHead> => {
    const key = `${mirrorRepository.repository}:${tag}`;
    const running = checks.get(key);
    if (running !== undefined) return running;
    admitMiss();
    const work = ask(mirrorRepository, tag).finally(() => checks.delete(key));
    checks.set(key, work);
    work.catch(() => undefined);
    return work;
  };

  const served = (
    found: Pick<DownloadedManifest, "digest" | "mediaType" | "content">,
    status: CacheStatus,
    stored = isStored,
  ): MirroredManifest => {
    counters.add(status.kind === "hit" ? "hits" : status.kind === "miss" ? "misses" : "stale");
    const { digest, mediaType, content } = found;
    return { digest, mediaType, content, sizeBytes: content.length, status, stored };
  };
  const miss: CacheStatus = { kind: "miss" };

  const fetched = async (
    mirrorRepository: MirrorRepository,
    { isPull }: ManifestQuestion,
    work: Promise<DownloadedManifest>,
  ): Promise<MirroredManifest> => {
    const found = await work;
    if (isPull && found.config !== undefined) parts.prefetch(mirrorRepository, found.config);
    return served(found, miss, found.stored);
  };

  const byDigest = async (
    mirrorRepository: MirrorRepository,
    digest: Digest,
    question: ManifestQuestion,
    admitMiss: AdmitMiss,
  ): Promise<MirroredManifest> => {
    const here = await database.manifests.find(mirrorRepository.repository, {
      kind: "digest",
      digest,
    });
    if (here !== undefined) return served(here, { kind: "hit" });
    const reference = { kind: "digest", digest } as const;
    if (!question.isHead) {
      const found = await fetched(
        mirrorRepository,
        question,
        manifestDownloads.get(mirrorRepository, reference, admitMiss),
      );
      for (const tag of pendingTags.take(mirrorRepository.repository, digest))
        await manifestDownloads.get(mirrorRepository, reference, admitAll, tag);
      return found;
    }
    const asked = manifestDownloads.head(mirrorRepository, reference, admitMiss);
    counters.add("misses");
    const head = await asked;
    return { ...head, content: undefined, status: miss, stored: isStored };
  };

  /** Returns the manifest that `head` names. Downloads it if it is not cached and the client sent a GET. */
  const byHead = async (
    mirrorRepository: MirrorRepository,
    tag: Tag,
    head: ManifestHead,
    question: ManifestQuestion,
    status: CacheStatus,
    admitMiss: AdmitMiss,
  ): Promise<MirroredManifest> => {
    const { repository } = mirrorRepository;
    const here = await database.manifests.find(repository, { kind: "tag", tag });
    if (here?.digest === head.digest) return served(here, status);
    if (question.isHead) {
      counters.add("misses");
      return { ...head, content: undefined, status: miss, stored: isStored };
    }
    const { digest } = head;
    const admit = (await isHere(mirrorRepository, digest)) ? admitAll : admitMiss;
    const work = manifestDownloads.get(mirrorRepository, { kind: "digest", digest }, admit, tag);
    return await fetched(mirrorRepository, question, work);
  };

  const forget = async (mirrorRepository: MirrorRepository, tag: Tag): Promise<void> => {
    heads.delete(`${mirrorRepository.repository}:${tag}`);
    await manifests
      .delete(mirrorActor, mirrorRepository.repository, { kind: "tag", tag })
      .catch(ignoreUnknown);
  };

  /** Returns the cached manifest as stale, after the upstream failed to check the tag. */
  const stale = (here: StoredManifest, checkedAtMs: number, error: unknown): MirroredManifest => {
    const ageSeconds = Math.round((clock() - checkedAtMs - ttl.tag) / 1000);
    return served(here, { kind: "stale", ageSeconds, reason: staleDetail(error) });
  };

  const byTag = async (
    mirrorRepository: MirrorRepository,
    tag: Tag,
    question: ManifestQuestion,
    admitMiss: AdmitMiss,
  ): Promise<MirroredManifest> => {
    const { repository } = mirrorRepository;
    const here = await database.manifests.find(repository, { kind: "tag", tag });
    const checkedAtMs = await database.mirrorTags.checkedAtMs(repository, tag);
    const nowMs = clock();
    const head = heads.get(`${repository}:${tag}`);
    if (head !== undefined && head.atMs + ttl.tag > nowMs && head.atMs >= checkedAtMs)
      return await byHead(mirrorRepository, tag, head, question, { kind: "hit" }, admitMiss);
    if (here === undefined) {
      if (question.isHead)
        return await byHead(
          mirrorRepository,
          tag,
          await check(mirrorRepository, tag, admitMiss),
          question,
          miss,
          admitMiss,
        );
      return await fetched(
        mirrorRepository,
        question,
        manifestDownloads.get(mirrorRepository, { kind: "tag", tag }, admitMiss),
      );
    }
    const freshForMs = checkedAtMs + tagTtlMs() - nowMs;
    if (freshForMs > 0)
      return served(here, { kind: "hit", ttlSeconds: Math.round(freshForMs / 1000) });

    const pending = manifestDownloads.pending(mirrorRepository, tag);
    if (pending !== undefined) return await fetched(mirrorRepository, question, pending);

    try {
      // After the timeout the check continues, so that the next request finds its result.
      const late = new AbortController();
      const checked = await Promise.race([
        check(mirrorRepository, tag, admitAll),
        pause(patienceMs, undefined, { signal: late.signal }).catch(() => undefined),
      ]).finally(() => late.abort());
      if (checked === undefined) return stale(here, checkedAtMs, undefined);
      return await byHead(mirrorRepository, tag, checked, question, { kind: "hit" }, admitMiss);
    } catch (error) {
      if (saysAbsent(error)) {
        await forget(mirrorRepository, tag);
        throw error;
      }
      if (error instanceof UpstreamFailure) return stale(here, checkedAtMs, error);
      throw error;
    }
  };

  return {
    /**
     * Returns the manifest from the cache or from the upstream. After `ttl.tag` the mirror checks a tag with a HEAD;
     * while the upstream fails, the cached manifest is served as stale. Throws MANIFEST_UNKNOWN only if the upstream
     * answered so (also from the negative cache), otherwise the error of `clientError`.
     */
    async get(
      mirrorRepository: MirrorRepository,
      reference: Reference,
      question: ManifestQuestion,
      admitMiss: AdmitMiss,
    ): Promise<MirroredManifest> {
      parts.scheduler.arrived();
      const text = reference.kind === "tag" ? reference.tag : reference.digest;
      const key = `${mirrorRepository.repository}:${text}`;
      const absent = new OciError("MANIFEST_UNKNOWN", undefined, {
        detail: reference.kind === "tag" ? { tag: text } : { digest: text },
      });
      if (negativeCache.has(key)) throw absent;
      const held = writeBehind.held(mirrorRepository, reference);
      const ttlSeconds = Math.round(ttl.tag / 1000);
      const status: CacheStatus =
        reference.kind === "tag" ? { kind: "hit", ttlSeconds } : { kind: "hit" };
      if (held !== undefined) return served(held, status, held.stored);
      try {
        return reference.kind === "tag"
          ? await byTag(mirrorRepository, reference.tag, question, admitMiss)
          : await byDigest(mirrorRepository, reference.digest, question, admitMiss);
      } catch (error) {
        if (saysAbsent(error)) negativeCache.add(key, ttl.missing);
        throw clientError(error, () => absent);
      }
    },
  };
}

function ignoreUnknown(error: unknown): void {
  const isUnknown =
    error instanceof OciError &&
    (error.code === "MANIFEST_UNKNOWN" || error.code === "NAME_UNKNOWN");
  if (!isUnknown) throw error;
}
