import { createHash } from "node:crypto";
import type { Database } from "../database/database.ts";
import type { Registration } from "../database/catalog/pull-counters.ts";
import type { TagCursorPosition } from "../database/catalog/tag-pages.ts";
import { OciError } from "../oci/errors.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { Listing } from "../oci/page.ts";
import type { Tag } from "../oci/reference.ts";
import { matcherOf, parseTagPatterns } from "../oci/tag-patterns.ts";
import type { Registry } from "../registry/registry.ts";
import type { PullCounts } from "./pull-counters.ts";
import { contentTypeOf, type ContentType } from "./content-type.ts";
import { createImageInspector, instructionsOf, type Layer } from "./image-inspector.ts";
import type { Image } from "./images.ts";
import { createKeysetCursors, cutFrom } from "./keyset-cursors.ts";
import type { YieldingWork } from "../concurrency/yielding-work.ts";
import { createTagInspector, type TagWithImages } from "./tag-inspector.ts";

export interface TagWithActivity extends TagWithImages {
  /** A hash of repository id and tag name: it does not change when the tag moves. */
  readonly id: number;
  readonly contentType: ContentType;
  /** Bytes of the image for linux/amd64, or of the first image. */
  readonly fullSizeBytes: number;
  readonly lastPulledAtMs: number | undefined;
  /** No pull and no push for 30 days. */
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
  /** The first 500 layers; fewer if the response already has 5,000 layers. */
  readonly layers: readonly (Layer & { readonly instruction: string })[];
  readonly layerCount: number;
}

/** Layers of one image, and of all images in one response. Container runtimes accept up to 127 layers in an image. */
export const layersAtMost = 500;
const layersInAll = 5_000;
/** Characters of one instruction, and of all in one response. `RUN` with an inline script has a few hundred. */
const instructionAtMost = 4_000;
const instructionsInAll = 1_000_000;

/** As for repositories: up to 1,000 matches are read at once, so that the count needs no second scan. */
const foundAtOnce = 1_000;
const isSamePosition = (a: TagCursorPosition, b: TagCursorPosition): boolean =>
  a.name === b.name && a.updatedAtMs === b.updatedAtMs;

export type HubTags = ReturnType<typeof createHubTags>;

const staleAfterMs = 30 * 24 * 3600 * 1000;
/** Tags that are tested against a pattern. */
export const triedAtMost = 10_000;

export function createHubTags(parts: {
  readonly database: Database;
  readonly registry: Pick<Registry, "blobs">;
  readonly counts: PullCounts;
  readonly clock: () => number;
}) {
  const { database, clock } = parts;
  const contents = createTagInspector(parts);
  const cursors = createKeysetCursors<TagCursorPosition>(clock);

  const show = async (
    home: Registration & { readonly id: number },
    names: readonly Tag[],
    work: YieldingWork,
  ): Promise<readonly TagWithActivity[]> =>
    (await contents.of(home, names, work)).map((tag) => {
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

  return {
    /** Lists one page of tags. Throws NAME_UNKNOWN if the repository does not exist. */
    async list(
      repository: RepositoryName,
      list: TagList,
      work: YieldingWork,
    ): Promise<Listing<TagWithActivity>> {
      const { page, size, search, order, descending } = list;
      const home = await contents.homeOf(repository);
      const { id: repositoryId, tags } = home;
      const few = search
        ? await database.tagPages.list({
            ...{ repositoryId, search, order, descending, skip: 0, limit: foundAtOnce + 1 },
          })
        : undefined;
      const isAll = few !== undefined && few.length <= foundAtOnce;
      const countOfAll = async (): Promise<number> =>
        search ? database.tagPages.countNamed(repositoryId, search) : tags;
      const count = isAll ? few.length : await countOfAll();
      if ((page - 1) * size >= count) return { count, items: [] };
      const key = JSON.stringify([repositoryId, search, order, descending]);
      const begin = cursors.begin(key, page, size);
      const positions =
        (isAll ? cutFrom(few, begin, size, isSamePosition) : undefined) ??
        (await database.tagPages.list({
          ...{ repositoryId, search, order, descending, limit: size },
          ...begin,
        }));
      cursors.end(key, page, size, positions.at(-1));
      const names = positions.map(({ name }) => name);
      return { count, items: await show(home, names, work) };
    },

    /** Throws NAME_UNKNOWN, or MANIFEST_UNKNOWN if the tag does not exist. */
    async get(repository: RepositoryName, tag: Tag, work: YieldingWork): Promise<TagWithActivity> {
      const [shown] = await show(await contents.homeOf(repository), [tag], work);
      if (shown === undefined) throw new OciError("MANIFEST_UNKNOWN");
      return shown;
    },

    /** Returns the images of a tag with their layers and the instruction of each layer. */
    async images(
      repository: RepositoryName,
      { images }: Pick<TagWithActivity, "images">,
      work: YieldingWork,
    ): Promise<readonly ImageWithLayers[]> {
      const open = createImageInspector(parts, repository);
      let layersLeft = layersInAll;
      let charactersLeft = instructionsInAll;
      const shown: ImageWithLayers[] = [];
      for (const image of images) {
        await work.step();
        const held =
          image.manifestId === undefined
            ? { layers: [], layerCount: 0, config: {} }
            : await open(image.manifestId, Math.min(layersAtMost, layersLeft));
        layersLeft -= held.layers.length;
        const instructions = instructionsOf(held);
        const layers = held.layers.map((layer, at) => {
          const text = instructions[at] ?? "";
          const instruction = text.slice(0, Math.min(instructionAtMost, charactersLeft));
          charactersLeft -= instruction.length;
          return { ...layer, instruction };
        });
        shown.push({ ...image, layers, layerCount: held.layerCount });
      }
      return shown;
    },

    /**
     * Tests the first 10,000 tags, and returns those that match a pattern. Throws TAG_INVALID for an invalid pattern.
     */
    async matching(
      repository: RepositoryName,
      pattern: string,
      work: YieldingWork,
    ): Promise<readonly Tag[]> {
      const matches = await matcherOf(await parseTagPatterns([pattern]));
      const found = await database.tags.list(repository, { limit: triedAtMost });
      const matching: Tag[] = [];
      for (const tag of found?.items ?? []) {
        await work.step();
        if (matches(tag)) matching.push(tag);
      }
      return matching;
    },
  };
}

/** The Docker Hub API gives tags a numeric id. Berth's tags have none, so this is 48 bits of a hash. */
function idOf(repositoryId: number, tag: Tag): number {
  return createHash("sha256").update(`${repositoryId}:${tag}`).digest().readUIntBE(0, 6);
}

function fullSizeOf(images: readonly Image[]): number {
  const usual = images.find(({ os, architecture }) => os === "linux" && architecture === "amd64");
  return (usual ?? images[0])?.sizeBytes ?? 0;
}
