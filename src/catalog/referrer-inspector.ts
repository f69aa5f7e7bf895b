import { referrerLayersAtMost } from "../api/limits.ts";
import type { YieldingWork } from "../concurrency/yielding-work.ts";
import type { AnnotatedLayer, ManifestDetails } from "../database/catalog/images.ts";
import type { Database } from "../database/contract.ts";
import type { LinkedBlob } from "../database/registry/blobs.ts";
import type { Digest } from "../oci/digest.ts";
import { JsonBoundError, JsonError } from "../oci/json.ts";
import { isImageConfig } from "../oci/media-types.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { Registry } from "../registry/registry.ts";
import { ignoreUnknown } from "./image-inspector.ts";
import { findManifest } from "./manifest-inspector.ts";
import {
  readReferrerDocument,
  unreadDocument,
  type ReferrerDocument,
} from "./referrer-documents.ts";
import type { Annotations } from "./signatures.ts";
import { PackageList, type PackageWindow } from "./sbom.ts";

/**
 * Why a document was not read. `invalid`: it is broken; `too large`: the layer has more than 8 MiB, or the layers
 * before it have nearly 16 MiB; `too complex`: it has more than 1,000,000 values, 200 levels, or 12
 * levels of components in components; `not here`: the repository does not have it.
 */
export type DocumentProblem = "invalid" | "too large" | "too complex" | "not here";

/** A layer of a manifest, and the document that it is. */
export interface ReferrerLayer extends ReferrerDocument {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly sizeBytes: number;
  readonly problem: DocumentProblem | undefined;
}

export interface ReferrerContents {
  readonly manifest: ManifestDetails;
  /** The first {@link referrerLayersAtMost}. */
  readonly layers: readonly ReferrerLayer[];
  readonly layerCount: number;
}

/** The SBOM of the first packages of a manifest with several is chosen unless a layer is named. */
export interface PackageQuery extends PackageWindow {
  readonly digest: Digest;
  readonly layer: Digest | undefined;
}

const documentBytesAtMost = 8 * 1024 * 1024;
/** Of all layers of one manifest. */
const bytesAtMost = 16 * 1024 * 1024;
/** Documents in memory at once, of all requests: one takes up to 60 MB, and they are parsed on one thread. */
const documentsAtOnce = 4;

export type ReferrerInspector = ReturnType<typeof createReferrerInspector>;

/** Reads what is attached to images: signatures, SBOMs and provenance. Nothing of it is verified. */
export function createReferrerInspector(parts: {
  readonly database: Pick<Database, "facts" | "images" | "repositoryDetails">;
  readonly registry: Pick<Registry, "blobs">;
}) {
  const { database, registry } = parts;
  const inTurn = createTurns(documentsAtOnce);

  const readerOf = (repository: RepositoryName, isImage: boolean, work: YieldingWork) =>
    createReader({ blobs: registry.blobs, inTurn, repository, isImage, work });

  const layersOf = async (repository: RepositoryName, digest: Digest) => {
    const { manifest } = await findManifest(database, repository, digest);
    const { items, total } =
      manifest.kind === "image"
        ? await database.images.annotatedLayers(manifest.id, referrerLayersAtMost)
        : { items: [], total: 0 };
    const { configMediaType } = manifest;
    const isImage = configMediaType !== null && isImageConfig(configMediaType);
    return { manifest, items, total, isImage };
  };

  return {
    /** Throws NAME_UNKNOWN, and MANIFEST_UNKNOWN if the repository does not have the manifest. */
    async contents(
      repository: RepositoryName,
      digest: Digest,
      work: YieldingWork,
    ): Promise<ReferrerContents> {
      const { manifest, items, total, isImage } = await layersOf(repository, digest);
      const read = readerOf(repository, isImage, work);
      const layers: ReferrerLayer[] = [];
      for (const layer of items)
        layers.push(await read(layer, new PackageList({ query: "", skip: 0, limit: 0 })));
      return { manifest, layers, layerCount: total };
    },

    /** The packages of an SBOM; `undefined`: no layer is one that could be read. Throws as `contents`. */
    async packages(
      repository: RepositoryName,
      { digest, layer: wanted, ...window }: PackageQuery,
      work: YieldingWork,
    ): Promise<PackageList | undefined> {
      const { items, isImage } = await layersOf(repository, digest);
      const read = readerOf(repository, isImage, work);
      for (const layer of items) {
        if (wanted !== undefined && wanted !== layer.digest) continue;
        const packages = new PackageList(window);
        const { sbom } = await read(layer, packages);
        if (sbom !== undefined) return packages;
      }
      return undefined;
    },
  };
}

