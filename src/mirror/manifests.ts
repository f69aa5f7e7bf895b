import { setTimeout as pause } from "node:timers/promises";
import type { Metadata } from "../metadata/metadata.ts";
import type { Digest } from "../oci/digest.ts";
import { OciError } from "../oci/errors.ts";
import type { Reference, Tag } from "../oci/reference.ts";
import type { Manifests, StoredManifest } from "../registry/manifests.ts";
import type { Counters } from "./counters.ts";
import { createAwaitedTags } from "./awaited-tags.ts";
import { clientError, saysAbsent, UpstreamFailure } from "./failure.ts";
import type { Incoming } from "./incoming.ts";
import type { Missing } from "./missing.ts";
import { mirrorActor, type CacheStatus, type MirrorPlace } from "./place.ts";
import type { MirrorSettings } from "./settings.ts";
import type { Upstream } from "./upstream.ts";

/** What a HEAD tells. */
export interface ManifestHead {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly sizeBytes: number;
}

export interface MirroredManifest extends ManifestHead {
  /** `undefined` where a HEAD was enough. */
  readonly content: Uint8Array | undefined;
  readonly status: CacheStatus;
}

/** Somebody whose copy is here does not wait longer for an upstream that does not answer. */
const patienceMs = 1_000;
/** Where the upstream counts what is asked, what is here is good for so many times as long. */
const shortAllowanceFactor = 12;
const headsAtMost = 10_000;

export type MirrorManifests = ReturnType<typeof createMirrorManifests>;

