import { inOrder } from "../../concurrency/in-order.ts";
import { algorithmOf, encodedOf, isDigest, type Digest } from "../../oci/digest.ts";
import { orAbsent } from "../../oci/errors.ts";
import { parseRepositoryName, type RepositoryName } from "../../oci/name.ts";
import { parseTag } from "../../oci/reference.ts";
import {
  SkipError,
  pushTimeOf,
  readSmall,
  type ImportBlob,
  type ImportBroken,
  type ImportContent,
  type ImportImage,
} from "./content.ts";

/*
 * The files of a distribution registry (versions 2 and 3), below `docker/registry/v2`:
 *
 *   repositories/<name>/_manifests/tags/<tag>/current/link         the digest of a tag
 *   repositories/<name>/_manifests/revisions/sha256/<hex>/link     a manifest of the repository
 *   repositories/<name>/_layers/sha256/<hex>/link                  a blob of the repository
 *   blobs/sha256/<first 2>/<hex>/data                              bytes of manifests and blobs
 */

/** The files of a registry, by names with slashes. Nothing in them is trusted. */
export interface DistributionFiles {
  /** The names of the folders in a folder, "" for the top; none if there is no such folder. */
  folders(folder: string): AsyncIterable<string>;
  /** `undefined`: there is no such file, or it has more than `bytesAtMost`. */
  read(name: string, bytesAtMost: number): Promise<SmallFile | undefined>;
  /** `undefined`: there is no such file. */
  find(name: string): Promise<ImportBlob | undefined>;
}

export interface SmallFile {
  readonly bytes: Uint8Array;
  readonly modifiedAtMs: number;
}

interface Distribution {
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
/** Link files that are read at the same time. */
const linksAtOnce = 16;

/** Where the files are below the place that the registry's configuration names. */
export const distributionFolders = ["docker/registry/v2", ""] as const;

/** Whether these are the files of a distribution registry. */
export async function isDistribution(files: DistributionFiles): Promise<boolean> {
  const names = new Set<string>();
  for await (const name of files.folders("")) names.add(name);
  return names.has("repositories") && names.has("blobs");
}

export function readDistribution(files: DistributionFiles, options: Options): Distribution {
  return {
    async countImages() {
      let count = 0;
      for await (const name of repositoryNames(files)) {
        const manifests = `repositories/${name}/_manifests`;
        for await (const _ of files.folders(`${manifests}/tags`)) count += 1;
        for await (const _ of digestsIn(files, `${manifests}/revisions`)) count += 1;
      }
      return count;
    },
    async *images() {
      for await (const name of repositoryNames(files)) {
        const repository = nameHere(name, options.to);
        if (repository === undefined)
          yield { name, broken: "its name is not the name of a repository" };
        else {
          const here = `repositories/${name}`;
          const content = contentOf(files, here, options.manifestBytes);
          yield* imagesOf(files, { name, here, repository, content });
        }
      }
    },
  };
}

function nameHere(name: string, to: string | undefined): RepositoryName | undefined {
  const full = to !== undefined && !name.includes("/") ? `${to}/${name}` : name;
  return orAbsent(() => parseRepositoryName(full));
}

/** A repository may lie in the folder of another: `team` and `team/app`. */
async function* repositoryNames(
  files: DistributionFiles,
  above: readonly string[] = [],
): AsyncGenerator<string> {
  for await (const part of files.folders(["repositories", ...above].join("/"))) {
    if (part === "_manifests") yield above.join("/");
    if (!part.startsWith("_")) yield* repositoryNames(files, [...above, part]);
  }
}

/** The digests that have a folder in `revisions` or `_layers`. */
async function* digestsIn(files: DistributionFiles, folder: string): AsyncGenerator<Digest> {
  for (const algorithm of ["sha256", "sha512"])
    for await (const hex of files.folders(`${folder}/${algorithm}`)) {
      const digest = `${algorithm}:${hex}`;
      if (isDigest(digest)) yield digest;
    }
}

interface FoundRepository extends Pick<ImportImage, "name" | "repository" | "content"> {
  readonly here: string;
}

async function* imagesOf(
  files: DistributionFiles,
  found: FoundRepository,
): AsyncGenerator<ImportImage | ImportBroken> {
  const { name, here, repository, content } = found;
  const manifests = `${here}/_manifests`;
  const tagged = new Set<Digest>();
  const links = inOrder(files.folders(`${manifests}/tags`), linksAtOnce, async (text) => ({
    text,
    link: await readLink(files, `${manifests}/tags/${text}/current/link`),
  }));
  for await (const { text, link } of links) {
    const shown = `${name}:${text}`;
    const tag = orAbsent(() => parseTag(text));
    if (tag === undefined) yield { name: shown, broken: "its name is not the name of a tag" };
    else if (link === undefined) yield { name: shown, broken: "its link has no digest" };
    else {
      tagged.add(link.digest);
      yield { name: shown, repository, tag, content, ...link };
    }
  }
  const folder = `${manifests}/revisions`;
  const revisions = inOrder(digestsIn(files, folder), linksAtOnce, async (digest) =>
    tagged.has(digest) ? undefined : await readLinkTo(files, folder, digest),
  );
  for await (const link of revisions)
    if (link !== undefined)
      yield { name: `${name}@${link.digest}`, repository, digest: link.digest, content };
}

function contentOf(files: DistributionFiles, here: string, manifestBytes: number): ImportContent {
  return {
    async manifest(digest) {
      const link = await readLinkTo(files, `${here}/_manifests/revisions`, digest);
      const blob = link && (await findBlob(files, digest));
      if (blob === undefined) return undefined;
      if (blob.sizeBytes > manifestBytes)
        throw new SkipError(`the manifest ${digest} has ${blob.sizeBytes} bytes`);
      return { bytes: await readSmall(blob, manifestBytes), pushedAtMs: link?.pushedAtMs };
    },
    // The registry serves only the blobs that it has linked: others may be of private repositories.
    blob: async (digest) =>
      (await readLinkTo(files, `${here}/_layers`, digest)) && (await findBlob(files, digest)),
  };
}

const findBlob = (files: DistributionFiles, digest: Digest): Promise<ImportBlob | undefined> => {
  const hex = encodedOf(digest);
  return files.find(`blobs/${algorithmOf(digest)}/${hex.slice(0, 2)}/${hex}/data`);
};

interface Link {
  readonly digest: Digest;
  /** The registry writes the file again at each push. */
  readonly pushedAtMs: number | undefined;
}

/** A link file; `undefined` if there is no such file or it has no digest. */
async function readLink(files: DistributionFiles, name: string): Promise<Link | undefined> {
  const found = await files.read(name, linkBytesAtMost);
  if (found === undefined) return undefined;
  const digest = Buffer.from(found.bytes).toString("latin1").trim();
  return isDigest(digest) ? { digest, pushedAtMs: pushTimeOf(found.modifiedAtMs) } : undefined;
}

/** The link of a digest; `undefined` if the repository does not have it. */
async function readLinkTo(
  files: DistributionFiles,
  folder: string,
  digest: Digest,
): Promise<Link | undefined> {
  const link = await readLink(files, `${folder}/${algorithmOf(digest)}/${encodedOf(digest)}/link`);
  return link?.digest === digest ? link : undefined;
}
