import type { RepositoryName } from "../oci/name.ts";
import type { Metadata } from "../metadata/metadata.ts";
import type { Page } from "../metadata/repositories.ts";
import type { PageRequest } from "./tags.ts";

export type Repositories = ReturnType<typeof createRepositories>;

export function createRepositories({
  metadata,
}: {
  readonly metadata: Pick<Metadata, "repositories">;
}) {
  return {
    /** Names in bytewise order. */
    list: (page: PageRequest): Promise<Page<RepositoryName>> => metadata.repositories.list(page),
  };
}
