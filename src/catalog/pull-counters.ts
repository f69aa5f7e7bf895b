import type {
  PullCounterRow,
  PullCounterStore,
  Registration,
} from "../database/catalog/pull-counters.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { Tag } from "../oci/reference.ts";

/** The pull counters of a repository or a tag. */
export interface PullCount {
  readonly pulls: number;
  readonly pushes: number;
  /** `undefined`: no pull is recorded. */
  readonly lastPulledAtMs: number | undefined;
  readonly lastPushedAtMs: number | undefined;
}

/**
 * Reads the pull counters, which are at most a few seconds old. Names without pulls and pushes, and names that do not
 * exist, have no entry. The caller must check visibility.
 */
export interface PullCounts {
  of(repositories: readonly Registration[]): ReadonlyMap<RepositoryName, PullCount>;
  ofTags(repository: Registration, tags: readonly Tag[]): ReadonlyMap<Tag, PullCount>;
}

export function createPullCounts(store: Pick<PullCounterStore, "of" | "ofTags">): PullCounts {
  return {
    of: (repositories) => counted(store.of(repositories)),
    ofTags: (repository, tags) => counted(store.ofTags(repository, tags)),
  };
}

function counted<Name>(rows: ReadonlyMap<Name, PullCounterRow>): ReadonlyMap<Name, PullCount> {
  return new Map(
    [...rows].map(([name, { pulls, pushes, lastPulledAtMs, lastPushedAtMs }]) => [
      name,
      {
        ...{ pulls, pushes },
        lastPulledAtMs: lastPulledAtMs ?? undefined,
        lastPushedAtMs: lastPushedAtMs ?? undefined,
      },
    ]),
  );
}
