import { OciError } from "../oci/errors.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { Tag } from "../oci/reference.ts";
import type { Metadata } from "../metadata/metadata.ts";
import type { Page } from "../metadata/repositories.ts";

/** Where a listing goes on: behind `last`, which need not exist (any more), and how many entries at most. */
export interface PageRequest {
  readonly last: string | undefined;
  readonly limit: number;
}

export type Tags = ReturnType<typeof createTags>;

export function createTags({ metadata }: { readonly metadata: Pick<Metadata, "tags"> }) {
  return {
    /** In bytewise order. Throws NAME_UNKNOWN if there is no such repository. */
    async list(repository: RepositoryName, page: PageRequest): Promise<Page<Tag>> {
      const found = await metadata.tags.list(repository, page);
      if (found === undefined)
        throw new OciError("NAME_UNKNOWN", undefined, { detail: { name: repository } });
      return found;
    },
  };
}
