import type { BlobStore, StoredObject } from "../../storage/blob-store.ts";
import type { CollectedManifest } from "../database/maintenance/collection.ts";
import type { Database } from "../database/contract.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/name.ts";
import { deleteMarkedBlobs, type BlobDeletionStep } from "../registry/deleting-blobs.ts";
import type { Clock, LeasePolicy } from "../registry/leases.ts";

/** One action of the collector. Clients' requests run between two steps. */
export type CollectionStep =
  | { readonly kind: "manifest"; readonly repository: RepositoryName; readonly digest: Digest }
  | { readonly kind: "link"; readonly repository: RepositoryName; readonly digest: Digest }
  | { readonly kind: "repository"; readonly repository: RepositoryName }
  | { readonly kind: "orphan"; readonly key: string; readonly sizeBytes: number }
  /** The blobs that are deleted later, after `gc.deleteDelay`; the last step. */
  | { readonly kind: "waiting"; readonly blobs: number; readonly bytes: number }
  | BlobDeletionStep;

interface CollectorParts {
  readonly store: Pick<BlobStore, "delete" | "list">;
  readonly database: Pick<Database, "collection" | "maintenance" | "commands">;
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
const keysAtOnce = 500;
/**
 * The minimum age of an orphan, even with a short grace time: a file is older than its row by one flush, and a flush
 * can be slow.
 */
const leastAgeMs = 3_600_000;

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
  const { nowMs: begunAtMs } = leasePolicy.eventTimes();
  const dueNow = () => {
    const { nowMs, dueAtMs } = leasePolicy.eventTimes();
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
      const { checked, collected } = await database.commands.collectManifests(input);
      return { checked, steps: collected.map(manifestStep) };
    });
  }
  yield* checkCandidates(async () => {
    const input = dueNow();
    const { checked, collected } = await database.commands.collectBlobs(input);
    return { checked, steps: collected.map((link) => ({ kind: "link" as const, ...link })) };
  });
  yield* removeRepositories(parts, begunAtMs - parts.graceMs);
  const beforeMs = parts.leasePolicy.deletableBeforeMs();
  yield* deleteMarkedBlobs(parts, { beforeMs, nowMs: parts.clock() });
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
    const { lastId, removed } = await database.commands.collectRepositories(page);
    for (const repository of removed) yield { kind: "repository", repository };
    if (lastId === undefined) return;
    afterId = lastId;
    yield { kind: "pause" };
  }
}

async function* removeOrphans(parts: CollectorParts): AsyncGenerator<CollectionStep> {
  for await (const { key, sizeBytes } of findOrphans(parts)) {
    yield { kind: "pause" };
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
    yield { kind: "pause" };
  }
}

/**
 * Yields files that have no row and are older than the grace time. A crash between writing a file and its row leaves
 * them. The age of a file is the age of its key, which no copy changes.
 */
export async function* findOrphans(parts: {
  readonly store: Pick<BlobStore, "list">;
  readonly database: Pick<Database, "maintenance">;
  readonly clock: Clock;
  readonly graceMs: number;
}): AsyncGenerator<StoredObject> {
  const { store, database, clock, graceMs } = parts;
  let batch: StoredObject[] = [];
  const unknown = async (): Promise<readonly StoredObject[]> => {
    const known = await database.maintenance.knownKeys(batch.map(({ key }) => key));
    const orphans = batch.filter(({ key }) => !known.has(key));
    batch = [];
    return orphans;
  };
  for await (const object of store.list()) {
    if (object.createdAtMs > clock() - Math.max(graceMs, leastAgeMs)) continue;
    batch.push(object);
    if (batch.length >= keysAtOnce) yield* await unknown();
  }
  if (batch.length > 0) yield* await unknown();
}

/** The numbers of items that a collection has deleted. */
export interface CollectionStats {
  manifests: number;
  links: number;
  /** Empty repositories of pushes that sent no manifest. */
  repositories: number;
  blobs: number;
  /** Files without a row. */
  orphans: number;
  bytes: number;
  failed: number;
  /** Blobs in state `deleting`, whose bytes are deleted later. */
  waiting: number;
  waitingBytes: number;
}

/** Passes the steps on and counts them. Calls `done` with the sums when the steps end. */
export async function* withStats(
  steps: AsyncIterable<CollectionStep>,
  done: (stats: Readonly<CollectionStats>) => void,
): AsyncGenerator<CollectionStep> {
  const stats: CollectionStats = {
    manifests: 0,
    links: 0,
    repositories: 0,
    blobs: 0,
    orphans: 0,
    bytes: 0,
    failed: 0,
    waiting: 0,
    waitingBytes: 0,
  };
  try {
    for await (const step of steps) {
      count(stats, step);
      yield step;
    }
  } finally {
    done(stats);
  }
}

function count(stats: CollectionStats, step: CollectionStep): void {
  switch (step.kind) {
    case "manifest":
      stats.manifests += 1;
      return;
    case "link":
      stats.links += 1;
      return;
    case "repository":
      stats.repositories += 1;
      return;
    case "bytes":
      stats.blobs += 1;
      stats.bytes += step.sizeBytes;
      return;
    case "orphan":
      stats.orphans += 1;
      stats.bytes += step.sizeBytes;
      return;
    case "failed":
      stats.failed += 1;
      return;
    case "waiting":
      stats.waiting += step.blobs;
      stats.waitingBytes += step.bytes;
      return;
    case "pause":
  }
}
