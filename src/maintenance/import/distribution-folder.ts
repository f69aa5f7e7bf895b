import { lstat, opendir, realpath } from "node:fs/promises";
import path from "node:path";
import { algorithmOf, encodedOf, isDigest, type Digest } from "../../oci/digest.ts";
import { orAbsent } from "../../oci/errors.ts";
import { parseRepositoryName, type RepositoryName } from "../../oci/name.ts";
import { parseTag } from "../../oci/reference.ts";
import {
  ImportError,
  SkipError,
  pushTimeOf,
  type ImportBroken,
  type ImportContent,
  type ImportImage,
} from "./content.ts";
import { findRegularFile, readSmallFile, type ImportFile } from "./regular-files.ts";

/*
 * The files of a distribution registry (versions 2 and 3), below `docker/registry/v2`:
 *
 *   repositories/<name>/_manifests/tags/<tag>/current/link         the digest of a tag
 *   repositories/<name>/_manifests/revisions/sha256/<hex>/link     a manifest of the repository
 *   repositories/<name>/_layers/sha256/<hex>/link                  a blob of the repository
 *   blobs/sha256/<first 2>/<hex>/data                              bytes of manifests and blobs
 *
 * Symbolic links in it are not followed, so that nothing outside the folder is imported.
 */

export interface DistributionFolder {
  /** The real path of the folder with all blobs. */
  readonly blobs: string;
  /** About the number of images, for a progress bar. */
  countImages(): Promise<number>;
  /** All tags, then all other manifests, of each repository. Memory grows with the tags of one repository only. */
  images(): AsyncGenerator<ImportImage | ImportBroken>;
}

interface Options {
  /** The namespace of names with one component. */
  readonly to: string | undefined;
  /** Larger manifests are not read. */
  readonly manifestBytes: number;
}

/** A link file has a digest only. */
const linkBytesAtMost = 256;

/** Throws ImportError if the folder is not that of a distribution registry. */
export async function openDistributionFolder(
  folder: string,
  options: Options,
): Promise<DistributionFolder> {
  const root = await findRoot(folder);
  const blobs = path.join(root, "blobs");
  const repositories = path.join(root, "repositories");
  return {
    blobs,
    async countImages() {
      let count = 0;
      for await (const name of repositoryNames(repositories)) {
        const manifests = path.join(repositories, name, "_manifests");
        for await (const _ of foldersIn(path.join(manifests, "tags"))) count += 1;
        for await (const _ of digestsIn(path.join(manifests, "revisions"))) count += 1;
      }
      return count;
    },
    async *images() {
      for await (const name of repositoryNames(repositories)) {
        const repository = nameHere(name, options.to);
        if (repository === undefined)
          yield { name, broken: "its name is not the name of a repository" };
        else {
          const here = path.join(repositories, name);
          const content = contentOf({ here, blobs, manifestBytes: options.manifestBytes });
          yield* imagesOf({ name, here, repository, content });
        }
      }
    },
  };
}

async function findRoot(folder: string): Promise<string> {
  for (const inner of ["docker/registry/v2", "."]) {
    const root = await realpath(path.join(folder, inner)).catch(() => undefined);
    if (root === undefined) continue;
    if ((await isFolder(path.join(root, "repositories"))) && (await isFolder(`${root}/blobs`)))
      return root;
  }
  throw new ImportError(
    `${folder} has no docker/registry/v2/repositories and blobs: name the "rootdirectory" of the registry's storage`,
  );
}

const isFolder = async (folder: string): Promise<boolean> =>
  (await lstat(folder).catch(() => undefined))?.isDirectory() === true;

function nameHere(name: string, to: string | undefined): RepositoryName | undefined {
  const full = to !== undefined && !name.includes("/") ? `${to}/${name}` : name;
  return orAbsent(() => parseRepositoryName(full));
}

/** The names of the folders in a folder; none if it cannot be read as a folder. */
async function* foldersIn(folder: string): AsyncGenerator<string> {
  if (!(await isFolder(folder))) return;
  for await (const entry of await opendir(folder)) if (entry.isDirectory()) yield entry.name;
}

