import { setTimeout as pause } from "node:timers/promises";
import type { Database } from "../../database/database.ts";
import { algorithmOf, digestOf, isDigest, type Digest } from "../../oci/digest.ts";
import {
  bareMediaType,
  DOCKER_MANIFEST,
  DOCKER_MANIFEST_LIST,
  OCI_INDEX,
  OCI_MANIFEST,
} from "../../oci/media-types.ts";
import type { Reference, Tag } from "../../oci/reference.ts";
import {
  headerOf,
  integerOf,
  type ResponseReader,
  type UpstreamResponse,
} from "../upstream/responses.ts";
import type { FetchLeases } from "./fetch-leases.ts";
import type { ProcessRegistry } from "./process-registry.ts";
import { UpstreamFailure } from "../upstream/failure.ts";
import type { ManifestHead } from "./manifests.ts";
import type { EventLoopScheduler } from "./event-loop-scheduler.ts";
import { admitAll, type AdmitMiss, type MirrorRepository } from "../repository.ts";
import type { DownloadedManifest, WriteBehind } from "./write-behind.ts";
import type { Upstream } from "../upstream/client.ts";

/** Lists all manifest types: for an incomplete list, some registries answer with a converted manifest, or with 404. */
const accept = [OCI_INDEX, DOCKER_MANIFEST_LIST, OCI_MANIFEST, DOCKER_MANIFEST, "*/*"].join(", ");

/** Interval for polling the fetch of another process. */
const lookEveryMs = 20;

/**
 * Downloads manifests. Concurrent clients of one manifest share one request. The methods throw {@link UpstreamFailure}
 * and the errors of `admitMiss`.
 */
export interface ManifestDownloads {
  /** Sends a HEAD. If the response lacks the digest, type or size, downloads the manifest. */
  head(
    mirrorRepository: MirrorRepository,
    reference: Reference,
    admitMiss: AdmitMiss,
  ): Promise<ManifestHead>;
  /** Downloads and verifies a manifest, and starts to store it: under the tag of the reference, or under `tag`. */
  get(
    mirrorRepository: MirrorRepository,
    reference: Reference,
    admitMiss: AdmitMiss,
    tag?: Tag,
  ): Promise<DownloadedManifest>;
  /** Returns the running download for a tag. */
  pending(mirrorRepository: MirrorRepository, tag: Tag): Promise<DownloadedManifest> | undefined;
}

