import type { Digest } from "../../oci/digest.ts";
import type { RepositoryName } from "../../oci/name.ts";
import type { Tag } from "../../oci/reference.ts";

/** Pulls and pushes of one thing since the last time they were written down. */
export interface Counted {
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
export interface PullRank {
  readonly repositoryId: number;
  readonly pullRank: number;
}

export interface CountRow {
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

/** The file of counts. What it speaks of may be gone, or another of its name. */
export interface CountsStore {
  /** Writes down what was counted, all or nothing; things that are gone are left out. */
  add(counted: readonly Counted[]): Promise<readonly PullRank[]>;
  of(repositories: readonly Registration[]): ReadonlyMap<RepositoryName, CountRow>;
  ofTags(repository: Registration, tags: readonly Tag[]): ReadonlyMap<Tag, CountRow>;
  /** Another value as soon as anybody has written. */
  version(): unknown;
  close(): Promise<void>;
}

/** Opens (and if need be makes) the counts in `file`, which speak of what is in the database in `mainFile`. */
export async function openSqliteCounts(file: string, mainFile: string): Promise<CountsStore> {
  const { openCounts } = await import("../sqlite/pull-counters.ts");
  return openCounts(file, mainFile);
}

/** Four steps for each doubling, so that a place changes seldom. */
export const pullRankOf = (pulls: number): number =>
  Math.min(127, Math.floor(4 * Math.log2(1 + pulls)));
