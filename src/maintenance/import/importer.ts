import type { BlobKey, BlobStore } from "../../../storage/blob-store.ts";
import { createSingleFlight } from "../../concurrency/single-flight.ts";
import type { Database } from "../../database/contract.ts";
import type { Actor } from "../../database/permissions/authority.ts";
import type { PushRules } from "../../database/registry/repository-creation.ts";
import { algorithmOf, digestOf, encodedOf, type Digest } from "../../oci/digest.ts";
import { OciError } from "../../oci/errors.ts";
import { parseManifest, type Manifest, type ManifestReference } from "../../oci/manifest.ts";
import type { RepositoryName } from "../../oci/name.ts";
import type { Tag } from "../../oci/reference.ts";
import type { Blobs } from "../../registry/blobs.ts";
import type { LeasePolicy } from "../../registry/leases.ts";
import type { Manifests } from "../../registry/manifests.ts";
import { recordBlob } from "../../registry/uploads/stored-upload.ts";
import { SkipError, type ImportBlob, type ImportImage, type ImportManifest } from "./content.ts";

export interface ImporterParts {
  readonly store: Pick<BlobStore, "delete">;
  readonly database: Pick<Database, "blobs" | "facts" | "commands">;
  readonly blobs: Pick<Blobs, "extendLease" | "mount">;
  readonly manifests: Pick<Manifests, "put">;
  readonly leasePolicy: LeasePolicy;
  readonly rules: PushRules;
  readonly actor: Actor;
  /** Whether a manifest may name content that the other place does not have. */
  readonly sparse: boolean;
  /** Makes the bytes of a blob durable in the store. Throws SkipError if they are wrong or cannot be read. */
  readonly keep: (digest: Digest, blob: ImportBlob) => Promise<BlobKey>;
  /** Creates the repository, unless it exists. Called before the first write to it. */
  readonly openRepository: (image: ImportImage) => Promise<void>;
  /** A tag that points elsewhere moves. */
  readonly overwrite: boolean;
  /** Counts what would be imported, and changes nothing. */
  readonly isDryRun: boolean;
}

/** New content, but `tagsThere`. */
export interface ImportSums {
  tags: number;
  /** Tags that point at the same digest in the registry. */
  tagsThere: number;
  /** With and without a tag. */
  manifests: number;
  /** Blobs whose bytes are new in the registry. */
  blobs: number;
  bytes: number;
}

interface WantedManifest {
  readonly digest: Digest;
  readonly tags: readonly Tag[];
  /** The number of indexes above it. */
  readonly depth: number;
}

/** Deeper indexes are not imported: no client writes them. */
const depthAtMost = 8;

/**
 * Imports images with the commands of a push: the blobs of a manifest, then its children, then the manifest with its tag.
 * Content that is there is left as it is, so that a second run continues an interrupted one.
 */
export class Importer {
  readonly sums: ImportSums = { tags: 0, tagsThere: 0, manifests: 0, blobs: 0, bytes: 0 };
  readonly #parts: ImporterParts;
  readonly #keeping = createSingleFlight<void>();
  readonly #manifests = createSingleFlight<boolean>();
  /** In a dry run: the first 52 bits of the digests that have been counted. */
  readonly #counted = new Set<number>();

  constructor(parts: ImporterParts) {
    this.#parts = parts;
  }

