import type { CountRow, CountsStore } from "../metadata/counts.ts";
import type { Metadata } from "../metadata/metadata.ts";
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

export function createCounts(parts: {
  readonly store: Pick<CountsStore, "of" | "ofTags">;
  readonly metadata: Pick<Metadata, "repositories">;
}): Counts {
  const { store, metadata } = parts;
  return {
    async of(repositories) {
      if (repositories.length === 0) return new Map();
      return counted(store.of(await metadata.repositories.registrations(repositories)));
    },
    async ofTags(repository, tags) {
      const [home] = await metadata.repositories.registrations([repository]);
      return home === undefined ? new Map() : counted(store.ofTags(home, tags));
    },
  };
}

function counted<Name>(rows: ReadonlyMap<Name, CountRow>): ReadonlyMap<Name, Count> {
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