export function createMirrorManifests(parts: {
  readonly metadata: Pick<Metadata, "manifests" | "mirrorTags" | "run">;
  readonly manifests: Pick<Manifests, "delete">;
  readonly incoming: Incoming;
  readonly upstream: Upstream;
  readonly missing: Missing;
  readonly ttl: MirrorSettings["ttl"];
  readonly clock: () => number;
  readonly counters: Counters;
}) {
  const { metadata, manifests, incoming, upstream, missing, ttl, clock, counters } = parts;
  /** Where tags point, as the upstream has just told; the manifests themselves may not be here. */
  const heads = new Map<string, ManifestHead & { readonly atMs: number }>();
  const checks = new Map<string, Promise<ManifestHead>>();
  const awaited = createAwaitedTags(clock);

  const tagTtlMs = (): number =>
    upstream.allowance.isShort() ? ttl.tag * shortAllowanceFactor : ttl.tag;

  const ask = async (place: MirrorPlace, tag: Tag): Promise<ManifestHead> => {
    const { repository } = place;
    const head = await incoming.head(place, { kind: "tag", tag });
    const { digest } = head;
    if (heads.size >= headsAtMost) heads.clear();
    heads.set(`${repository}:${tag}`, { ...head, atMs: clock() });
    const here = await metadata.manifests.find(repository, { kind: "tag", tag });
    if (here?.digest === digest)
      await metadata.run("checkMirrorTag", { repository, tag, nowMs: clock() });
    // Many clients ask for the tag by HEAD alone and then for its digest, which may be here or come.
    else if ((await metadata.manifests.find(repository, { kind: "digest", digest })) !== undefined)
      await incoming.get(place, { kind: "digest", digest }, tag);
    else awaited.add(repository, digest, tag);
    return head;
  };

  /** One HEAD for all that want to know. */
  const check = (place: MirrorPlace, tag: Tag): Promise<ManifestHead> => {
    const key = `${place.repository}:${tag}`;
    const running = checks.get(key);
    if (running !== undefined) return running;
    const work = ask(place, tag).finally(() => checks.delete(key));
    checks.set(key, work);
    work.catch(() => undefined);
    return work;
  };

  const served = (found: StoredManifest, status: CacheStatus): MirroredManifest => {
    counters.add(status.kind === "hit" ? "hits" : status.kind === "miss" ? "misses" : "stale");
    const { digest, mediaType, content } = found;
    return { digest, mediaType, content, sizeBytes: content.length, status };
  };
  const miss: CacheStatus = { kind: "miss" };

  const byDigest = async (
    place: MirrorPlace,
    digest: Digest,
    isHead: boolean,
  ): Promise<MirroredManifest> => {
    const here = await metadata.manifests.find(place.repository, { kind: "digest", digest });
    if (here !== undefined) return served(here, { kind: "hit" });
    if (!isHead) {
      const found = await incoming.get(place, { kind: "digest", digest });
      for (const tag of awaited.take(place.repository, digest))
        await incoming.get(place, { kind: "digest", digest }, tag);
      return served(found, miss);
    }
    counters.add("misses");
    return {
      ...(await incoming.head(place, { kind: "digest", digest })),
      content: undefined,
      status: miss,
    };
  };

  /** The manifest that a tag points at by now, which may have to come. */
  const byHead = async (
    place: MirrorPlace,
    tag: Tag,
    head: ManifestHead,
    isHead: boolean,
    status: CacheStatus,
  ): Promise<MirroredManifest> => {
    const { repository } = place;
    const here = await metadata.manifests.find(repository, { kind: "tag", tag });
    if (here?.digest === head.digest) return served(here, status);
    if (isHead) {
      counters.add("misses");
      return { ...head, content: undefined, status: miss };
    }
    const { digest } = head;
    return served(await incoming.get(place, { kind: "digest", digest }, tag), miss);
  };

  const forget = async (place: MirrorPlace, tag: Tag): Promise<void> => {
    heads.delete(`${place.repository}:${tag}`);
    await manifests
      .delete(mirrorActor, place.repository, { kind: "tag", tag })
      .catch(ignoreUnknown);
  };

  /** What is here, while the upstream can't be asked whether it is still so. */
  const stale = (here: StoredManifest, checkedAtMs: number, error: unknown): MirroredManifest => {
    const ageSeconds = Math.round((clock() - checkedAtMs - ttl.tag) / 1000);
    const failure = error instanceof UpstreamFailure ? error : undefined;
    const reason =
      failure?.status === undefined ? (failure?.kind ?? "slow") : `status-${failure.status}`;
    return served(here, { kind: "stale", ageSeconds, reason });
  };

  const byTag = async (
    place: MirrorPlace,
    tag: Tag,
    isHead: boolean,
  ): Promise<MirroredManifest> => {
    const { repository } = place;
    const here = await metadata.manifests.find(repository, { kind: "tag", tag });
    const checkedAtMs = await metadata.mirrorTags.checkedAtMs(repository, tag);
    const nowMs = clock();
    const head = heads.get(`${repository}:${tag}`);
    if (head !== undefined && head.atMs + ttl.tag > nowMs && head.atMs >= checkedAtMs)
      return await byHead(place, tag, head, isHead, { kind: "hit" });
    if (here === undefined) {
      if (isHead) return await byHead(place, tag, await check(place, tag), true, miss);
      return served(await incoming.get(place, { kind: "tag", tag }), miss);
    }
    const freshForMs = checkedAtMs + tagTtlMs() - nowMs;
    if (freshForMs > 0)
      return served(here, { kind: "hit", ttlSeconds: Math.round(freshForMs / 1000) });

    const pending = incoming.pending(place, tag);
    if (pending !== undefined) return served(await pending, miss);

    try {
      // The check goes on when nobody waits for it any more, and the next one profits.
      const late = new AbortController();
      const checked = await Promise.race([
        check(place, tag),
        pause(patienceMs, undefined, { signal: late.signal }).catch(() => undefined),
      ]).finally(() => late.abort());
      if (checked === undefined) return stale(here, checkedAtMs, undefined);
      return await byHead(place, tag, checked, isHead, { kind: "hit" });
    } catch (error) {
      if (saysAbsent(error)) {
        await forget(place, tag);
        throw error;
      }
      if (error instanceof UpstreamFailure) return stale(here, checkedAtMs, error);
      throw error;
    }
  };

  return {
    /**
     * The manifest, from here or from the upstream. A tag is asked for again when its time is over, by a HEAD, and goes
     * on being what it was while the upstream can't say. Throws MANIFEST_UNKNOWN only where the upstream has said so.
     */
    async get(
      place: MirrorPlace,
      reference: Reference,
      { isHead }: { readonly isHead: boolean },
    ): Promise<MirroredManifest> {
      const text = reference.kind === "tag" ? reference.tag : reference.digest;
      const key = `${place.repository}:${text}`;
      const absent = new OciError("MANIFEST_UNKNOWN", undefined, {
        detail: reference.kind === "tag" ? { tag: text } : { digest: text },
      });
      if (missing.has(key)) throw absent;
      try {
        return reference.kind === "tag"
          ? await byTag(place, reference.tag, isHead)
          : await byDigest(place, reference.digest, isHead);
      } catch (error) {
        if (saysAbsent(error)) missing.add(key, ttl.missing);
        throw clientError(error, absent);
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