export function createManifestDownloads(parts: {
  readonly database: Pick<Database, "manifests" | "mirrorTags">;
  readonly writeBehind: WriteBehind;
  readonly upstream: Upstream;
  readonly responses: ResponseReader;
  readonly processRegistry: Pick<ProcessRegistry, "isOnlyProcess">;
  readonly fetchLeases: FetchLeases;
  readonly scheduler: Pick<EventLoopScheduler, "yieldTurn">;
  readonly limitBytes: number;
  readonly clock: () => number;
  readonly report: (error: unknown) => void;
}): ManifestDownloads {
  const {
    database,
    writeBehind,
    upstream,
    processRegistry,
    fetchLeases,
    scheduler,
    clock,
    report,
  } = parts;
  const { responses, limitBytes } = parts;
  const running = new Map<string, Promise<unknown>>();
  const pending = new Map<string, Promise<DownloadedManifest>>();

  const once = <T>(
    key: string,
    admitMiss: AdmitMiss,
    work: () => Promise<T>,
    end: (result: T) => Promise<void> = nothingMore,
  ): Promise<T> => {
    const known = running.get(key) as Promise<T> | undefined;
    if (known !== undefined)
      return known.then((result) => scheduler.yieldTurn().then(() => result));
    // Before `running.set`, so that clients that join do not fail on this client's limit.
    admitMiss();
    const begun = work();
    running.set(key, begun);
    const forget = (): void => void running.delete(key);
    begun.then(end).then(forget, forget);
    return begun;
  };

  const download = async (
    { name }: MirrorRepository,
    reference: Reference,
  ): Promise<{ readonly bytes: Buffer; readonly mediaType: string | undefined }> => {
    const path = `manifests/${textOf(reference)}`;
    const answer = await upstream.ask({ method: "GET", name, path, headers: { accept } });
    const bytes = await responses.read(answer, { limitBytes }, (whole) => whole);
    const length = headerOf(answer, "content-length");
    if (length !== undefined && Number(length) !== bytes.length)
      throw new UpstreamFailure("connectionFailed", "the upstream has cut a manifest");
    const said = reference.kind === "tag" ? digestHeader(answer) : reference.digest;
    if (said !== undefined && digestOf(bytes, algorithmOf(said)) !== said)
      throw new UpstreamFailure("badResponse", `the upstream's manifest is not ${said}`);
    return { bytes, mediaType: bareMediaType(headerOf(answer, "content-type") ?? "") };
  };

  /**
   * If several processes share the database, one of them downloads (the lease owner) and the others poll for the stored
   * manifest. For a tag, the stored manifest counts only if it was checked at or after `notBeforeMs`.
   */
  const forAll = async (
    mirrorRepository: MirrorRepository,
    reference: Reference,
    notBeforeMs: number,
    fetch: () => Promise<DownloadedManifest>,
  ): Promise<DownloadedManifest> => {
    if (await processRegistry.isOnlyProcess()) return await fetch();
    const { repository } = mirrorRepository;
    const fetchTarget = { repository, reference: `manifests/${textOf(reference)}` } as const;
    const find = async (): Promise<DownloadedManifest | undefined> => {
      const checkedAtMs =
        reference.kind === "digest"
          ? Infinity
          : await database.mirrorTags.checkedAtMs(repository, reference.tag);
      const here = await database.manifests.find(repository, reference);
      if (here === undefined || checkedAtMs < notBeforeMs) return undefined;
      return { ...here, config: undefined, stored: Promise.resolve() };
    };
    for (;;) {
      const running = await fetchLeases.find(fetchTarget);
      const here = await find();
      if (here !== undefined) return here;
      if (running !== undefined && fetchLeases.isAlive(running)) await pause(lookEveryMs);
      else if ((await fetchLeases.begin(fetchTarget, running, "")).role === "leader") break;
    }
    const end = (): Promise<unknown> => fetchLeases.end(fetchTarget).catch(report);
    try {
      // Another process may have stored the manifest just before this process took the lease.
      const arrived = (await find()) ?? (await fetch());
      void arrived.stored.then(end, end);
      return arrived;
    } catch (error) {
      await end();
      throw error;
    }
  };

  const whenStored = ({ stored }: DownloadedManifest): Promise<void> => stored;

  const get = (
    mirrorRepository: MirrorRepository,
    reference: Reference,
    admitMiss: AdmitMiss,
    tag?: Tag,
    notBeforeMs = 0,
  ): Promise<DownloadedManifest> => {
    const itself = `${mirrorRepository.repository} ${textOf(reference)} itself`;
    const fetch = async (): Promise<DownloadedManifest> => {
      await writeBehind.waitForSpace();
      const { bytes, mediaType } = await download(mirrorRepository, reference);
      return reference.kind === "tag"
        ? writeBehind.keep(mirrorRepository, [reference.tag], bytes, mediaType)
        : writeBehind.keep(mirrorRepository, [], bytes, mediaType, reference.digest);
    };
    const work = async (): Promise<DownloadedManifest> => {
      if (reference.kind === "tag")
        return await forAll(mirrorRepository, reference, notBeforeMs, fetch);
      const { digest } = reference;
      const tags = tag === undefined ? [] : [tag];
      const here =
        writeBehind.held(mirrorRepository, reference) ??
        (await database.manifests.find(mirrorRepository.repository, reference));
      if (here !== undefined)
        return writeBehind.keep(mirrorRepository, tags, here.content, here.mediaType, digest);
      const found = await once(itself, admitAll, () =>
        forAll(mirrorRepository, reference, notBeforeMs, fetch),
      );
      if (tags.length === 0) return found;
      return {
        ...writeBehind.keep(mirrorRepository, tags, found.content, found.mediaType, digest),
        config: found.config,
      };
    };
    const key = `${mirrorRepository.repository} ${textOf(reference)} ${tag ?? ""}`;
    return once(key, running.has(itself) ? admitAll : admitMiss, work, whenStored);
  };

  return {
    get(mirrorRepository, reference, admitMiss, tag) {
      const work = get(mirrorRepository, reference, admitMiss, tag);
      const name = reference.kind === "tag" ? reference.tag : tag;
      if (name === undefined) return work;
      const key = `${mirrorRepository.repository}:${name}`;
      pending.set(key, work);
      const forget = (): void => {
        if (pending.get(key) === work) pending.delete(key);
      };
      work.then(whenStored).then(forget, forget);
      return work;
    },
    pending: ({ repository }, tag) => pending.get(`${repository}:${tag}`),
    head: (mirrorRepository, reference, admitMiss) =>
      once(`${mirrorRepository.repository} ${textOf(reference)} head`, admitMiss, async () => {
        const path = `manifests/${textOf(reference)}`;
        const asked = { name: mirrorRepository.name, path, headers: { accept } };
        const answer = await upstream.ask({ method: "HEAD", ...asked });
        await answer.body.dump();
        const digest = digestHeader(answer);
        const mediaType = bareMediaType(headerOf(answer, "content-type") ?? "");
        const sizeBytes = integerOf(answer, "content-length");
        if (digest !== undefined && mediaType !== undefined && sizeBytes !== undefined)
          return { digest, mediaType, sizeBytes };
        const found = await get(mirrorRepository, reference, admitAll, undefined, clock());
        return {
          digest: found.digest,
          mediaType: found.mediaType,
          sizeBytes: found.content.length,
        };
      }),
  };
}

const textOf = (reference: Reference): Tag | Digest =>
  reference.kind === "tag" ? reference.tag : reference.digest;

const nothingMore = (): Promise<void> => Promise.resolve();

/** The valid digest in `Docker-Content-Digest`, or `undefined`. */
function digestHeader(answer: Pick<UpstreamResponse, "headers">): Digest | undefined {
  const digest = headerOf(answer, "docker-content-digest");
  return digest !== undefined && isDigest(digest) ? digest : undefined;
}