/** A repository may lie in the folder of another: `team` and `team/app`. */
async function* repositoryNames(folder: string, above: string[] = []): AsyncGenerator<string> {
  for await (const part of foldersIn(path.join(folder, ...above))) {
    if (part === "_manifests") yield above.join("/");
    if (!part.startsWith("_")) yield* repositoryNames(folder, [...above, part]);
  }
}

/** The digests that have a folder in `revisions` or `_layers`. */
async function* digestsIn(folder: string): AsyncGenerator<Digest> {
  for (const algorithm of ["sha256", "sha512"])
    for await (const hex of foldersIn(path.join(folder, algorithm))) {
      const digest = `${algorithm}:${hex}`;
      if (isDigest(digest)) yield digest;
    }
}

interface FoundRepository extends Pick<ImportImage, "name" | "repository" | "content"> {
  readonly here: string;
}

async function* imagesOf(found: FoundRepository): AsyncGenerator<ImportImage | ImportBroken> {
  const { name, here, repository, content } = found;
  const manifests = path.join(here, "_manifests");
  const tagged = new Set<Digest>();
  for await (const text of foldersIn(path.join(manifests, "tags"))) {
    const shown = `${name}:${text}`;
    const tag = orAbsent(() => parseTag(text));
    const link = await readLink(path.join(manifests, "tags", text, "current/link"));
    if (tag === undefined) yield { name: shown, broken: "its name is not the name of a tag" };
    else if (link === undefined) yield { name: shown, broken: "its link has no digest" };
    else {
      tagged.add(link.digest);
      yield { name: shown, repository, tag, content, ...link };
    }
  }
  for await (const digest of digestsIn(path.join(manifests, "revisions")))
    if (!tagged.has(digest) && (await readLinkTo(manifests, "revisions", digest)) !== undefined)
      yield { name: `${name}@${digest}`, repository, digest, content };
}

function contentOf(parts: {
  readonly here: string;
  readonly blobs: string;
  readonly manifestBytes: number;
}): ImportContent {
  const { here, blobs, manifestBytes } = parts;
  return {
    async manifest(digest) {
      const link = await readLinkTo(here, "_manifests/revisions", digest);
      const blob = link && (await findBlob(blobs, digest));
      if (blob === undefined) return undefined;
      if (blob.sizeBytes > manifestBytes)
        throw new SkipError(`the manifest ${digest} has ${blob.sizeBytes} bytes`);
      const { bytes } = await readSmallFile(blob.file, blob.sizeBytes);
      return { bytes, pushedAtMs: link?.pushedAtMs };
    },
    // The registry serves only the blobs that it has linked: others may be of private repositories.
    blob: async (digest) =>
      (await readLinkTo(here, "_layers", digest)) && (await findBlob(blobs, digest)),
  };
}

const findBlob = (blobs: string, digest: Digest): Promise<ImportFile | undefined> => {
  const hex = encodedOf(digest);
  return findRegularFile(path.join(blobs, algorithmOf(digest), hex.slice(0, 2), hex, "data"));
};

interface Link {
  readonly digest: Digest;
  /** The registry writes the file again at each push. */
  readonly pushedAtMs: number | undefined;
}

/** A link file; `undefined` if there is no such file or it has no digest. */
async function readLink(file: string): Promise<Link | undefined> {
  const found = await readSmallFile(file, linkBytesAtMost).catch(() => undefined);
  const digest = found?.bytes.toString("latin1").trim() ?? "";
  if (found === undefined || !isDigest(digest)) return undefined;
  return { digest, pushedAtMs: pushTimeOf(found.modifiedAtMs) };
}

/** The link of a digest; `undefined` if the repository does not have it. */
async function readLinkTo(folder: string, kind: string, digest: Digest): Promise<Link | undefined> {
  const parts = [algorithmOf(digest), encodedOf(digest), "link"];
  const link = await readLink(path.join(folder, kind, ...parts));
  return link?.digest === digest ? link : undefined;
}
