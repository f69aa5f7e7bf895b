import { realpath, stat } from "node:fs/promises";
import path from "node:path";
import { algorithmOf, encodedOf, isDigest, type Digest } from "../../oci/digest.ts";
import { orAbsent } from "../../oci/errors.ts";
import { parseStrictJson, isJsonObject } from "../../oci/json.ts";
import type { RepositoryName } from "../../oci/name.ts";
import { parseTag, type Tag } from "../../oci/reference.ts";
import {
  ImportError,
  readSmall,
  type ImportBlob,
  type ImportBroken,
  type ImportContent,
  type ImportImage,
} from "./content.ts";
import { findRegularFile } from "./regular-files.ts";
import { openTar } from "./tar.ts";

/*
 * An OCI image layout (image-spec image-layout.md), as a folder or as a tar archive:
 *
 *   index.json                  the descriptors of images; an annotation has the tag
 *   blobs/sha256/<hex>          manifests and blobs
 */

/** The files of a folder or of an archive. */
export interface PlaceFiles {
  find(name: string): Promise<ImportBlob | undefined>;
  /** The folder with the blobs, if they are files. */
  readonly blobs: string | undefined;
  close(): Promise<void>;
}

const indexBytesAtMost = 16 * 1024 * 1024;
const tagAnnotation = "org.opencontainers.image.ref.name";

export async function openPlace(place: string): Promise<PlaceFiles> {
  const isFolder = (await stat(place)).isDirectory();
  if (isFolder) {
    const root = await realpath(place);
    return {
      find: (name) => findRegularFile(path.join(root, name)),
      blobs: path.join(root, "blobs"),
      close: () => Promise.resolve(),
    };
  }
  const tar = await openTar(place);
  return {
    find: (name) => Promise.resolve(tar.find(name)),
    blobs: undefined,
    close: () => tar.close(),
  };
}

/** The JSON document in a file. Throws ImportError if there is none. */
export async function readDocument(files: PlaceFiles, name: string): Promise<unknown> {
  const found = await files.find(name);
  if (found === undefined) throw new ImportError(`there is no ${name}`);
  try {
    return parseStrictJson(await readSmall(found, indexBytesAtMost));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ImportError(`${name} cannot be read: ${reason}`, { cause: error });
  }
}

/**
 * The images of a layout, for one repository.
 * @param tag only the image with this tag, or the only image of the layout, with this tag
 */
export async function readLayout(
  files: PlaceFiles,
  given: {
    readonly repository: RepositoryName;
    readonly tag: Tag | undefined;
    readonly manifestBytes: number;
  },
): Promise<readonly (ImportImage | ImportBroken)[]> {
  const { repository, tag, manifestBytes } = given;
  const document = await readDocument(files, "index.json");
  const listed = isJsonObject(document) ? document["manifests"] : undefined;
  if (!Array.isArray(listed)) throw new ImportError("index.json has no list of manifests");
  const entries = listed.map(readEntry);
  const content = contentOf(files, manifestBytes);
  const chosen = tag === undefined ? entries : chooseEntry(entries, tag);
  return chosen.map((entry) => {
    const name = entry.name ?? entry.digest ?? "an entry";
    if (entry.digest === undefined) return { name, broken: "it has no digest" };
    const image = { name, repository, digest: entry.digest, content };
    if (tag !== undefined) return { ...image, tag };
    if (entry.name === undefined) return image;
    const ofName = orAbsent(() => parseTag(entry.name?.split(":").at(-1) ?? ""));
    return ofName === undefined
      ? { name, broken: "its name is not the name of a tag" }
      : { ...image, tag: ofName };
  });
}

interface Entry {
  readonly name: string | undefined;
  readonly digest: Digest | undefined;
}

function readEntry(value: unknown): Entry {
  const fields = isJsonObject(value) ? value : {};
  const { digest, annotations } = fields;
  const name = isJsonObject(annotations) ? annotations[tagAnnotation] : undefined;
  return {
    name: typeof name === "string" ? name : undefined,
    digest: typeof digest === "string" && isDigest(digest) ? digest : undefined,
  };
}

function chooseEntry(entries: readonly Entry[], tag: Tag): readonly Entry[] {
  const named = entries.filter(({ name }) => name?.split(":").at(-1) === tag);
  if (named.length > 0) return named;
  if (entries.length === 1) return entries;
  throw new ImportError(`index.json has ${entries.length} images, and none has the tag ${tag}`);
}

const contentOf = (files: PlaceFiles, manifestBytes: number): ImportContent => {
  const find = (digest: Digest) => files.find(`blobs/${algorithmOf(digest)}/${encodedOf(digest)}`);
  return {
    async manifest(digest) {
      const found = await find(digest);
      if (found === undefined || found.sizeBytes > manifestBytes) return undefined;
      const bytes = await readSmall(found, manifestBytes);
      // A child of an index may be a layer, or the config of a BuildKit cache: it is imported as a blob.
      return isManifest(bytes) ? { bytes } : undefined;
    },
    blob: find,
  };
};

function isManifest(bytes: Buffer): boolean {
  try {
    const document = JSON.parse(bytes.toString("utf8")) as unknown;
    return isJsonObject(document) && "schemaVersion" in document;
  } catch {
    return false;
  }
}
