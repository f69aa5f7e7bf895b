import type { Digest } from "../../oci/digest.ts";
import type { RepositoryName } from "../../oci/name.ts";
import type { Tag } from "../../oci/reference.ts";

/** Pulls and pushes of one thing since the last time they were written down. */
export interface PullCounterChange {
  readonly repository: RepositoryName;
  readonly reference:
    | { readonly kind: "tag"; readonly tag: Tag }
    | { readonly kind: "digest"; readonly digest: Digest };
  readonly pulls: number;
  readonly pushes: number;
  /** 0: not at all. */
  readonly lastPulledAtMs: number;
  readonly lastPushedAtMs: number;
  /** `RepositoryFacts.removal` at that time: counts of a repository that was deleted since are left out. */
  readonly removal: number;
}

/** A repository whose pulls have grown enough to change its place among others. */
export interface PullBucket {
  readonly repositoryId: number;
  readonly pullBucket: number;
}

export interface PullCounterRow {
  readonly pulls: number;
  readonly pushes: number;
  readonly lastPulledAtMs: number | null;
  readonly lastPushedAtMs: number | null;
}

/** A repository as counts know it: of those that had the name one after another, the one that was made then. */
export interface Registration {
  readonly name: RepositoryName;
  readonly createdAtMs: number;
}

/** The file of the pull counters. What it speaks of may be gone, or another of its name. */
export interface PullCounterStore {
  /** Writes down what was counted, all or nothing; things that are gone are left out. */
  add(counted: readonly PullCounterChange[]): Promise<readonly PullBucket[]>;
  of(repositories: readonly Registration[]): ReadonlyMap<RepositoryName, PullCounterRow>;
  ofTags(repository: Registration, tags: readonly Tag[]): ReadonlyMap<Tag, PullCounterRow>;
  /** Another value as soon as anybody has written. */
  version(): unknown;
  close(): Promise<void>;
}

/** Opens (and if need be makes) the counts in `file`, which speak of what is in the database in `mainFile`. */
export async function openSqlitePullCounters(
  file: string,
  mainFile: string,
): Promise<PullCounterStore> {
  const { openPullCounterStore } = await import("../sqlite/pull-counters.ts");
  return openPullCounterStore(file, mainFile);
}

/** Four steps for each doubling, so that a place changes seldom. */
export const pullBucketOf = (pulls: number): number =>
  Math.min(127, Math.floor(4 * Math.log2(1 + pulls)));
