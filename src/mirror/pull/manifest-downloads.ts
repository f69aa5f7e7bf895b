import { setTimeout as pause } from "node:timers/promises";
import type { Database } from "../../database/contract.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Reference, Tag } from "../../oci/reference.ts";
import { admitAll, type AdmitMiss, type MirrorRepository } from "../repository.ts";
import type { EventLoopScheduler } from "./event-loop-scheduler.ts";
import type { FetchOwners } from "./fetch-owners.ts";
import type { MirrorProcesses } from "./mirror-processes.ts";
import {
  referenceText,
  requestManifest,
  requestManifestHead,
  type ManifestHead,
  type ManifestSource,
} from "./sources.ts";
import type { DownloadedManifest, WriteBehind } from "./write-behind.ts";

/** Interval for polling the fetch of another process. */
const lookEveryMs = 20;

interface ManifestDownloadsParts extends ManifestSource {
  readonly database: Pick<Database, "facts" | "mirrorTags">;
  readonly writeBehind: WriteBehind;
  readonly mirrorProcesses: Pick<MirrorProcesses, "isOnlyProcess">;
  readonly fetchOwners: FetchOwners;
  readonly scheduler: Pick<EventLoopScheduler, "yieldTurn">;
  readonly clock: () => number;
  readonly report: (error: unknown) => void;
}

/** A manifest to download. */
interface WantedManifest {
  readonly reference: Reference;
  /** The tag under which the manifest of a digest is stored. */
  readonly tag: Tag | undefined;
  /** A manifest that another process has stored for a tag counts only if the tag was checked at or after this time. */
  readonly notBeforeMs: number;
}

/**
 * Downloads manifests. Concurrent clients of one manifest share one request. The methods throw {@link UpstreamFailure}
 * and the errors of `admitMiss`.
 */
export class ManifestDownloads {
  readonly #parts: ManifestDownloadsParts;
  /** Running requests. A download runs until its manifest is stored. */
  readonly #running = new Map<string, Promise<unknown>>();
  /** Running downloads by repository and tag. */
  readonly #pending = new Map<string, Promise<DownloadedManifest>>();

  constructor(parts: ManifestDownloadsParts) {
    this.#parts = parts;
  }

  /** Returns a manifest that is stored, or is being stored. */
  async find(
    mirrorRepository: MirrorRepository,
    digest: Digest,
  ): Promise<Pick<DownloadedManifest, "content" | "mediaType"> | undefined> {
    const { writeBehind, database } = this.#parts;
    const reference = { kind: "digest", digest } as const;
    return (
      writeBehind.held(mirrorRepository, reference) ??
      (await database.facts.manifests.get(mirrorRepository.repository, reference))
    );
  }

