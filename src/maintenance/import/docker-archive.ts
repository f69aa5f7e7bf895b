import { createDigester, digestOf, type Digest } from "../../oci/digest.ts";
import { orAbsent } from "../../oci/errors.ts";
import { isJsonObject } from "../../oci/json.ts";
import {
  OCI_IMAGE_CONFIG,
  OCI_LAYER,
  OCI_LAYER_GZIP,
  OCI_MANIFEST,
} from "../../oci/media-types.ts";
import { parseRepositoryName, type RepositoryName } from "../../oci/name.ts";
import { parseTag, type Tag } from "../../oci/reference.ts";
import { ImportError, type ImportBlob, type ImportBroken, type ImportImage } from "./content.ts";
import { readDocument, type PlaceFiles } from "./oci-layout.ts";

/*
 * An archive of `docker save`: `manifest.json` lists for each image its config, its layers and its names. The archive has no
 * manifest, so that one is made here. The same archive gives the same digest.
 */

/** The limit of configs that `pushManifest` reads. */
const configBytesAtMost = 4 * 1024 * 1024;

/** The images of an archive. A name without a namespace goes to `to`, or to `library`. */
export async function* readDockerArchive(
  files: PlaceFiles,
  to: string | undefined,
): AsyncGenerator<ImportImage | ImportBroken> {
  const listed = await readDocument(files, "manifest.json");
  if (!Array.isArray(listed)) throw new ImportError("manifest.json is not a list of images");
  for (const entry of listed) {
    const { Config: config, Layers: layers, RepoTags: names } = isJsonObject(entry) ? entry : {};
    if (typeof config !== "string" || !isTexts(layers))
      throw new ImportError("manifest.json has an image without config or layers");
    if (!isTexts(names) || names.length === 0) {
      yield { name: config, broken: "it has no name: save it with one" };
      continue;
    }
    const made = await makeImage(files, config, layers);
    for (const name of names) {
      const target = typeof made === "string" ? undefined : parseImageName(name, to);
      if (typeof made === "string") yield { name, broken: made };
      else if (target === undefined) yield { name, broken: "its name cannot be used here" };
      else yield { name, ...target, ...made };
    }
  }
}

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((one) => typeof one === "string");

/** `docker.io/library/alpine:3`: a registry's host in front is left away. */
function parseImageName(
  text: string,
  to: string | undefined,
): { readonly repository: RepositoryName; readonly tag: Tag } | undefined {
  const at = text.lastIndexOf(":");
  const parts = text.slice(0, at).split("/");
  const [first = ""] = parts;
  if (parts.length > 1 && (/[.:]/.test(first) || first === "localhost")) parts.shift();
  const name = parts.length === 1 && to !== undefined ? `${to}/${parts[0]}` : parts.join("/");
  return orAbsent(() => ({
    repository: parseRepositoryName(name),
    tag: parseTag(text.slice(at + 1)),
  }));
}

/** A manifest of the files, with its content; or why there is none. */
async function makeImage(
  files: PlaceFiles,
  config: string,
  layers: readonly string[],
): Promise<Pick<ImportImage, "digest" | "content"> | string> {
  const blobs = new Map<Digest, ImportBlob>();
  const described: object[] = [];
  for (const name of [config, ...layers]) {
    const blob = await files.find(name);
    if (blob === undefined) return `its file ${name} is not there`;
    if (name === config && blob.sizeBytes > configBytesAtMost) return "its config is too large";
    const { digest, isGzip } = await readDigest(blob);
    blobs.set(digest, blob);
    const mediaType = name === config ? OCI_IMAGE_CONFIG : isGzip ? OCI_LAYER_GZIP : OCI_LAYER;
    described.push({ mediaType, digest, size: blob.sizeBytes });
  }
  const [first, ...rest] = described;
  const document = { schemaVersion: 2, mediaType: OCI_MANIFEST, config: first, layers: rest };
  const bytes = Buffer.from(JSON.stringify(document));
  const digest = digestOf(bytes);
  const content: ImportImage["content"] = {
    manifest: (wanted) => Promise.resolve(wanted === digest ? { bytes } : undefined),
    blob: (wanted) => Promise.resolve(blobs.get(wanted)),
  };
  return { digest, content };
}

async function readDigest(blob: ImportBlob): Promise<{ digest: Digest; isGzip: boolean }> {
  const digester = createDigester("sha256");
  let first: Uint8Array | undefined;
  for await (const piece of blob.open()) {
    first ??= Uint8Array.from(piece.subarray(0, 2));
    digester.update(piece);
  }
  return { digest: digester.digest(), isGzip: first?.[0] === 0x1f && first[1] === 0x8b };
}
