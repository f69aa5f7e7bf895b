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
import type { Bodies } from "../upstream/bodies.ts";
import type { Claims } from "./fetch-leases.ts";
import type { Company } from "./process-registry.ts";
import { UpstreamFailure } from "../upstream/failure.ts";
import type { ManifestHead } from "./manifests.ts";
import type { Pace } from "./event-loop-scheduler.ts";
import { admitAll, type AdmitMiss, type MirrorPlace } from "../repository.ts";
import type { ArrivedManifest, Storing } from "./write-behind.ts";
import { oneOf } from "../upstream/connection.ts";
import type { Upstream } from "../upstream/client.ts";

/** All of them: some registries answer an incomplete list with another object, or with 404. */
const accept = [OCI_INDEX, DOCKER_MANIFEST_LIST, OCI_MANIFEST, DOCKER_MANIFEST, "*/*"].join(", ");

/** How often a fetch of another process is looked at. */
const lookEveryMs = 20;

/**
 * Manifests on their way from the upstream: one request for all that wait for the same. Throws {@link UpstreamFailure},
 * and at once what `admitMiss` throws.
 */
export interface Incoming {
  /** What a HEAD tells; where the upstream's HEAD has no digest, the manifest is fetched. */
  head(place: MirrorPlace, reference: Reference, admitMiss: AdmitMiss): Promise<ManifestHead>;
  /** Fetches and verifies a manifest, and begins to store it, under its tag if it has one. */
  get(
    place: MirrorPlace,
    reference: Reference,
    admitMiss: AdmitMiss,
    tag?: Tag,
  ): Promise<ArrivedManifest>;
  /** What is on its way to a tag right now. */
  pending(place: MirrorPlace, tag: Tag): Promise<ArrivedManifest> | undefined;
}

