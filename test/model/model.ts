import { digestOf, isEmptyDigest, type Digest } from "../../src/oci/digest.ts";
import type { Manifest, Universe } from "./universe.ts";

/** A status, and the code of the error if it is one. */
export type Outcome = number | readonly [status: number, code: string];

export interface Session {
  readonly repository: string;
  /** The Location header for the next request of the session. */
  readonly location: string;
  open: boolean;
  bytes: Buffer;
}

interface Repository {
  readonly blobs: Set<Digest>;
  readonly manifests: Map<Digest, Manifest>;
  readonly tags: Map<string, Digest>;
}

/** The digest algorithm of a digest, by its prefix. */
const algorithm = (digest: Digest) => (digest.startsWith("sha512:") ? "sha512" : "sha256");

/**
 * A reference registry in memory: maps of maps, without the code of the registry except for digests. Every method that
 * changes something returns the answer that the registry must give.
 */
export class Model {
  readonly universe: Universe;
  readonly sessions: Session[] = [];
  readonly #repositories = new Map<string, Repository>();

  constructor(universe: Universe) {
    this.universe = universe;
  }

  // --- reads ---

  /** Names of the repositories that exist, in bytewise order. A first blob or manifest creates a repository. */
  names(): readonly string[] {
    return sortedBytewise(this.#repositories.keys());
  }

  /** Undefined if the repository does not exist. */
  tagsOf(name: string): readonly string[] | undefined {
    const repository = this.#repositories.get(name);
    return repository && sortedBytewise(repository.tags.keys());
  }

  /** The bytes of a blob; `undefined` if the repository does not link it. */
  blob(name: string, digest: Digest): Buffer | undefined {
    if (this.#repositories.get(name)?.blobs.has(digest) !== true) return undefined;
    return this.universe.blobs.find((blob) => digestOf(blob.bytes, algorithm(digest)) === digest)
      ?.bytes;
  }

  /** The manifest under a tag or a digest, and the digest under which it was pushed. */
  manifest(
    name: string,
    reference: string,
  ): { readonly digest: Digest; readonly manifest: Manifest } | undefined {
    const repository = this.#repositories.get(name);
    const digest = reference.includes(":")
      ? (reference as Digest)
      : repository?.tags.get(reference);
    const manifest = digest && repository?.manifests.get(digest);
    return manifest && { digest, manifest };
  }

  /** The 404 of this repository. The code for a manifest does not reveal whether the repository exists. */
  unknown(name: string, code: string): Outcome {
    const isManifest = code === "MANIFEST_UNKNOWN";
    return [404, isManifest || this.#repositories.has(name) ? code : "NAME_UNKNOWN"];
  }

  /** Descriptors of the referrers of a digest, in the order of their digests. */
  referrers(name: string, subject: Digest, artifactType: string | undefined): readonly object[] {
    return [...(this.#repositories.get(name)?.manifests ?? [])]
      .filter(([, manifest]) => manifest.subject === subject)
      .filter(
        ([, manifest]) => artifactType === undefined || manifest.artifactType === artifactType,
      )
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([digest, manifest]) => ({
        mediaType: manifest.mediaType,
        digest,
        size: manifest.bytes.length,
        ...(manifest.artifactType !== undefined && { artifactType: manifest.artifactType }),
        ...(manifest.annotations !== undefined && { annotations: manifest.annotations }),
      }));
  }

  // --- blobs ---

  begin(repository: string, location: string): void {
    this.sessions.push({ repository, location, open: true, bytes: Buffer.of() });
  }

  append(session: Session, bytes: Buffer, offset: number | undefined): Outcome {
    if (!session.open) return [404, "BLOB_UPLOAD_UNKNOWN"];
    if (offset !== undefined && offset !== session.bytes.length) return [416, "RANGE_INVALID"];
    session.bytes = Buffer.concat([session.bytes, bytes]);
    return 202;
  }

  close(session: Session, digest: Digest, last: Buffer, offset: number | undefined): Outcome {
    const { repository } = session;
    if (!session.open)
      return this.blob(repository, digest) === undefined ? [404, "BLOB_UPLOAD_UNKNOWN"] : 201;
    if (offset !== undefined && offset !== session.bytes.length) return [416, "RANGE_INVALID"];
    session.open = false;
    const bytes = Buffer.concat([session.bytes, last]);
    // A session that lost its bytes in a crash looks the same. It closes with 201 if the repository has the blob.
    if (bytes.length === 0 && !isEmptyDigest(digest))
      return this.blob(repository, digest) === undefined ? [404, "BLOB_UPLOAD_UNKNOWN"] : 201;
    return this.#store(repository, digest, bytes);
  }

  cancel(session: Session): Outcome {
    if (!session.open) return [404, "BLOB_UPLOAD_UNKNOWN"];
    session.open = false;
    return 204;
  }

  /** A blob in one request. An empty body with the digest of a blob that is not empty opens a session. */
  pushWhole(repository: string, digest: Digest, bytes: Buffer): Outcome {
    if (bytes.length === 0 && !isEmptyDigest(digest)) return 202;
    return this.#store(repository, digest, bytes);
  }

  mount(name: string, digest: Digest, from: string | undefined): Outcome {
    const sources = from === undefined ? this.#repositories.keys() : [from];
    for (const source of sources) {
      if (this.#repositories.get(source)?.blobs.has(digest) !== true) continue;
      this.#repository(name).blobs.add(digest);
      return 201;
    }
    return 202;
  }

  deleteBlob(name: string, digest: Digest): Outcome {
    const repository = this.#repositories.get(name);
    if (repository?.blobs.has(digest) !== true) return [404, "BLOB_UNKNOWN"];
    for (const manifest of repository.manifests.values())
      if (manifest.named.includes(digest)) return [405, "UNSUPPORTED"];
    repository.blobs.delete(digest);
    return 202;
  }

  #store(repository: string, digest: Digest, bytes: Buffer): Outcome {
    if (digestOf(bytes, algorithm(digest)) !== digest) return [400, "DIGEST_INVALID"];
    this.#repository(repository).blobs.add(digest);
    return 201;
  }

  // --- repositories ---

  /** False if the repository did not exist. Its sessions end with it. */
  deleteRepository(name: string): boolean {
    if (!this.#repositories.delete(name)) return false;
    for (const session of this.sessions) if (session.repository === name) session.open = false;
    return true;
  }

  // --- manifests and tags ---

  /** The required digests that the repository does not have, in the order of the document. */
  missing(name: string, manifest: Manifest): readonly Digest[] {
    const repository = this.#repositories.get(name);
    return manifest.required.filter(
      (digest) =>
        repository?.blobs.has(digest) !== true &&
        !(manifest.isIndex && repository?.manifests.has(digest) === true),
    );
  }

  putManifest(name: string, digest: Digest, manifest: Manifest, tags: readonly string[]): Outcome {
    if (!manifest.digests.includes(digest)) return [400, "DIGEST_INVALID"];
    if (this.missing(name, manifest).length > 0) return [400, "MANIFEST_BLOB_UNKNOWN"];
    const repository = this.#repository(name);
    repository.manifests.set(digest, manifest);
    for (const tag of tags) repository.tags.set(tag, digest);
    return 201;
  }

  deleteManifest(name: string, reference: string): Outcome {
    const repository = this.#repositories.get(name);
    const found = reference.includes(":")
      ? repository?.manifests.delete(reference as Digest)
      : repository?.tags.delete(reference);
    if (repository === undefined || found !== true) return [404, "MANIFEST_UNKNOWN"];
    for (const [tag, digest] of repository.tags)
      if (digest === reference) repository.tags.delete(tag);
    return 202;
  }

  #repository(name: string): Repository {
    const known = this.#repositories.get(name);
    if (known !== undefined) return known;
    const made: Repository = { blobs: new Set(), manifests: new Map(), tags: new Map() };
    this.#repositories.set(name, made);
    return made;
  }
}

function sortedBytewise(texts: Iterable<string>): readonly string[] {
  return [...texts].toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}
