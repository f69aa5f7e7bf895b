import { setTimeout as pause } from "node:timers/promises";
import {
  createByteCache,
  entryOverheadBytes,
  stringBytes,
} from "../../concurrency/bounded-cache.ts";
import { createSingleFlight } from "../../concurrency/single-flight.ts";
import type { Database } from "../../database/contract.ts";
import type { Digest } from "../../oci/digest.ts";
import type { RepositoryName } from "../../oci/name.ts";
import type { Tag } from "../../oci/reference.ts";
import { admitAll, type AdmitMiss, type MirrorRepository } from "../repository.ts";
import type { Availability } from "../upstream/availability.ts";
import type { ManifestDownloads } from "./manifest-downloads.ts";
import type { MirrorProcesses } from "./mirror-processes.ts";
import type { ManifestHead } from "./sources.ts";

/** When the upstream's rate limit is nearly used up, `ttl.tag` is 12 times as long. */
const lowRateLimitFactor = 12;
/** 8 MB hold about 10,000 HEAD responses. The least recently used one is evicted first; each is valid for `ttl.tag`. */
const headsBytesAtMost = 8 * 1024 * 1024;

interface TagChecksParts {
  readonly database: Pick<Database, "facts" | "commands">;
  readonly manifestDownloads: ManifestDownloads;
  readonly availability: Pick<Availability, "isRateLimitShort">;
  readonly mirrorProcesses: Pick<MirrorProcesses, "isOnlyProcess">;
  /** `ttl.tag`. */
  readonly ttlMs: number;
  readonly clock: () => number;
}

interface AwaitedManifest {
  readonly mirrorRepository: MirrorRepository;
  readonly digest: Digest;
  readonly sinceMs: number;
}

/** A client waits at most this long for the check of a cached tag. */
const longestCheckMs = 1_000;

/** Manifests that {@link TagChecks.storeAwaited} looks for; the oldest one is dropped first. */
const awaitedAtMost = 200;