  /** Throws SkipError, and the errors of the store and the database. */
  async importImage(image: ImportImage): Promise<void> {
    const { repository, digest, tag } = image;
    if (tag === undefined) {
      if (!(await this.#manifest(image, { digest, tags: [], depth: 0 }))) throw absent(digest);
      return;
    }
    const { facts } = this.#parts.database;
    const current = await facts.manifests.get(repository, { kind: "tag", tag });
    if (current?.digest === digest) {
      this.sums.tagsThere += 1;
      return;
    }
    if (current !== undefined && !this.#parts.overwrite)
      throw new SkipError(`the tag points at ${current.digest} here: --overwrite moves it`);
    if (!(await this.#manifest(image, { digest, tags: [tag], depth: 0 }))) throw absent(digest);
    this.sums.tags += 1;
  }

  /** Imports a manifest with its content. False: the other place does not have it. Concurrent images share children. */
  async #manifest(image: ImportImage, wanted: WantedManifest): Promise<boolean> {
    for (;;) {
      let isOurs = false;
      const isThere = await this.#manifests(`${image.repository}@${wanted.digest}`, () => {
        isOurs = true;
        return this.#importManifest(image, wanted);
      });
      // The other call has not written these tags.
      if (isOurs || wanted.tags.length === 0) return isThere;
    }
  }

  async #importManifest(image: ImportImage, { digest, tags, depth }: WantedManifest) {
    const { repository, content } = image;
    const { database, manifests, actor, isDryRun } = this.#parts;
    const reference = { kind: "digest", digest } as const;
    const isThere = (await database.facts.manifests.get(repository, reference)) !== undefined;
    if (isThere && tags.length === 0) return true;
    const found = await content.manifest(digest);
    if (found === undefined) return false;
    const manifest = parseVerified(found, digest);
    for (const one of manifest.references) await this.#reference(image, one, depth);
    if (isDryRun) {
      if (!isThere && this.#isFirst(`${repository}@${digest}`)) this.sums.manifests += 1;
      return true;
    }
    await orSkip(this.#parts.openRepository(image));
    await orSkip(
      manifests.put({
        ...{ actor, repository, reference, tags, bytes: found.bytes },
        contentType: found.mediaType,
        pushedAtMs: tags.length > 0 ? image.pushedAtMs : (found.pushedAtMs ?? image.pushedAtMs),
      }),
    );
    if (!isThere) this.sums.manifests += 1;
    return true;
  }

  async #reference(image: ImportImage, reference: ManifestReference, depth: number): Promise<void> {
    const { kind, digest, required } = reference;
    if (kind === "child") {
      if (depth >= depthAtMost)
        throw new SkipError(`it has indexes in indexes, deeper than ${depthAtMost}`);
      if (await this.#manifest(image, { digest, tags: [], depth: depth + 1 })) return;
    }
    if (await this.#blob(image, reference)) return;
    if (required && !this.#parts.sparse) throw absent(digest, kind);
  }

  /** Imports a blob. False: the other place does not have it. */
  async #blob(image: ImportImage, reference: ManifestReference) {
    const { repository, content } = image;
    const { database, blobs, isDryRun } = this.#parts;
    const { digest, sizeBytes, required } = reference;
    const here = await database.blobs.find(repository, digest);
    if (here !== undefined) {
      if (!isDryRun) await orSkip(blobs.extendLease(repository, here));
      return true;
    }
    const blob = await content.blob(digest);
    if (blob === undefined) return false;
    if (required && blob.sizeBytes !== sizeBytes)
      throw new SkipError(`the blob ${digest} has ${blob.sizeBytes} bytes, not ${sizeBytes}`);
    if (!isDryRun) {
      await orSkip(this.#parts.openRepository(image));
      await this.#link(repository, digest, blob);
    } else if (this.#isFirst(digest) && !(await this.#hasBytes(digest))) this.#count(blob);
    return true;
  }

  /** Links the blob of another repository, or keeps the bytes. Concurrent images share one copy. */
  async #link(repository: RepositoryName, digest: Digest, blob: ImportBlob): Promise<void> {
    const { database, blobs, actor, rules, keep } = this.#parts;
    const mayRead = (): boolean => true;
    for (;;) {
      const [from] = await database.blobs.repositoriesLinking(digest, 1);
      const mount = { actor, repository, digest, from, mayRead };
      if (from !== undefined && (await orSkip(blobs.mount(mount)))) return;
      let isOurs = false;
      await this.#keeping(digest, async () => {
        isOurs = true;
        const { sizeBytes } = blob;
        const stored = { actor, rules, repository, digest, sizeBytes, uploadId: undefined };
        const storageKey = await keep(digest, blob);
        await orSkip(recordBlob(this.#parts, { ...stored, storageKey }));
        this.#count(blob);
      });
      if (isOurs) return;
    }
  }

  #count({ sizeBytes }: ImportBlob): void {
    this.sums.blobs += 1;
    this.sums.bytes += sizeBytes;
  }

  async #hasBytes(digest: Digest): Promise<boolean> {
    return (await this.#parts.database.blobs.repositoriesLinking(digest, 1)).length > 0;
  }

  /** Whether a dry run has not counted this yet. A number per digest needs less memory than its text. */
  #isFirst(text: string): boolean {
    const hex = text.startsWith("sha256:") ? text.slice(7) : encodedOf(digestOf(Buffer.from(text)));
    const number = Number.parseInt(hex.slice(0, 13), 16);
    if (this.#counted.has(number)) return false;
    this.#counted.add(number);
    return true;
  }
}

const absent = (digest: Digest, kind = "manifest"): SkipError =>
  new SkipError(`its ${kind === "child" ? "manifest" : kind} ${digest} is not there`);

function parseVerified({ bytes, mediaType }: ImportManifest, digest: Digest): Manifest {
  const found = digestOf(bytes, algorithmOf(digest));
  if (found !== digest) throw new SkipError(`the bytes of ${digest} have the digest ${found}`);
  try {
    return parseManifest(bytes, mediaType);
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
    throw new SkipError(isSchema1(bytes) ? "it is of Docker schema version 1" : error.message);
  }
}

function isSchema1(bytes: Uint8Array): boolean {
  try {
    const document = JSON.parse(Buffer.from(bytes).toString("utf8")) as unknown;
    return (document as { schemaVersion?: unknown } | null)?.schemaVersion === 1;
  } catch {
    return false;
  }
}

/** A rejection of the registry, such as an exceeded quota, skips the image. A failure of the registry ends the import. */
async function orSkip<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof OciError && error.status < 500) throw new SkipError(error.message);
    throw error;
  }
}
