import type { Digest } from "../../oci/digest.ts";
import type { RepositoryName } from "../../oci/name.ts";
import type { Tag } from "../../oci/reference.ts";

/** Pulls and pushes of one tag or digest since the last write. */
export interface PullCounterChange {
  readonly repository: RepositoryName;
  readonly reference:
    | { readonly kind: "tag"; readonly tag: Tag }
    | { readonly kind: "digest"; readonly digest: Digest };
  readonly pulls: number;
  readonly pushes: number;
  /** 0: none. */
  readonly lastPulledAtMs: number;
  readonly lastPushedAtMs: number;
  /** `RepositoryFacts.removal` at that time. Counts of a repository that was deleted since are discarded. */
  readonly removal: number;
}

/** A repository whose pulls have reached another bucket. Buckets order repositories by pulls. */
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

/** The pulls of a tag. */
export interface TagPulls {
  readonly tag: Tag;
  readonly pulls: number;
  readonly lastPulledAtMs: number | null;
}

/** Pulls of one day. */
export interface PullsOfDay {
  /** Days since the epoch, in UTC. */
  readonly day: number;
  readonly pulls: number;
}

/** Identifies one of the repositories that have had this name, by its creation time. */
export interface Registration {
  readonly name: RepositoryName;
  readonly createdAtMs: number;
}

/** The pulls per day of all repositories together, also of deleted ones, are rows of this name. */
export const allRepositories: Registration = { name: "" as RepositoryName, createdAtMs: 0 };

/** The stored pull counters. A row may belong to a deleted repository, also if a new one has its name. */
export interface PullCounterStore {
  /** Writes a batch, all or nothing. Entries of deleted repositories are discarded. */
  add(counted: readonly PullCounterChange[]): Promise<readonly PullBucket[]>;
  of(repositories: readonly Registration[]): Promise<ReadonlyMap<RepositoryName, PullCounterRow>>;
  ofTags(repository: Registration, tags: readonly Tag[]): Promise<ReadonlyMap<Tag, PullCounterRow>>;
  /** The counters of the tags of a repository, by tag, after `last`. */
  scanTags(
    repository: Registration,
    page: { readonly last: string; readonly limit: number },
  ): Promise<readonly TagPulls[]>;
  /**
   * The pulls of repositories together, or of one tag, by day since `fromDay`; days without a pull are missing. At most
   * 100 repositories, since each may have 400 rows.
   */
  days(
    repositories: readonly Registration[],
    wanted: { readonly fromDay: number; readonly tag?: Tag | undefined },
  ): Promise<readonly PullsOfDay[]>;
  /** Since when all pulls are counted. The pulls before are not known. */
  knownSinceMs(): Promise<number>;
  /** Another value after each commit, of any process. */
  version(): Promise<unknown>;
  close(): Promise<void>;
}

/**
 * The tags where clients without the referrers API look for signatures: `sha256-<hex>`, and cosign's variants of it.
 * PostgreSQL understands the pattern too.
 */
export const fallbackTag = /^sha(?:256|512)-[0-9a-f]{64}/;

/** 4 buckets per doubling of pulls (±19 %), so that a repository's row seldom changes. */
export const pullBucketOf = (pulls: number): number =>
  Math.min(127, Math.floor(4 * Math.log2(1 + pulls)));

export const dayMs = 24 * 3600 * 1000;
/** The pulls of earlier days are deleted. */
export const daysKept = 400;

/** The day of a time: days since the epoch, in UTC. */
export const dayOf = (ms: number): number => Math.trunc(ms / dayMs);