/** Checks where tags point at the upstream, with HEAD requests that concurrent clients share. */
export class TagChecks {
  readonly #parts: TagChecksParts;
  /** The targets of tags from upstream HEAD responses. The manifests may not be cached. */
  readonly #heads = createByteCache<ManifestHead & { readonly atMs: number }>({
    maxBytes: headsBytesAtMost,
    sizeOf: (head) => stringBytes(JSON.stringify(head)),
  });
  readonly #once = createSingleFlight<ManifestHead>();
  readonly #pending: PendingTagChecks;
  /** The manifests of pending tags, which a client may request from another process; the oldest first. */
  readonly #awaited = new Map<string, AwaitedManifest>();

  constructor(parts: TagChecksParts) {
    this.#parts = parts;
    this.#pending = createPendingTagChecks(parts.clock);
  }

  /** Returns the result of a HEAD that is younger than `ttl.tag`, and not older than the stored check of the tag. */
  fresh({ repository }: MirrorRepository, tag: Tag, checkedAtMs: number): ManifestHead | undefined {
    const { ttlMs, clock } = this.#parts;
    const head = this.#heads.get(`${repository}:${tag}`);
    const isFresh = head !== undefined && head.atMs + ttlMs > clock() && head.atMs >= checkedAtMs;
    return isFresh ? head : undefined;
  }

  /** Milliseconds for which a stored tag is still fresh; at most 0: check it. */
  freshForMs(checkedAtMs: number): number {
    const { ttlMs, clock, availability } = this.#parts;
    const factor = availability.isRateLimitShort() ? lowRateLimitFactor : 1;
    return checkedAtMs + ttlMs * factor - clock();
  }

  /** Checks a tag with one upstream HEAD, shared by concurrent clients. */
  check(mirrorRepository: MirrorRepository, tag: Tag, admitMiss: AdmitMiss): Promise<ManifestHead> {
    const work = this.#once(`${mirrorRepository.repository}:${tag}`, () => {
      admitMiss();
      return this.#ask(mirrorRepository, tag);
    });
    work.catch(() => undefined);
    return work;
  }

  /**
   * As {@link check}, for a cached tag: `undefined` if the upstream does not answer within 1 s. The check continues, so that
   * the next request finds its result.
   */
  async checkInTime(
    mirrorRepository: MirrorRepository,
    tag: Tag,
  ): Promise<ManifestHead | undefined> {
    const late = new AbortController();
    return await Promise.race([
      this.check(mirrorRepository, tag, admitAll),
      pause(longestCheckMs, undefined, { signal: late.signal }).catch(() => undefined),
    ]).finally(() => late.abort());
  }

  /** Removes and returns the tags that point at a manifest, after it arrived. */
  takePending({ repository }: MirrorRepository, digest: Digest): readonly Tag[] {
    this.#awaited.delete(`${repository}@${digest}`);
    return this.#pending.take(repository, digest);
  }

  /**
   * Stores the pending tags whose manifests another process has stored: a client may send its HEAD of the tag to one
   * process, and its GET of the digest to another.
   */
  async storeAwaited(): Promise<void> {
    const { database, manifestDownloads, mirrorProcesses, clock } = this.#parts;
    if (this.#awaited.size === 0 || (await mirrorProcesses.isOnlyProcess())) return;
    for (const [key, { mirrorRepository, digest, sinceMs }] of [...this.#awaited]) {
      const { repository } = mirrorRepository;
      const reference = { kind: "digest", digest } as const;
      const here = await database.facts.manifests.get(repository, reference);
      if (here !== undefined || sinceMs + goodForMs < clock()) this.#awaited.delete(key);
      if (here === undefined) continue;
      for (const tag of this.#pending.take(repository, digest))
        await manifestDownloads.get(mirrorRepository, reference, admitAll, tag);
    }
  }

  forget({ repository }: MirrorRepository, tag: Tag): void {
    this.#heads.delete(`${repository}:${tag}`);
  }

  async #ask(mirrorRepository: MirrorRepository, tag: Tag): Promise<ManifestHead> {
    const { database, manifestDownloads, clock } = this.#parts;
    const { repository } = mirrorRepository;
    const head = await manifestDownloads.head(mirrorRepository, { kind: "tag", tag }, admitAll);
    const { digest } = head;
    this.#heads.set(`${repository}:${tag}`, { ...head, atMs: clock() });
    const here = await database.facts.manifests.get(repository, { kind: "tag", tag });
    if (here?.digest === digest)
      await database.commands.checkMirrorTag({ repository, tag, nowMs: clock() });
    // Many clients send a HEAD for the tag and then a GET for the digest, whose manifest may be cached or not.
    else if ((await manifestDownloads.find(mirrorRepository, digest)) !== undefined)
      await manifestDownloads.get(mirrorRepository, { kind: "digest", digest }, admitAll, tag);
    else this.#await(mirrorRepository, digest, tag);
    return head;
  }

  #await(mirrorRepository: MirrorRepository, digest: Digest, tag: Tag): void {
    const { repository } = mirrorRepository;
    this.#pending.add(repository, digest, tag);
    const key = `${repository}@${digest}`;
    this.#awaited.delete(key);
    this.#awaited.set(key, { mirrorRepository, digest, sinceMs: this.#parts.clock() });
    const [oldest] = this.#awaited.keys();
    if (oldest !== undefined && this.#awaited.size > awaitedAtMost) this.#awaited.delete(oldest);
  }
}

/** Tags whose target a HEAD has returned, but whose manifest is not cached yet. */
interface PendingTagChecks {
  add(repository: RepositoryName, digest: Digest, tag: Tag): void;
  /** Removes and returns the tags that point at a manifest, after it arrived. */
  take(repository: RepositoryName, digest: Digest): readonly Tag[];
}

/** A client requests the manifest right after its HEAD. An older result may be outdated. */
const goodForMs = 60_000;
/** Bytes of all pending tag checks; the least recently used manifest is evicted first. */
const bytesAtMost = 8 * 1024 * 1024;
/** Tags of one manifest; the oldest one is evicted first. */
const tagsAtMost = 100;

export function createPendingTagChecks(clock: () => number): PendingTagChecks {
  const byManifest = createByteCache<ReadonlyMap<Tag, number>>({
    maxBytes: bytesAtMost,
    sizeOf: (tags) => tags.size * entryOverheadBytes,
  });
  return {
    add(repository, digest, tag) {
      const key = `${repository}@${digest}`;
      const before = [...(byManifest.get(key) ?? [])].filter(([other]) => other !== tag);
      byManifest.set(key, new Map([...before.slice(1 - tagsAtMost), [tag, clock()]]));
    },
    take(repository, digest) {
      const key = `${repository}@${digest}`;
      const tags = [...(byManifest.get(key) ?? [])];
      byManifest.delete(key);
      return tags.flatMap(([tag, atMs]) => (atMs + goodForMs > clock() ? [tag] : []));
    },
  };
}
