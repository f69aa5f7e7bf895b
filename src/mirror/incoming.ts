import type { Metadata } from "../metadata/metadata.ts";
import { algorithmOf, digestOf, isDigest, type Digest } from "../oci/digest.ts";
import { OciError } from "../oci/errors.ts";
import {
  bareMediaType,
  DOCKER_MANIFEST,
  DOCKER_MANIFEST_LIST,
  OCI_INDEX,
  OCI_MANIFEST,
} from "../oci/media-types.ts";
import type { Reference, Tag } from "../oci/reference.ts";
import type { Manifests, StoredManifest } from "../registry/manifests.ts";
import { UpstreamFailure } from "./failure.ts";
import type { ManifestHead } from "./manifests.ts";
import { mirrorActor, type MirrorPlace } from "./place.ts";
import { oneOf, readWhole, type Upstream } from "./upstream.ts";

/** All of them: some registries answer an incomplete list with another object, or with 404. */
const accept = [OCI_INDEX, DOCKER_MANIFEST_LIST, OCI_MANIFEST, DOCKER_MANIFEST, "*/*"].join(", ");

/** Manifests on their way from the upstream: one request for all that wait for the same. Throws {@link UpstreamFailure}. */
export interface Incoming {
  /** What a HEAD tells; where the upstream's HEAD has no digest, the manifest is fetched. */
  head(place: MirrorPlace, reference: Reference): Promise<ManifestHead>;
  /** Fetches, verifies and stores a manifest, under its tag if it has one. */
  get(place: MirrorPlace, reference: Reference, tag?: Tag): Promise<StoredManifest>;
  /** What is being stored under a tag right now. */
  pending(place: MirrorPlace, tag: Tag): Promise<StoredManifest> | undefined;
}

export function createIncoming(parts: {
  readonly metadata: Pick<Metadata, "manifests" | "run">;
  readonly manifests: Pick<Manifests, "put">;
  readonly upstream: Upstream;
  readonly limitBytes: number;
  readonly clock: () => number;
}): Incoming {
  const { metadata, manifests, upstream, limitBytes, clock } = parts;
  const running = new Map<string, Promise<unknown>>();
  const pending = new Map<string, Promise<StoredManifest>>();

  const once = <T>(key: string, work: () => Promise<T>): Promise<T> => {
    const known = running.get(key) as Promise<T> | undefined;
    if (known !== undefined) return known;
    const begun = work().finally(() => running.delete(key));
    running.set(key, begun);
    return begun;
  };

  const download = async (
    { name }: MirrorPlace,
    reference: Reference,
  ): Promise<{ readonly bytes: Buffer; readonly mediaType: string | undefined }> => {
    const text = reference.kind === "tag" ? reference.tag : reference.digest;
    const path = `manifests/${text}`;
    const answer = await upstream.ask({ method: "GET", name, path, headers: { accept } });
    const bytes = await readWhole(answer.body, limitBytes);
    const length = oneOf(answer.headers["content-length"]);
    if (length !== undefined && Number(length) !== bytes.length)
      throw new UpstreamFailure("unreachable", "the upstream has cut a manifest");
    const said = reference.kind === "tag" ? digestHeader(answer.headers) : reference.digest;
    if (said !== undefined && digestOf(bytes, algorithmOf(said)) !== said)
      throw new UpstreamFailure("wrong", `the upstream's manifest is not ${said}`);
    return { bytes, mediaType: bareMediaType(oneOf(answer.headers["content-type"]) ?? "") };
  };

  const keep = async (
    { repository }: MirrorPlace,
    tags: readonly Tag[],
    bytes: Uint8Array,
    mediaType: string | undefined,
    digest = digestOf(bytes),
  ): Promise<StoredManifest> => {
    const reference = { kind: "digest", digest } as const;
    // A type that says nothing is left to what the manifest says of itself.
    const contentType = mediaType === undefined || isVague(mediaType) ? undefined : mediaType;
    try {
      await manifests.put({
        ...{ actor: mirrorActor, repository, reference, tags, contentType, bytes },
      });
    } catch (error) {
      if (!(error instanceof OciError) || error.status !== 400) throw error;
      throw new UpstreamFailure("wrong", "the upstream's manifest is none", { cause: error });
    }
    for (const tag of tags)
      await metadata.run("checkMirrorTag", { repository, tag, nowMs: clock() });
    const stored = await metadata.manifests.find(repository, reference);
    if (stored === undefined) throw new Error("a manifest has gone while it was being stored");
    return stored;
  };

  const get = (place: MirrorPlace, reference: Reference, tag?: Tag): Promise<StoredManifest> => {
    const text = reference.kind === "tag" ? reference.tag : reference.digest;
    return once(`${place.repository} ${text} ${tag ?? ""}`, async () => {
      if (reference.kind === "tag") {
        const { bytes, mediaType } = await download(place, reference);
        return await keep(place, [reference.tag], bytes, mediaType);
      }
      const { digest } = reference;
      const tags = tag === undefined ? [] : [tag];
      const here = await metadata.manifests.find(place.repository, reference);
      if (here !== undefined) return await keep(place, tags, here.content, here.mediaType, digest);
      const { bytes, mediaType } = await once(`${place.repository} ${digest} bytes`, () =>
        download(place, reference),
      );
      return await keep(place, tags, bytes, mediaType, digest);
    });
  };

  return {
    get(place, reference, tag) {
      const work = get(place, reference, tag);
      const name = reference.kind === "tag" ? reference.tag : tag;
      if (name === undefined) return work;
      const key = `${place.repository}:${name}`;
      pending.set(key, work);
      const forget = (): void => {
        if (pending.get(key) === work) pending.delete(key);
      };
      work.then(forget, forget);
      return work;
    },
    pending: ({ repository }, tag) => pending.get(`${repository}:${tag}`),
    head: (place, reference) =>
      once(
        `${place.repository} ${reference.kind === "tag" ? reference.tag : reference.digest} head`,
        async () => {
          const text = reference.kind === "tag" ? reference.tag : reference.digest;
          const asked = { name: place.name, path: `manifests/${text}`, headers: { accept } };
          const answer = await upstream.ask({ method: "HEAD", ...asked });
          await answer.body.dump();
          const digest = digestHeader(answer.headers);
          const mediaType = bareMediaType(oneOf(answer.headers["content-type"]) ?? "");
          const sizeBytes = Number(oneOf(answer.headers["content-length"]) ?? Number.NaN);
          if (digest !== undefined && mediaType !== undefined && Number.isSafeInteger(sizeBytes))
            return { digest, mediaType, sizeBytes };
          const found = await get(place, reference);
          return {
            digest: found.digest,
            mediaType: found.mediaType,
            sizeBytes: found.content.length,
          };
        },
      ),
  };
}

const isVague = (mediaType: string): boolean =>
  ["application/octet-stream", "application/json", "text/plain"].includes(mediaType.toLowerCase());

/** The digest that an answer says it has. */
function digestHeader(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Digest | undefined {
  const digest = oneOf(headers["docker-content-digest"]);
  return digest !== undefined && isDigest(digest) ? digest : undefined;
}
