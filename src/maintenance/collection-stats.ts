import type { CollectionStep } from "./collector.ts";

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
    case "looked":
  }
}
