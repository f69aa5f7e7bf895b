import type { BlobStore } from "../../storage/blob-store.ts";
import type { CollectedManifest, DeletingBlob } from "../database/maintenance/collection.ts";
import type { Database } from "../database/database.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { Clock, LeasePolicy } from "../registry/leases.ts";
import { findOrphans } from "./orphans.ts";

/** One action of the collector. Clients' requests run between two steps. */
export type CollectionStep =
  | { readonly kind: "manifest"; readonly repository: RepositoryName; readonly digest: Digest }
  | { readonly kind: "link"; readonly repository: RepositoryName; readonly digest: Digest }
  | { readonly kind: "repository"; readonly repository: RepositoryName }
  | { readonly kind: "bytes"; readonly digest: Digest; readonly sizeBytes: number }
  | { readonly kind: "orphan"; readonly key: string; readonly sizeBytes: number }
  | { readonly kind: "failed"; readonly digest: Digest; readonly error: unknown }
  /** The blobs that are deleted later, after `gc.deleteDelay`; the last step. */
  | { readonly kind: "waiting"; readonly blobs: number; readonly bytes: number }
  /** No item was deleted; the caller can pause here too. */
  | { readonly kind: "looked" };

export interface CollectorParts {
  readonly store: Pick<BlobStore, "delete" | "list">;
  readonly database: Pick<Database, "collection" | "maintenance" | "run">;
  readonly leasePolicy: LeasePolicy;
  /** Whether the collector deletes untagged manifests. */
  readonly deleteUntagged: boolean;
  readonly clock: Clock;
  readonly graceMs: number;
  /** Whether the collector lists the whole store to find files without a row. */
  readonly orphans: boolean;
}

/** Candidates per transaction. The transaction is so short that it does not delay a push noticeably. */
const candidatesAtOnce = 50;
const deletesAtOnce = 100;

/**
 * Deletes unreferenced manifests, links, repositories and blobs while clients push. It needs no locks because a key is
 * never used twice: a later push of the same digest gets a new row and new bytes, and a late delete hits only the old
 * ones.
 *
 * 1. Manifests that are due and that no tag, index, subject or lease protects.
 * 2. Links of blobs that are due and that no manifest of their repository names. A blob without links becomes
 *    `deleting`, which hides it from clients; this is committed.
 * 3. Repositories that a push created longer than the grace time ago, without a manifest, and whose blobs and uploads
 *    are gone.
 * 4. The bytes of blobs whose rows have been `deleting` for `gc.deleteDelay`, because another process may be sending
 *    them; then their rows. After a crash in between, the next run deletes the row.
 * 5. Files that have had no row for longer than the grace time.
 */
export async function* collect(parts: CollectorParts): AsyncGenerator<CollectionStep> {
  const { database, leasePolicy, deleteUntagged } = parts;
  // This run collects items that were due when it began. Items that it unlinks get their own grace time.
  const { nowMs: begunAtMs } = leasePolicy.change();
  const dueNow = () => {
    const { nowMs, dueAtMs } = leasePolicy.change();
    // If the clock has been set back since, leases that were written with the new time still protect their items.
    return {
      nowMs: Math.min(begunAtMs, nowMs),
      deletingSinceMs: nowMs,
      dueAtMs,
      limit: candidatesAtOnce,
    };
  };
  if (deleteUntagged) {
    yield* checkCandidates(async () => {
      const input = dueNow();
      const { checked, collected } = await database.run("collectManifests", input);
      return { checked, steps: collected.map(manifestStep) };
    });
  }
  yield* checkCandidates(async () => {
    const input = dueNow();
    const { checked, collected } = await database.run("collectBlobs", input);
    return { checked, steps: collected.map((link) => ({ kind: "link" as const, ...link })) };
  });
  yield* removeRepositories(parts, begunAtMs - parts.graceMs);
  yield* deleteMarked(parts);
  if (parts.orphans) yield* removeOrphans(parts);
  const waiting = await database.collection.waiting();
  if (waiting.blobs > 0) yield { kind: "waiting", ...waiting };
}

async function* removeRepositories(
  { database, clock }: Pick<CollectorParts, "database" | "clock">,
  createdBeforeMs: number,
): AsyncGenerator<CollectionStep> {
  let afterId = 0;
  for (;;) {
    const page = { nowMs: clock(), createdBeforeMs, afterId, limit: candidatesAtOnce };
    const { lastId, removed } = await database.run("reviewRepositories", page);
    for (const repository of removed) yield { kind: "repository", repository };
    if (lastId === undefined) return;
    afterId = lastId;
    yield { kind: "looked" };
  }
}

async function* removeOrphans(parts: CollectorParts): AsyncGenerator<CollectionStep> {
  for await (const { key, sizeBytes } of findOrphans(parts)) {
    yield { kind: "looked" };
    await parts.store.delete(key);
    yield { kind: "orphan", key, sizeBytes };
  }
}

const manifestStep = (manifest: CollectedManifest): CollectionStep => ({
  kind: "manifest",
  ...manifest,
});

async function* checkCandidates(
  once: () => Promise<{ readonly checked: number; readonly steps: readonly CollectionStep[] }>,
): AsyncGenerator<CollectionStep> {
  for (;;) {
    const { checked, steps } = await once();
    yield* steps;
    if (checked === 0) return;
    yield { kind: "looked" };
  }
}

interface Removal {
  readonly leasePolicy: Pick<LeasePolicy, "deletableBeforeMs">;
  readonly store: Pick<BlobStore, "delete">;
  readonly database: Pick<Database, "collection" | "run">;
  /** The ids of the blobs to delete; `undefined`: all. */
  readonly only?: ReadonlySet<number>;
}

/**
 * Deletes the bytes and rows of `deleting` blobs that are due. After a failed delete, the run continues with the other
 * blobs and the next run retries.
 */
export async function* deleteMarked(parts: Removal): AsyncGenerator<CollectionStep> {
  const beforeMs = parts.leasePolicy.deletableBeforeMs();
  let after = 0;
  for (;;) {
    const page = { after, limit: deletesAtOnce, beforeMs };
    const deleting = await parts.database.collection.deleting(page);
    for (const blob of deleting) {
      after = blob.id;
      yield { kind: "looked" };
      if (parts.only?.has(blob.id) !== false) yield await remove(parts, blob);
    }
    if (deleting.length < deletesAtOnce) return;
  }
}

async function remove(
  { store, database }: Removal,
  { id, digest, sizeBytes, storageKey }: DeletingBlob,
): Promise<CollectionStep> {
  try {
    await store.delete(storageKey);
    await database.run("dropBlob", { id });
    return { kind: "bytes", digest, sizeBytes };
  } catch (error) {
    return { kind: "failed", digest, error };
  }
}
