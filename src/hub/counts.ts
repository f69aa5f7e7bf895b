import type { RepositoryName } from "../oci/name.ts";
import type { Tag } from "../oci/reference.ts";

/** How often something was pulled and pushed, and when last. */
export interface Count {
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
export interface Counts {
  of(repositories: readonly RepositoryName[]): Promise<ReadonlyMap<RepositoryName, Count>>;
  ofTags(repository: RepositoryName, tags: readonly Tag[]): Promise<ReadonlyMap<Tag, Count>>;
}
