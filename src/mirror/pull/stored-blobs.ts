import type { BlobStore } from "../../../storage/blob-store.ts";
import type { Database } from "../../database/contract.ts";
import type { LinkedBlob } from "../../database/registry/blobs.ts";
import type { PushRules } from "../../database/registry/repository-creation.ts";
import { isRejection } from "../../database/rejections.ts";
import type { Digest } from "../../oci/digest.ts";
import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import type { LeasePolicy } from "../../registry/leases.ts";
import { rejectionError } from "../../registry/errors.ts";
import type { Eviction } from "../cache/eviction.ts";
import { mirrorActor, type MirrorRepository } from "../repository.ts";
import type { Upstream } from "../upstream/client.ts";
import { UpstreamFailure } from "../upstream/failure.ts";
import { headSize } from "./sources.ts";

interface StoredBlobsParts {
  readonly store: Pick<BlobStore, "delete">;
  readonly database: Pick<Database, "blobs" | "commands">;
  readonly upstream: Upstream;
  readonly rules: PushRules;
  readonly leasePolicy: LeasePolicy;
  readonly processId: string;
  readonly eviction: Eviction;
  /** Called when a blob is stored. */
  readonly arrived: (mirrorRepository: MirrorRepository, digest: Digest, sizeBytes: number) => void;
}

/** The rows of the stored blobs of one mirror. */
export class StoredBlobs {
  readonly #parts: StoredBlobsParts;

  constructor(parts: StoredBlobsParts) {
    this.#parts = parts;
  }

  find({ repository }: MirrorRepository, digest: Digest): Promise<LinkedBlob | undefined> {
    return this.#parts.database.blobs.find(repository, digest);
  }

  /**
   * Returns a repository of the same mirror that links the blob. It never considers other repositories: an upstream
   * that answers 200 to any HEAD could otherwise link a private blob into its mirror. The mirror shares the bytes of
   * other repositories only after the upstream has delivered the same bytes (`storeMirrorBlob`).
   */
  async repositoryLinking(
    { repository }: MirrorRepository,
    digest: Digest,
  ): Promise<RepositoryName | undefined> {
    const { blobs } = this.#parts.database;
    return (await blobs.repositoriesLinking(digest, 1, namespaceOf(repository)))[0];
  }

  /** Links a blob of the same mirror if a HEAD shows that the upstream repository has it too, with the same size. */
  async reuseExisting(
    mirrorRepository: MirrorRepository,
    digest: Digest,
  ): Promise<LinkedBlob | undefined> {
    const { database, upstream, rules, leasePolicy } = this.#parts;
    const { repository } = mirrorRepository;
    const from = await this.repositoryLinking(mirrorRepository, digest);
    const known = from && (await database.blobs.find(from, digest));
    if (from === undefined || known === undefined) return undefined;
    // The upstream answers 404 for a foreign layer: only its own URL has it.
    const sizeBytes = await headSize(upstream, mirrorRepository, digest).catch(undefinedIfAbsent);
    if (sizeBytes !== known.sizeBytes) return undefined;
    const mount = { actor: mirrorActor, rules, from, repository, digest };
    const mounted = await database.commands.mountBlob({ ...mount, ...leasePolicy.newLease() });
    if (isRejection(mounted)) throw rejectionError(mounted, repository);
    this.#parts.arrived(mirrorRepository, digest, known.sizeBytes);
    return await this.find(mirrorRepository, digest);
  }

  /**
   * Records a downloaded blob, which is durable under `storageKey`, and ends its fetch. Evicts other blobs before.
   * Returns the storage key for readers: that of the earlier blob if the bytes were already stored.
   */
  async record(
    mirrorRepository: MirrorRepository,
    digest: Digest,
    blob: { readonly storageKey: string; readonly sizeBytes: number },
  ): Promise<string> {
    const { store, database, rules, leasePolicy, processId, eviction, arrived } = this.#parts;
    const { repository } = mirrorRepository;
    await eviction.freeSpace(blob.sizeBytes);
    const stored = { actor: mirrorActor, rules, repository, digest, ...blob };
    const outcome = await database.commands.storeMirrorBlob({
      ...stored,
      ...leasePolicy.newLease(),
      owner: processId,
    });
    if (outcome === "stored") {
      eviction.added(blob.sizeBytes);
      arrived(mirrorRepository, digest, blob.sizeBytes);
      return blob.storageKey;
    }
    await store.delete(blob.storageKey);
    if (isRejection(outcome)) throw rejectionError(outcome, repository);
    const earlier = await this.find(mirrorRepository, digest);
    if (earlier === undefined) throw new Error("the blob was deleted while it was being stored");
    arrived(mirrorRepository, digest, blob.sizeBytes);
    return earlier.storageKey;
  }
}

function undefinedIfAbsent(error: unknown): undefined {
  if (error instanceof UpstreamFailure && error.kind === "absent") return undefined;
  throw error;
}
