import { createHash } from "node:crypto";
import { imageLayersAtMost, triedTagsAtMost } from "../api/limits.ts";
import type { Database } from "../database/contract.ts";
import type { Registration } from "../database/catalog/pull-counters.ts";
import type { TagCursorPosition } from "../database/catalog/tag-pages.ts";
import { OciError } from "../oci/errors.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { Listing, NumberedPage } from "../oci/page.ts";
import type { Tag } from "../oci/reference.ts";
import { matcherOf, parseTagPatterns } from "../oci/tag-patterns.ts";
import type { Registry } from "../registry/registry.ts";
import type { PullCounts } from "./pull-counters.ts";
import { contentTypeOf, type ContentType } from "./content-type.ts";
import { createImageInspector, instructionsOf, type Layer } from "./image-inspector.ts";
import { type Image, createTagInspector, type TagWithImages } from "./tag-inspector.ts";
import { countList, createPageReader } from "./keyset-cursors.ts";
import { isSamePosition, pagedTags } from "./tag-search.ts";
import type { YieldingWork } from "../concurrency/yielding-work.ts";

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

interface TagList extends NumberedPage {
  readonly search?: string | undefined;
  readonly order: "name" | "updated";
  readonly descending: boolean;
}

export interface ImageWithLayers extends Image {
  /** The first 500 layers; fewer if the response already has 5,000 layers. */
  readonly layers: readonly (Layer & { readonly instruction: string })[];
  readonly layerCount: number;
}

/** Layers of all images in one response. */
const layersInAll = 5_000;
/** Characters of one instruction, and of all in one response. `RUN` with an inline script has a few hundred. */
const instructionAtMost = 4_000;
const instructionsInAll = 1_000_000;

const staleAfterMs = 30 * 24 * 3600 * 1000;

interface TagCatalogParts {
  readonly database: Database;
  readonly registry: Pick<Registry, "blobs">;
  readonly counts: PullCounts;
  readonly clock: () => number;
}

/** Tags as the Hub-shaped API shows them. */
export class TagCatalog {
  readonly #parts: TagCatalogParts;
  readonly #inspector: ReturnType<typeof createTagInspector>;
  readonly #readPage: ReturnType<typeof createPageReader<TagCursorPosition>>;

  constructor(parts: TagCatalogParts) {
    this.#parts = parts;
    this.#inspector = createTagInspector(parts);
    this.#readPage = createPageReader(parts.clock, isSamePosition);
  }

  /** Lists one page of tags. Throws NAME_UNKNOWN if the repository does not exist. */
  async list(
    repository: RepositoryName,
    request: TagList,
    work: YieldingWork,
  ): Promise<Listing<TagWithActivity>> {
    const { page, size } = request;
    const home = await this.#inspector.homeOf(repository);
    const { search = "", order, descending } = request;
    const { database } = this.#parts;
    const list = await countList(pagedTags(database, home, { search, order, descending }));
    const count = list.total;
    if ((page - 1) * size >= count) return { count, items: [] };
    const names = (await this.#readPage(list, request)).map(({ name }) => name);
    return { count, items: await this.#show(home, names, work) };
  }

  /** Throws NAME_UNKNOWN, or MANIFEST_UNKNOWN if the tag does not exist. */
  async get(repository: RepositoryName, tag: Tag, work: YieldingWork): Promise<TagWithActivity> {
    const [shown] = await this.#show(await this.#inspector.homeOf(repository), [tag], work);
    if (shown === undefined) throw new OciError("MANIFEST_UNKNOWN", undefined, { detail: { tag } });
    return shown;
  }

  /** Returns the images of a tag with their layers and the instruction of each layer. */
  async images(
    repository: RepositoryName,
    { images }: Pick<TagWithActivity, "images">,
    work: YieldingWork,
  ): Promise<readonly ImageWithLayers[]> {
    const inspect = createImageInspector(this.#parts, repository);
    let layersLeft = layersInAll;
    let charactersLeft = instructionsInAll;
    const shown: ImageWithLayers[] = [];
    for (const image of images) {
      await work.step();
      const held =
        image.manifestId === undefined
          ? { layers: [], layerCount: 0, config: {}, configProblem: undefined }
          : await inspect(image.manifestId, Math.min(imageLayersAtMost, layersLeft));
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
  }

  /** Tests the first 10,000 tags, and returns those that match a pattern. Throws TAG_INVALID for an invalid pattern. */
  async matching(
    repository: RepositoryName,
    pattern: string,
    work: YieldingWork,
  ): Promise<readonly Tag[]> {
    const matches = await matcherOf(await parseTagPatterns([pattern]));
    const found = await this.#parts.database.tags.list(repository, { limit: triedTagsAtMost });
    const matching: Tag[] = [];
    for (const tag of found?.items ?? []) {
      await work.step();
      if (matches(tag)) matching.push(tag);
    }
    return matching;
  }

  async #show(
    home: Registration & { readonly id: number },
    names: readonly Tag[],
    work: YieldingWork,
  ): Promise<readonly TagWithActivity[]> {
    const nowMs = this.#parts.clock();
    return (await this.#inspector.of(home, names, work)).map((tag) => {
      const lastPulledAtMs = tag.count?.lastPulledAtMs;
      const usedAtMs = Math.max(lastPulledAtMs ?? 0, tag.updatedAtMs);
      return {
        ...tag,
        lastPulledAtMs,
        id: idOf(home.id, tag.name),
        contentType: contentTypeOf(tag.manifest),
        fullSizeBytes: fullSizeOf(tag.images),
        isStale: nowMs - usedAtMs > staleAfterMs,
      };
    });
  }
}

/** The Docker Hub API gives tags a numeric id. Berth's tags have none, so this is 48 bits of a hash. */
function idOf(repositoryId: number, tag: Tag): number {
  return createHash("sha256").update(`${repositoryId}:${tag}`).digest().readUIntBE(0, 6);
}

function fullSizeOf(images: readonly Image[]): number {
  const usual = images.find(({ os, architecture }) => os === "linux" && architecture === "amd64");
  return (usual ?? images[0])?.sizeBytes ?? 0;
}