/** Reads the documents of layers one after the other, with one budget of bytes. */
function createReader(given: {
  readonly blobs: Registry["blobs"];
  readonly inTurn: Turns;
  readonly repository: RepositoryName;
  readonly isImage: boolean;
  readonly work: YieldingWork;
}) {
  const { blobs, inTurn, repository, isImage, work } = given;
  let bytesLeft = bytesAtMost;
  return async (layer: AnnotatedLayer, packages: PackageList): Promise<ReferrerLayer> => {
    const { digest, mediaType, sizeBytes } = layer;
    const annotations = JSON.parse(layer.annotations ?? "{}") as Annotations;
    const unread = { ...unreadDocument(mediaType, annotations), digest, mediaType, sizeBytes };
    // The layers of a container image are archives.
    if (isImage && /tar|rootfs/.test(mediaType)) return { ...unread, problem: undefined };
    const blob = await blobs.get(repository, digest).catch(ignoreUnknown);
    if (blob === undefined) return { ...unread, problem: "not here" };
    return inTurn(async () => {
      // The client may have left meanwhile.
      await work.step();
      const read = await readText(blobs, blob, bytesLeft).catch(ignoreUnknown);
      if (read === undefined) return { ...unread, problem: "not here" };
      const { isJson, text } = read;
      if (!isJson) return { ...unread, problem: undefined };
      if (text === undefined) return { ...unread, problem: "too large" };
      bytesLeft -= blob.sizeBytes;
      await work.step();
      try {
        const found = await readReferrerDocument(text, { mediaType, annotations }, packages, work);
        return { ...found, digest, mediaType, sizeBytes, problem: undefined };
      } catch (error) {
        if (error instanceof JsonBoundError) return { ...unread, problem: "too complex" };
        if (error instanceof JsonError) return { ...unread, problem: "invalid" };
        throw error;
      }
    });
  };
}

/** The text of a blob, if its first character begins a JSON object. `text` is `undefined` for a blob that is too large. */
async function readText(
  blobs: Registry["blobs"],
  blob: LinkedBlob,
  bytesLeft: number,
): Promise<{ readonly isJson: boolean; readonly text: string | undefined }> {
  const { sizeBytes } = blob;
  if (sizeBytes === 0) return { isJson: true, text: "" };
  const isTooLarge = sizeBytes > Math.min(documentBytesAtMost, bytesLeft);
  const wanted = isTooLarge ? 1024 : sizeBytes;
  const content = Buffer.allocUnsafe(Math.min(wanted, sizeBytes));
  let length = 0;
  const bytes = await blobs.open(blob, { start: 0, end: content.length - 1 });
  for await (const piece of bytes) {
    const isFirst = length === 0;
    content.set(piece, length);
    length += piece.length;
    if (isFirst && !/^\uFEFF?\s*(?:\{|$)/.test(content.toString("utf8", 0, Math.min(length, 1024))))
      return { isJson: false, text: undefined };
  }
  return { isJson: true, text: isTooLarge ? undefined : content.toString("utf8", 0, length) };
}

type Turns = <T>(work: () => Promise<T>) => Promise<T>;

/** Runs at most `atOnce` calls; the others wait, in the order of their arrival. */
function createTurns(atOnce: number): Turns {
  const waiting: (() => void)[] = [];
  let free = atOnce;
  return async (work) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((start) => waiting.push(start));
    try {
      return await work();
    } finally {
      // The call that ends starts the next one.
      const start = waiting.shift();
      if (start === undefined) free += 1;
      else start();
    }
  };
}
