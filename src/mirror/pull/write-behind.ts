import { setImmediate } from "node:timers/promises";
import { digestOf, type Digest } from "../../oci/digest.ts";
import { OciError } from "../../oci/errors.ts";
import { parseManifest, type Manifest } from "../../oci/manifest.ts";
import type { RepositoryName } from "../../oci/name.ts";
import type { Reference, Tag } from "../../oci/reference.ts";
import type { Manifests } from "../../registry/manifests.ts";
import { mirrorActor, type MirrorRepository } from "../repository.ts";
import { UpstreamFailure } from "../upstream/failure.ts";

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

interface ManifestToKeep {
  readonly content: Uint8Array;
  /** The content type of the upstream's response. */
  readonly mediaType: string | undefined;
  readonly tags: readonly Tag[];
  /** Computed from the content if absent. */
  readonly digest?: Digest;
}

interface WriteBehindParts {
  readonly manifests: Pick<Manifests, "put">;
  readonly clock: () => number;
  readonly report: (error: unknown) => void;
}

const mostHeldBytes = 32 * 1024 * 1024;

/**
 * Stores manifests in the background: clients do not wait for the disk. If storing fails, the next request downloads
 * the manifest again.
 */
export class WriteBehind {
  readonly #parts: WriteBehindParts;
  /** By repository and digest, and by repository and tag. */
  readonly #pending = new Map<string, DownloadedManifest>();
  /** What the pending manifests refer to, by repository and digest. */
  readonly #references = new Map<string, Manifest["references"]>();
  #heldBytes = 0;

  constructor(parts: WriteBehindParts) {
    this.#parts = parts;
  }

  /**
   * Starts to store a manifest and its tags. Throws {@link UpstreamFailure} (`badResponse`) for an invalid manifest.
   */
  keep({ repository }: MirrorRepository, manifest: ManifestToKeep): DownloadedManifest {
    const { content, tags, digest = digestOf(manifest.content) } = manifest;
    // A generic content type is ignored: the manifest's own `mediaType` decides.
    const contentType = isGeneric(manifest.mediaType) ? undefined : manifest.mediaType;
    const { mediaType, references } = parse(content, contentType);
    const key = keyOf(repository, { kind: "digest", digest });
    const before = this.#pending.get(key)?.stored.catch(() => undefined) ?? Promise.resolve();
    // `setImmediate` sends the client's response first.
    const stored = before
      .then(() => setImmediate())
      .then(() => this.#store(repository, { content, tags, digest }, contentType));
    const config = references.find(({ kind }) => kind === "config")?.digest;
    const downloaded = { digest, mediaType, content, config, stored };
    const keys = [key, ...tags.map((tag) => keyOf(repository, { kind: "tag", tag }))];
    for (const one of keys) this.#pending.set(one, downloaded);
    this.#references.set(key, references);
    this.#heldBytes += content.length;
    const forget = (): void => {
      this.#heldBytes -= content.length;
      for (const one of keys) if (this.#pending.get(one) === downloaded) this.#pending.delete(one);
      if (!this.#pending.has(key)) this.#references.delete(key);
    };
    stored.catch(this.#parts.report).finally(forget);
    return downloaded;
  }

  /** Resolves when the manifests that wait for the database take at most 32 MB. */
  async waitForSpace(): Promise<void> {
    while (this.#heldBytes > mostHeldBytes)
      await Promise.race(
        [...this.#pending.values()].map(({ stored }) => stored.catch(() => undefined)),
      );
  }

  /** Returns a manifest that is not stored yet. */
  held({ repository }: MirrorRepository, reference: Reference): DownloadedManifest | undefined {
    return this.#pending.get(keyOf(repository, reference));
  }

  /** Returns the size of a blob in bytes from the repository's manifests that are not stored yet. */
  sizeOf(repository: RepositoryName, digest: Digest): number | undefined {
    for (const [key, references] of this.#references)
      if (key.startsWith(`${repository}@`)) {
        const found = references.find((reference) => reference.digest === digest);
        if (found !== undefined) return found.sizeBytes;
      }
    return undefined;
  }

  /**
   * Resolves when the pending manifests of a repository, or of all, are stored. Call it before you query manifest data.
   */
  async settled(repository?: RepositoryName): Promise<void> {
    const pending = [...this.#pending].filter(
      ([key]) => repository === undefined || key.startsWith(`${repository}@`),
    );
    await Promise.allSettled(pending.map(([, { stored }]) => stored));
  }

  async #store(
    repository: RepositoryName,
    manifest: {
      readonly digest: Digest;
      readonly content: Uint8Array;
      readonly tags: readonly Tag[];
    },
    contentType: string | undefined,
  ): Promise<void> {
    const { digest, content: bytes, tags } = manifest;
    const reference = { kind: "digest", digest } as const;
    const push = { actor: mirrorActor, repository, reference, tags, contentType, bytes };
    await this.#parts.manifests.put({ ...push, tagsCheckedAtMs: this.#parts.clock() });
  }
}

const keyOf = (repository: RepositoryName, reference: Reference): string =>
  reference.kind === "tag" ? `${repository}:${reference.tag}` : `${repository}@${reference.digest}`;

function parse(content: Uint8Array, contentType: string | undefined): Manifest {
  try {
    return parseManifest(content, contentType);
  } catch (error) {
    if (!(error instanceof OciError) || error.status !== 400) throw error;
    const message = "the upstream's manifest is not valid";
    throw new UpstreamFailure("badResponse", message, { cause: error });
  }
}

const genericTypes = new Set(["application/octet-stream", "application/json", "text/plain"]);

const isGeneric = (mediaType: string | undefined): boolean =>
  mediaType !== undefined && genericTypes.has(mediaType.toLowerCase());
