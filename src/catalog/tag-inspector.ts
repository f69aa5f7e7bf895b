import type { Database } from "../database/database.ts";
import type { Registration } from "../database/catalog/pull-counters.ts";
import type { TagDetails } from "../database/catalog/tag-pages.ts";
import { OciError } from "../oci/errors.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { Tag } from "../oci/reference.ts";
import type { PullCount, PullCounts } from "./pull-counters.ts";
import { imagesOfManifests, type TagImages } from "./images.ts";
import type { YieldingWork } from "../concurrency/yielding-work.ts";

/** A tag with its images and its pull counters. */
export interface TagWithImages extends TagDetails, TagImages {
  readonly count: PullCount | undefined;
}

export function createTagInspector(parts: {
  readonly database: Database;
  readonly counts: PullCounts;
}) {
  const { database, counts } = parts;
  return {
    /** Returns the details of a repository. Throws NAME_UNKNOWN if it does not exist. */
    async homeOf(repository: RepositoryName) {
      const [home] = await database.repositoryDetails.find([repository], { fullTexts: false });
      if (home === undefined)
        throw new OciError("NAME_UNKNOWN", undefined, { detail: { name: repository } });
      return home;
    },

    /** Returns the tags in the order of `names`, without deleted ones. */
    async of(
      repository: Registration & { readonly id: number },
      names: readonly Tag[],
      work: YieldingWork,
    ): Promise<readonly TagWithImages[]> {
      const tags = await database.tagPages.find(repository.id, names);
      const manifests = tags.map(({ manifest }) => manifest);
      const held = await imagesOfManifests(database, repository.id, manifests, work);
      const counted = counts.ofTags(repository, names);
      const byName = new Map(tags.map((tag) => [tag.name, tag]));
      return names.flatMap((name) => {
        const tag = byName.get(name);
        if (tag === undefined) return [];
        const { images = [], imageCount = 0, attestations = [] } = held.get(tag.manifest.id) ?? {};
        return [{ ...tag, images, imageCount, attestations, count: counted.get(name) }];
      });
    },
  };
}