  /** Sends a HEAD. If the response lacks the digest, type or size, downloads the manifest. */
  head(
    mirrorRepository: MirrorRepository,
    reference: Reference,
    admitMiss: AdmitMiss,
  ): Promise<ManifestHead> {
    const key = `${mirrorRepository.repository} ${referenceText(reference)} head`;
    return this.#once(key, admitMiss, async () => {
      const { upstream, clock } = this.#parts;
      const head = await requestManifestHead(upstream, mirrorRepository, reference);
      if (head !== undefined) return head;
      const wanted = { reference, tag: undefined, notBeforeMs: clock() };
      const { digest, mediaType, content } = await this.#get(mirrorRepository, wanted, admitAll);
      return { digest, mediaType, sizeBytes: content.length };
    });
  }

  /** Downloads and verifies a manifest, and starts to store it: under the tag of the reference, or under `tag`. */
  get(
    mirrorRepository: MirrorRepository,
    reference: Reference,
    admitMiss: AdmitMiss,
    tag?: Tag,
  ): Promise<DownloadedManifest> {
    const work = this.#get(mirrorRepository, { reference, tag, notBeforeMs: 0 }, admitMiss);
    const name = reference.kind === "tag" ? reference.tag : tag;
    if (name === undefined) return work;
    const key = `${mirrorRepository.repository}:${name}`;
    this.#pending.set(key, work);
    const forget = (): void => {
      if (this.#pending.get(key) === work) this.#pending.delete(key);
    };
    work.then(whenStored).then(forget, forget);
    return work;
  }

  /** Returns the running download for a tag. */
  pending({ repository }: MirrorRepository, tag: Tag): Promise<DownloadedManifest> | undefined {
    return this.#pending.get(`${repository}:${tag}`);
  }

  #get(
    mirrorRepository: MirrorRepository,
    wanted: WantedManifest,
    admitMiss: AdmitMiss,
  ): Promise<DownloadedManifest> {
    const { reference, tag = "" } = wanted;
    const key = `${mirrorRepository.repository} ${referenceText(reference)} ${tag}`;
    // A client that needs no upstream request of its own does not count against its limit.
    const isRunning = this.#running.has(downloadKey(mirrorRepository, reference));
    const work =
      reference.kind === "tag"
        ? () => this.#downloadForAll(mirrorRepository, wanted)
        : () => this.#getByDigest(mirrorRepository, reference.digest, wanted);
    return this.#once(key, isRunning ? admitAll : admitMiss, work, whenStored);
  }

  async #getByDigest(
    mirrorRepository: MirrorRepository,
    digest: Digest,
    wanted: WantedManifest,
  ): Promise<DownloadedManifest> {
    const { writeBehind } = this.#parts;
    const tags = wanted.tag === undefined ? [] : [wanted.tag];
    const here = await this.find(mirrorRepository, digest);
    if (here !== undefined)
      return writeBehind.keep(mirrorRepository, {
        content: here.content,
        mediaType: here.mediaType,
        tags,
        digest,
      });
    const found = await this.#once(downloadKey(mirrorRepository, wanted.reference), admitAll, () =>
      this.#downloadForAll(mirrorRepository, wanted),
    );
    if (tags.length === 0) return found;
    const { content, mediaType, config } = found;
    return { ...writeBehind.keep(mirrorRepository, { content, mediaType, tags, digest }), config };
  }

  /**
   * If several processes share the database, one of them downloads (the owner) and the others poll for the stored
   * manifest. A process that is alone writes no row: it serves the manifest also while the database accepts no writes.
   */
  async #downloadForAll(
    mirrorRepository: MirrorRepository,
    wanted: WantedManifest,
  ): Promise<DownloadedManifest> {
    const { mirrorProcesses, fetchOwners, report } = this.#parts;
    const { reference } = wanted;
    if (await mirrorProcesses.isOnlyProcess())
      return await this.#download(mirrorRepository, reference);
    const { repository } = mirrorRepository;
    const fetchTarget = { repository, reference: `manifests/${referenceText(reference)}` } as const;
    for (;;) {
      const running = await fetchOwners.find(fetchTarget);
      const here = await this.#findStored(mirrorRepository, wanted);
      if (here !== undefined) return here;
      if (running !== undefined && fetchOwners.isAlive(running)) await pause(lookEveryMs);
      else if ((await fetchOwners.takeOwnership(fetchTarget, running, "")).role === "leader") break;
    }
    const end = (): Promise<unknown> => fetchOwners.end(fetchTarget).catch(report);
    try {
      // Another process may have stored the manifest just before this process became the owner.
      const arrived =
        (await this.#findStored(mirrorRepository, wanted)) ??
        (await this.#download(mirrorRepository, reference));
      void arrived.stored.then(end, end);
      return arrived;
    } catch (error) {
      await end();
      throw error;
    }
  }

  /** Returns the stored manifest, if it is new enough. */
  async #findStored(
    { repository }: MirrorRepository,
    { reference, notBeforeMs }: WantedManifest,
  ): Promise<DownloadedManifest | undefined> {
    const { database } = this.#parts;
    const checkedAtMs =
      reference.kind === "digest"
        ? Infinity
        : await database.mirrorTags.checkedAtMs(repository, reference.tag);
    const here = await database.facts.manifests.get(repository, reference);
    if (here === undefined || checkedAtMs < notBeforeMs) return undefined;
    return { ...here, config: undefined, stored: Promise.resolve() };
  }

  async #download(
    mirrorRepository: MirrorRepository,
    reference: Reference,
  ): Promise<DownloadedManifest> {
    const { writeBehind } = this.#parts;
    await writeBehind.waitForSpace();
    const { bytes: content, mediaType } = await requestManifest(
      this.#parts,
      mirrorRepository,
      reference,
    );
    return reference.kind === "tag"
      ? writeBehind.keep(mirrorRepository, { content, mediaType, tags: [reference.tag] })
      : writeBehind.keep(mirrorRepository, {
          content,
          mediaType,
          tags: [],
          digest: reference.digest,
        });
  }

  /** Runs `work`, or joins the running work with the same key. It counts as running until `end` of its result resolves. */
  #once<T>(
    key: string,
    admitMiss: AdmitMiss,
    work: () => Promise<T>,
    end: (result: T) => Promise<void> | void = () => undefined,
  ): Promise<T> {
    const known = this.#running.get(key) as Promise<T> | undefined;
    if (known !== undefined)
      return known.then((result) => this.#parts.scheduler.yieldTurn().then(() => result));
    // Before `#running.set`, so that clients that join do not fail on this client's limit.
    admitMiss();
    const begun = work();
    this.#running.set(key, begun);
    const forget = (): void => void this.#running.delete(key);
    begun.then(end).then(forget, forget);
    return begun;
  }
}

const downloadKey = ({ repository }: MirrorRepository, reference: Reference): string =>
  `${repository} ${referenceText(reference)} itself`;

const whenStored = ({ stored }: DownloadedManifest): Promise<void> => stored;
