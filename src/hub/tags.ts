import { createHash } from "node:crypto";
import type { Metadata } from "../metadata/metadata.ts";
import type { Registration } from "../metadata/counts.ts";
import type { TagPlace } from "../metadata/tag-pages.ts";
import { OciError } from "../oci/errors.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { Tag } from "../oci/reference.ts";
import { matcherOf, parseTagPatterns } from "../oci/tag-patterns.ts";
import type { Registry } from "../registry/registry.ts";
import type { Counts } from "./counts.ts";
import { contentTypeOf, type ContentType } from "./content-type.ts";
import { createImageContents, instructionsOf, type Layer } from "./image-contents.ts";
import type { Image } from "./images.ts";
import { createPageMarks, cutFrom } from "./page-marks.ts";
import type { Listing } from "./repositories.ts";
import { createTagContents, type TagContents } from "./tag-contents.ts";

export interface ShownTag extends TagContents {
  /** Stable as long as repository and tag are of these names. */
  readonly id: number;
  readonly contentType: ContentType;
  /** Bytes of the image for linux/amd64, or of the first. */
  readonly fullSizeBytes: number;
  readonly lastPulledAtMs: number | undefined;
  /** Nobody has pulled or pushed it for a month. */
  readonly isStale: boolean;
}

export interface TagList {
  readonly page: number;
  readonly size: number;
  readonly search?: string | undefined;
  readonly order: "name" | "updated";
  readonly descending: boolean;
}

export interface ImageWithLayers extends Image {
  readonly layers: readonly (Layer & { readonly instruction: string })[];
}

/** As for repositories: so many with a part of a name need no second look to be counted. */
const foundAtOnce = 1_000;
const isSamePlace = (a: TagPlace, b: TagPlace): boolean =>
  a.name === b.name && a.updatedAtMs === b.updatedAtMs;

export type HubTags = ReturnType<typeof createHubTags>;

const staleAfterMs = 30 * 24 * 3600 * 1000;
/** Tags that a pattern is tried on. */
const triedAtMost = 10_000;

export function createHubTags(parts: {
  readonly metadata: Metadata;
  readonly registry: Pick<Registry, "manifests" | "blobs">;
  readonly counts: Counts;
  readonly clock: () => number;
}) {
  const { metadata, registry, clock } = parts;
  const open = createImageContents(registry);
  const contents = createTagContents(parts);
  const marks = createPageMarks<TagPlace>(clock);

  const show = async (
    home: Registration & { readonly id: number },
    names: readonly Tag[],
  ): Promise<readonly ShownTag[]> =>
    (await contents.of(home, names)).map((tag) => {
      const lastPulledAtMs = tag.count?.lastPulledAtMs;
      const usedAtMs = Math.max(lastPulledAtMs ?? 0, tag.updatedAtMs);
      return {
        ...{ ...tag, lastPulledAtMs },
        id: idOf(home.id, tag.name),
        contentType: contentTypeOf(tag.manifest),
        fullSizeBytes: fullSizeOf(tag.images),
        isStale: clock() - usedAtMs > staleAfterMs,
      };
    });

  const layersOf = async (repository: RepositoryName, image: Image) => {
    if (image.manifestId === undefined) return [];
    const held = await open(repository, image.digest);
    const instructions = instructionsOf(held);
    return held.layers.map((layer, at) => ({ ...layer, instruction: instructions[at] ?? "" }));
  };

  return {
    /** Throws NAME_UNKNOWN if there is no such repository. */
    async list(repository: RepositoryName, list: TagList): Promise<Listing<ShownTag>> {
      const { page, size, search, order, descending } = list;
      const home = await contents.homeOf(repository);
      const { id: repositoryId, tags } = home;
      const few = search
        ? await metadata.tagPages.list({
            ...{ repositoryId, search, order, descending, skip: 0, limit: foundAtOnce + 1 },
          })
        : undefined;
      const isAll = few !== undefined && few.length <= foundAtOnce;
      const countOfAll = async (): Promise<number> =>
        search ? metadata.tagPages.countNamed(repositoryId, search) : tags;
      const count = isAll ? few.length : await countOfAll();
      if ((page - 1) * size >= count) return { count, items: [] };
      const key = JSON.stringify([repositoryId, search, order, descending]);
      const begin = marks.begin(key, page, size);
      const places =
        (isAll ? cutFrom(few, begin, size, isSamePlace) : undefined) ??
        (await metadata.tagPages.list({
          ...{ repositoryId, search, order, descending, limit: size },
          ...begin,
        }));
      marks.end(key, page, size, places.at(-1));
      const names = places.map(({ name }) => name);
      return { count, items: await show(home, names) };
    },

    /** Throws NAME_UNKNOWN, or MANIFEST_UNKNOWN if there is no such tag. */
    async get(repository: RepositoryName, tag: Tag): Promise<ShownTag> {
      const [shown] = await show(await contents.homeOf(repository), [tag]);
      if (shown === undefined) throw new OciError("MANIFEST_UNKNOWN");
      return shown;
    },

    /** The images of a tag with their layers. Throws as {@link get} does. */
    async images(repository: RepositoryName, tag: Tag): Promise<readonly ImageWithLayers[]> {
      const { images } = await this.get(repository, tag);
      const shown: ImageWithLayers[] = [];
      for (const image of images)
        shown.push({ ...image, layers: await layersOf(repository, image) });
      return shown;
    },

    /** The tags that a pattern would fix, of the first ten thousand. Throws TAG_INVALID for a pattern that is none. */
    async matching(repository: RepositoryName, pattern: string): Promise<readonly Tag[]> {
      const matches = await matcherOf(await parseTagPatterns([pattern]));
      const found = await metadata.tags.list(repository, { limit: triedAtMost });
      return (found?.items ?? []).filter(matches);
    },
  };
}

/** A number for clients that want one: 48 bits of a hash, since tags have no number of their own. */
function idOf(repositoryId: number, tag: Tag): number {
  return createHash("sha256").update(`${repositoryId}:${tag}`).digest().readUIntBE(0, 6);
}

function fullSizeOf(images: readonly Image[]): number {
  const usual = images.find(({ os, architecture }) => os === "linux" && architecture === "amd64");
  return (usual ?? images[0])?.sizeBytes ?? 0;
}
