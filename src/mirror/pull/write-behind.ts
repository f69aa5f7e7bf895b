import { setImmediate } from "node:timers/promises";
import { digestOf, type Digest } from "../../oci/digest.ts";
import { OciError } from "../../oci/errors.ts";
import { parseManifest, type Manifest } from "../../oci/manifest.ts";
import type { RepositoryName } from "../../oci/name.ts";
import type { Reference, Tag } from "../../oci/reference.ts";
import type { Manifests } from "../../registry/manifests.ts";
import { UpstreamFailure } from "../upstream/failure.ts";
import { mirrorActor, type MirrorRepository } from "../repository.ts";

/** A verified manifest from the upstream. The mirror can serve it while it is being stored. */
export interface DownloadedManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly content: Uint8Array;
  /** The digest of the image config. */
  readonly config: Digest | undefined;
  /** Resolves when the manifest and its tags are stored; rejects if storing fails. */
  readonly stored: Promise<void>;
}

/**
 * Stores manifests in the background: clients do not wait for the disk. If storing fails, the next request downloads
 * the manifest again.
 */
export interface WriteBehind {
  /**
   * Starts to store a manifest and its tags. Throws {@link UpstreamFailure} (`badResponse`) for an invalid manifest.
   */
  keep(
    mirrorRepository: MirrorRepository,
    tags: readonly Tag[],
    content: Uint8Array,
    mediaType: string | undefined,
    digest?: Digest,
  ): DownloadedManifest;
  /** Resolves when the manifests that wait for the database take at most 32 MB. */
  waitForSpace(): Promise<void>;
  /** Returns a manifest that is not stored yet. */
  held(mirrorRepository: MirrorRepository, reference: Reference): DownloadedManifest | undefined;
  /** Returns the size of a blob in bytes from the repository's manifests that are not stored yet. */
  sizeOf(repository: RepositoryName, digest: Digest): number | undefined;
  /**
   * Resolves when the pending manifests of a repository, or of all, are stored. Call it before you query manifest data.
   */
  settled(repository?: RepositoryName): Promise<void>;
}

const mostHeldBytes = 32 * 1024 * 1024;

export function createWriteBehind(parts: {
  readonly manifests: Pick<Manifests, "put">;
  readonly clock: () => number;
  readonly report: (error: unknown) => void;
}): WriteBehind {
  const { manifests, clock, report } = parts;
  /** By repository and digest, and by repository and tag. */
  const pending = new Map<string, DownloadedManifest>();
  const references = new Map<string, Manifest["references"]>();
  let heldBytes = 0;

  const store = async (
    { repository }: MirrorRepository,
    { digest, content }: Pick<DownloadedManifest, "digest" | "content">,
    contentType: string | undefined,
    tags: readonly Tag[],
  ): Promise<void> => {
    const reference = { kind: "digest", digest } as const;
    const actor = mirrorActor;
    const push = { actor, repository, reference, tags, contentType, bytes: content };
    await manifests.put({ ...push, tagsCheckedAtMs: clock() });
  };

  const keep: WriteBehind["keep"] = (
    mirrorRepository,
    tags,
    content,
    mediaType,
    digest = digestOf(content),
  ) => {
    // A generic content type is ignored: the manifest's own `mediaType` decides.
    const contentType = mediaType === undefined || isVague(mediaType) ? undefined : mediaType;
    const manifest = read(content, contentType);
    const key = `${mirrorRepository.repository}@${digest}`;
    const before = pending.get(key)?.stored.catch(() => undefined) ?? Promise.resolve();
    // `setImmediate` sends the client's response first.
    const stored = before
      .then(() => setImmediate())
      .then(() => store(mirrorRepository, { digest, content }, contentType, tags));
    const config = manifest.references.find(({ kind }) => kind === "config")?.digest;
    const arrived = { digest, mediaType: manifest.mediaType, content, config, stored };
    const keys = [key, ...tags.map((tag) => `${mirrorRepository.repository}:${tag}`)];
    for (const one of keys) pending.set(one, arrived);
    references.set(key, manifest.references);
    heldBytes += content.length;
    const forget = (): void => {
      heldBytes -= content.length;
      for (const one of keys) if (pending.get(one) === arrived) pending.delete(one);
      if (!pending.has(key)) references.delete(key);
    };
    stored.catch(report).finally(forget);
    return arrived;
  };

  return {
    keep,
    async waitForSpace() {
      while (heldBytes > mostHeldBytes)
        await Promise.race(
          [...pending.values()].map(({ stored }) => stored.catch(() => undefined)),
        );
    },
    held: ({ repository }, reference) =>
      pending.get(
        reference.kind === "tag"
          ? `${repository}:${reference.tag}`
          : `${repository}@${reference.digest}`,
      ),
    sizeOf(repository, digest) {
      for (const [key, named] of references)
        if (key.startsWith(`${repository}@`)) {
          const found = named.find((reference) => reference.digest === digest);
          if (found !== undefined) return found.sizeBytes;
        }
      return undefined;
    },
    async settled(repository) {
      const of = [...pending].filter(
        ([key]) => repository === undefined || key.startsWith(`${repository}@`),
      );
      await Promise.allSettled(of.map(([, { stored }]) => stored));
    },
  };
}

function read(content: Uint8Array, contentType: string | undefined): Manifest {
  try {
    return parseManifest(content, contentType);
  } catch (error) {
    if (!(error instanceof OciError) || error.status !== 400) throw error;
    throw new UpstreamFailure("badResponse", "the upstream's manifest is none", { cause: error });
  }
}

const isVague = (mediaType: string): boolean =>
  ["application/octet-stream", "application/json", "text/plain"].includes(mediaType.toLowerCase());
