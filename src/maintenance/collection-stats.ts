import type { CollectionStep } from "./collector.ts";

/** What a collection has freed. */
export interface CollectionTally {
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
export async function* tallied(
  steps: AsyncIterable<CollectionStep>,
  done: (tally: Readonly<CollectionTally>) => void,
): AsyncGenerator<CollectionStep> {
  const tally: CollectionTally = {
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
      count(tally, step);
      yield step;
    }
  } finally {
    done(tally);
  }
}

function count(tally: CollectionTally, step: CollectionStep): void {
  switch (step.kind) {
    case "manifest":
      tally.manifests += 1;
      return;
    case "link":
      tally.links += 1;
      return;
    case "repository":
      tally.repositories += 1;
      return;
    case "bytes":
      tally.blobs += 1;
      tally.bytes += step.sizeBytes;
      return;
    case "orphan":
      tally.orphans += 1;
      tally.bytes += step.sizeBytes;
      return;
    case "failed":
      tally.failed += 1;
      return;
    case "waiting":
      tally.waiting += step.blobs;
      tally.waitingBytes += step.bytes;
      return;
    case "looked":
  }
}
