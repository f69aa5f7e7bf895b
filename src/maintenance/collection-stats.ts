import type { CollectionStep } from "./collector.ts";

/** What a collection has freed. */
export interface CollectionStats {
  manifests: number;
  links: number;
  /** Empty ones of pushes that brought no manifest. */
  repositories: number;
  blobs: number;
  /** Files that no row named. */
  orphans: number;
  bytes: number;
  failed: number;
  /** Blobs that are retired, and whose bytes are deleted later. */
  waiting: number;
  waitingBytes: number;
}

/** Passes the steps on and keeps count; `done` hears of the sum when they end. */
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
    case "looked":
  }
}
