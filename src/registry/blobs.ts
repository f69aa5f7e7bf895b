import type { BlobStore, ByteRange, BorrowedBytes } from "../../storage/blob-store.ts";
import type { Database } from "../database/contract.ts";
import type { Actor } from "../database/permissions/authority.ts";
import type { RepositoryFacts } from "../database/facts.ts";
import type { LinkedBlob } from "../database/registry/blobs.ts";
import type { PushRules } from "../database/registry/repository-creation.ts";
import { isRejection } from "../database/rejections.ts";
import { algorithmOf, digestOf, type Digest } from "../oci/digest.ts";
import { OciError } from "../oci/errors.ts";
import type { RepositoryName } from "../oci/name.ts";
import { markMissing, type Warnings } from "./blob-verification.ts";
import { rejectionError, unknownName } from "./errors.ts";
import type { LeasePolicy } from "./leases.ts";
import { recentBytes, type RecentBlobs } from "./recent-blobs.ts";

/** Whether the principal may pull from a repository. A mount without `from` searches only those repositories. */
export type CanPull = (repository: RepositoryName) => boolean | Promise<boolean>;

/** A mount without `from` checks at most this many repositories that link the blob. */
const sourcesTried = 100;

interface BlobParts {
  readonly store: BlobStore;
  readonly database: Pick<Database, "blobs" | "commands" | "facts">;
  readonly leasePolicy: LeasePolicy;
  readonly rules: PushRules;
  readonly recentBlobs: RecentBlobs;
  readonly report: Warnings;
}

interface Mount {
  readonly actor: Actor;
  readonly repository: RepositoryName;
  readonly digest: Digest;
  readonly from: RepositoryName | undefined;
  readonly mayRead: CanPull;
}

export type Blobs = ReturnType<typeof createBlobs>;

export function createBlobs(parts: BlobParts) {
  const { store, database, leasePolicy } = parts;

  return {
    /** The blob as linked in this repository. Throws BLOB_UNKNOWN, or NAME_UNKNOWN if there is no such repository. */
    async get(repository: RepositoryName, digest: Digest): Promise<LinkedBlob> {
      const blob = await database.blobs.find(repository, digest);
      if (blob !== undefined) return blob;
      throw absentBlob(await database.facts.repositories.get(repository), digest);
    },

    /**
     * The bytes of the blob, if this process has them in memory and clients get them from here, not from a signed URL.
     */
    recent: ({ digest }: LinkedBlob): Uint8Array | undefined =>
      store.capabilities.signedRedirect ? undefined : parts.recentBlobs.find(digest),

    /** Whether {@link extendLease} has nothing to write. */
    hasFreshLease: ({ leasedUntilMs }: LinkedBlob): boolean =>
      leasePolicy.renewal(leasedUntilMs) === undefined,

    /**
     * A HEAD by a pusher extends the blob's lease, so that the collector keeps it until the manifest arrives. Throws
     * BLOB_UNKNOWN if the blob is gone.
     */
    async extendLease(repository: RepositoryName, blob: LinkedBlob): Promise<void> {
      const leasedUntilMs = leasePolicy.renewal(blob.leasedUntilMs);
      if (leasedUntilMs === undefined) return;
      const lease = { repository, digest: blob.digest, leasedUntilMs };
      const kept = await database.commands.leaseBlob(lease);
      if (!kept) throw unknownBlob(blob.digest);
    },

    /** A short-lived URL of the store for the blob's bytes; `undefined` if the store has none. */
    signedUrl: (blob: LinkedBlob): Promise<string | undefined> => store.signedUrl(blob.storageKey),

    /** The bytes of a range of the blob. Throws BLOB_UNKNOWN if the store has lost them. */
    open: (blob: LinkedBlob, range: ByteRange): Promise<BorrowedBytes> =>
      openBlob(parts, blob, range),

    /**
     * Links a blob of another repository into this repository. Without `from`, the source is any repository that the
     * principal may pull from. Resolves with false if no such repository has the blob: the result is the same whether
     * the blob is unreadable or does not exist. Throws DENIED if the quota is exceeded or the actor may not create the
     * repository, and NAME_UNKNOWN if pushes create no repositories.
     */
    mount: (mount: Mount): Promise<boolean> => mountBlob(parts, mount),

    /**
     * Unlinks a blob from a repository. Throws BLOB_UNKNOWN, or UNSUPPORTED while a manifest of the repository names
     * the blob.
     */
    async delete(actor: Actor, repository: RepositoryName, digest: Digest): Promise<void> {
      const { nowMs } = leasePolicy.eventTimes();
      const result = await database.commands.unlinkBlob({ actor, repository, digest, nowMs });
      if (result.outcome === "unknown") throw unknownBlob(digest);
      if (result.outcome === "referenced")
        throw new OciError(
          "UNSUPPORTED",
          "a manifest of this repository needs the blob: delete the manifest first",
          { detail: { digest, manifest: result.by } },
        );
    },
  };
}

/** A small blob is read as a whole, verified and kept in memory for the next pulls. */
async function openBlob(
  parts: BlobParts,
  blob: LinkedBlob,
  range: ByteRange,
): Promise<BorrowedBytes> {
  const { store, recentBlobs } = parts;
  const { digest, sizeBytes, storageKey } = blob;
  const lost = async (reason: string): Promise<OciError> => {
    await markMissing(parts, blob, reason);
    return unknownBlob(digest);
  };
  if (sizeBytes > recentBytes || sizeBytes === 0) {
    const bytes = await store.open(storageKey, range);
    if (bytes === undefined) throw await lost("a pull found no bytes");
    return bytes;
  }
  let bytes = recentBlobs.find(digest);
  if (bytes === undefined) {
    const all = await store.open(storageKey, { start: 0, end: sizeBytes - 1 });
    if (all === undefined) throw await lost("a pull found no bytes");
    bytes = await gather(all);
    if (digestOf(bytes, algorithmOf(digest)) !== digest)
      throw await lost("a pull found wrong bytes");
    recentBlobs.keep(digest, bytes);
  }
  return only(bytes.subarray(range.start, range.end + 1));
}

async function gather(borrowed: BorrowedBytes): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of borrowed) pieces.push(Uint8Array.from(piece));
  return Buffer.concat(pieces);
}

async function* only(bytes: Uint8Array): BorrowedBytes {
  yield bytes;
}

async function mountBlob(
  { database, leasePolicy, rules }: Pick<BlobParts, "database" | "leasePolicy" | "rules">,
  { actor, repository, digest, from: named, mayRead }: Mount,
): Promise<boolean> {
  const sources =
    named === undefined ? await database.blobs.repositoriesLinking(digest, sourcesTried) : [named];
  for (const from of sources) {
    if (!(await mayRead(from))) continue;
    const mount = { actor, rules, from, repository, digest, ...leasePolicy.newLease() };
    const mounted = await database.commands.mountBlob(mount);
    if (isRejection(mounted)) throw rejectionError(mounted, repository);
    if (mounted) return true;
  }
  return false;
}

/** The error for a blob that the repository does not link; it tells whether there is such a repository. */
export const absentBlob = ({ isThere, name }: RepositoryFacts, digest: Digest): OciError =>
  isThere ? unknownBlob(digest) : unknownName(name);

function unknownBlob(digest: Digest): OciError {
  return new OciError("BLOB_UNKNOWN", undefined, { detail: { digest } });
}
