import type {
  PullCounterRow,
  PullCounterStore,
  Registration,
} from "../database/catalog/pull-counters.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { Tag } from "../oci/reference.ts";

/** How often something was pulled and pushed, and when last. */
export interface PullCount {
  readonly pulls: number;
  readonly pushes: number;
  /** `undefined`: never, as far as we know. */
  readonly lastPulledAtMs: number | undefined;
  readonly lastPushedAtMs: number | undefined;
}

/**
 * What was counted, seconds old at most. Names that were never pulled nor pushed, and those that are not there, have no
 * entry. Whether the caller may know of them is not asked here.
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
