import { aliasesAtMost } from "../api/limits.ts";
import type { RepositoryDetails } from "../database/catalog/repository-details.ts";
import type { TagDetails } from "../database/catalog/tag-pages.ts";
import type { Database } from "../database/contract.ts";
import { fallbackTagOf, parseTag, type Tag } from "../oci/reference.ts";
import { matcherOf } from "../oci/tag-patterns.ts";
import { compareNaturally } from "./tag-order.ts";

/** What a tag has in common with other tags and manifests of its repository. */
export interface TagRelations {
  /** Other tags with the same digest, at most {@link aliasesAtMost}, in natural order. */
  readonly aliases: readonly Tag[];
  /** Whether the tag can neither be moved nor deleted. */
  readonly isImmutable: boolean;
  /** Whether a signature of the digest is stored: as a referrer, or under cosign's tag. It is not verified. */
  readonly isSigned: boolean;
}

/** Reads the relations of the tags of one page. */
export async function relationsOf(
  { tagPages, tagRelations }: Pick<Database, "tagPages" | "tagRelations">,
  { id, immutableTags }: Pick<RepositoryDetails, "id" | "immutableTags">,
  tags: readonly Pick<TagDetails, "name" | "manifest">[],
): Promise<ReadonlyMap<Tag, TagRelations>> {
  const digests = new Map(tags.map(({ manifest }) => [manifest.id, manifest.digest]));
  const manifestIds = [...digests.keys()];
  // Each list may contain the tag itself.
  const others = await tagRelations.tagsOf(manifestIds, aliasesAtMost + 1);
  const signed = await tagRelations.signed(manifestIds);
  const signatureTags = [...digests.values()].map(signatureTagOf);
  const stored = new Set(await tagPages.existing(id, signatureTags));
  const isImmutable = immutableTags === null ? () => false : await matcherOf(immutableTags);
  return new Map(
    tags.map(({ name, manifest }) => [
      name,
      {
        aliases: (others.get(manifest.id) ?? [])
          .filter((other) => other !== name)
          .toSorted(compareNaturally)
          .slice(0, aliasesAtMost),
        isImmutable: isImmutable(name),
        isSigned: signed.has(manifest.id) || stored.has(signatureTagOf(manifest.digest)),
      },
    ]),
  );
}

const signatureTagOf = (digest: Parameters<typeof fallbackTagOf>[0]): Tag =>
  parseTag(`${fallbackTagOf(digest)}.sig`);
