import type { RepositoryName } from "../oci/name.ts";
import type { Tag } from "../oci/reference.ts";

/** How often something was pulled, and when last. */
export interface Activity {
  readonly pulls: number;
  /** `undefined`: never, as far as we know. */
  readonly lastPulledAtMs: number | undefined;
}

/** What was counted. Names that were never pulled, and those that are not there, have no entry. */
export interface Activities {
  of(repositories: readonly RepositoryName[]): Promise<ReadonlyMap<RepositoryName, Activity>>;
  ofTags(repository: RepositoryName, tags: readonly Tag[]): Promise<ReadonlyMap<Tag, Activity>>;
}

/** Where nothing is counted. */
export const noActivities: Activities = {
  of: async () => new Map(),
  ofTags: async () => new Map(),
};