export function createIncoming(parts: {
  readonly database: Pick<Database, "manifests" | "mirrorTags">;
  readonly storing: Storing;
  readonly upstream: Upstream;
  readonly bodies: Bodies;
  readonly company: Pick<Company, "isAlone">;
  readonly claims: Claims;
  readonly pace: Pick<Pace, "turn">;
  readonly limitBytes: number;
  readonly clock: () => number;
  readonly report: (error: unknown) => void;
}): Incoming {
  const { database, storing, upstream, company, claims, pace, clock, report } = parts;
  const { bodies, limitBytes } = parts;
  const running = new Map<string, Promise<unknown>>();
  const pending = new Map<string, Promise<ArrivedManifest>>();

  const once = <T>(
    key: string,
    admitMiss: AdmitMiss,
    work: () => Promise<T>,
    end: (result: T) => Promise<void> = nothingMore,
  ): Promise<T> => {
    const known = running.get(key) as Promise<T> | undefined;
    if (known !== undefined) return known.then((result) => pace.turn().then(() => result));
    // Before others can join: they must not be refused for what this client has used up.
    admitMiss();
    const begun = work();
    running.set(key, begun);
    const forget = (): void => void running.delete(key);
    begun.then(end).then(forget, forget);
    return begun;
  };

  const download = async (
    { name }: MirrorPlace,
    reference: Reference,
  ): Promise<{ readonly bytes: Buffer; readonly mediaType: string | undefined }> => {
    const path = `manifests/${textOf(reference)}`;
    const answer = await upstream.ask({ method: "GET", name, path, headers: { accept } });
    const bytes = await bodies.read(answer, { limitBytes }, (whole) => whole);
    const length = oneOf(answer.headers["content-length"]);
    if (length !== undefined && Number(length) !== bytes.length)
      throw new UpstreamFailure("unreachable", "the upstream has cut a manifest");
    const said = reference.kind === "tag" ? digestHeader(answer.headers) : reference.digest;
    if (said !== undefined && digestOf(bytes, algorithmOf(said)) !== said)
      throw new UpstreamFailure("wrong", `the upstream's manifest is not ${said}`);
    return { bytes, mediaType: bareMediaType(oneOf(answer.headers["content-type"]) ?? "") };
  };

  /**
   * Where other processes may be at it too, one of them fetches; the others find what it has stored: of a tag, what has
   * been true at some time from `notBeforeMs` on.
   */
  const forAll = async (
    place: MirrorPlace,
    reference: Reference,
    notBeforeMs: number,
    fetch: () => Promise<ArrivedManifest>,
  ): Promise<ArrivedManifest> => {
    if (await company.isAlone()) return await fetch();
    const { repository } = place;
    const claimed = { repository, reference: `manifests/${textOf(reference)}` } as const;
    const find = async (): Promise<ArrivedManifest | undefined> => {
      const checkedAtMs =
        reference.kind === "digest"
          ? Infinity
          : await database.mirrorTags.checkedAtMs(repository, reference.tag);
      const here = await database.manifests.find(repository, reference);
      if (here === undefined || checkedAtMs < notBeforeMs) return undefined;
      return { ...here, config: undefined, stored: Promise.resolve() };
    };
    for (;;) {
      const running = await claims.find(claimed);
      const here = await find();
      if (here !== undefined) return here;
      if (running !== undefined && claims.isAlive(running)) await pause(lookEveryMs);
      else if ((await claims.begin(claimed, running, "")).role === "leader") break;
    }
    const end = (): Promise<unknown> => claims.end(claimed).catch(report);
    try {
      // Whoever had it may have ended just before.
      const arrived = (await find()) ?? (await fetch());
      void arrived.stored.then(end, end);
      return arrived;
    } catch (error) {
      await end();
      throw error;
    }
  };

  const whenStored = ({ stored }: ArrivedManifest): Promise<void> => stored;

  const get = (
    place: MirrorPlace,
    reference: Reference,
    admitMiss: AdmitMiss,
    tag?: Tag,
    notBeforeMs = 0,
  ): Promise<ArrivedManifest> => {
    const itself = `${place.repository} ${textOf(reference)} itself`;
    const fetch = async (): Promise<ArrivedManifest> => {
      await storing.room();
      const { bytes, mediaType } = await download(place, reference);
      return reference.kind === "tag"
        ? storing.keep(place, [reference.tag], bytes, mediaType)
        : storing.keep(place, [], bytes, mediaType, reference.digest);
    };
    const work = async (): Promise<ArrivedManifest> => {
      if (reference.kind === "tag") return await forAll(place, reference, notBeforeMs, fetch);
      const { digest } = reference;
      const tags = tag === undefined ? [] : [tag];
      const here =
        storing.held(place, reference) ??
        (await database.manifests.find(place.repository, reference));
      if (here !== undefined)
        return storing.keep(place, tags, here.content, here.mediaType, digest);
      const found = await once(itself, admitAll, () =>
        forAll(place, reference, notBeforeMs, fetch),
      );
      if (tags.length === 0) return found;
      return {
        ...storing.keep(place, tags, found.content, found.mediaType, digest),
        config: found.config,
      };
    };
    const key = `${place.repository} ${textOf(reference)} ${tag ?? ""}`;
    return once(key, running.has(itself) ? admitAll : admitMiss, work, whenStored);
  };

  return {
    get(place, reference, admitMiss, tag) {
      const work = get(place, reference, admitMiss, tag);
      const name = reference.kind === "tag" ? reference.tag : tag;
      if (name === undefined) return work;
      const key = `${place.repository}:${name}`;
      pending.set(key, work);
      const forget = (): void => {
        if (pending.get(key) === work) pending.delete(key);
      };
      work.then(whenStored).then(forget, forget);
      return work;
    },
    pending: ({ repository }, tag) => pending.get(`${repository}:${tag}`),
    head: (place, reference, admitMiss) =>
      once(`${place.repository} ${textOf(reference)} head`, admitMiss, async () => {
        const path = `manifests/${textOf(reference)}`;
        const asked = { name: place.name, path, headers: { accept } };
        const answer = await upstream.ask({ method: "HEAD", ...asked });
        await answer.body.dump();
        const digest = digestHeader(answer.headers);
        const mediaType = bareMediaType(oneOf(answer.headers["content-type"]) ?? "");
        const sizeBytes = Number(oneOf(answer.headers["content-length"]) ?? Number.NaN);
        if (digest !== undefined && mediaType !== undefined && Number.isSafeInteger(sizeBytes))
          return { digest, mediaType, sizeBytes };
        const found = await get(place, reference, admitAll, undefined, clock());
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

/** The digest that an answer says it has. */
function digestHeader(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Digest | undefined {
  const digest = oneOf(headers["docker-content-digest"]);
  return digest !== undefined && isDigest(digest) ? digest : undefined;
}
