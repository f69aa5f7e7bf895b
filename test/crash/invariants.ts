import { digestOf, type Digest, type DigestAlgorithm } from "../../src/oci/digest.ts";
import type { Answer, Wire } from "./wire.ts";

const manifestTypes = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
].join(", ");

interface Descriptor {
  readonly digest: Digest;
  readonly size: number;
  readonly urls?: readonly string[];
}

interface ManifestBody {
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
  readonly manifests?: readonly Descriptor[];
}

export interface Walk {
  repositories: number;
  tags: number;
  manifests: number;
  blobs: number;
  /** The problems that were found, as text; empty if there are none. */
  readonly problems: string[];
}

/**
 * Reads the whole registry as a client would: every repository of the catalog, every tag, its manifest, and every byte
 * of the blobs that the manifest names. A blob that several repositories link is read in each of them.
 */
export async function walkRegistry(wire: Wire): Promise<Walk> {
  const walk: Walk = { repositories: 0, tags: 0, manifests: 0, blobs: 0, problems: [] };
  const walkRepository = async (repository: string): Promise<void> => {
    walk.repositories += 1;
    const seen = new Set<string>();
    for await (const tag of pages<string>(wire, `/v2/${repository}/tags/list`, "tags")) {
      walk.tags += 1;
      await walkManifest({ wire, walk, repository, seen }, tag);
    }
  };
  const walks: Promise<void>[] = [];
  for await (const repository of pages<string>(wire, "/v2/_catalog", "repositories"))
    walks.push(walkRepository(repository));
  await Promise.all(walks);
  return walk;
}

interface Visit {
  readonly wire: Wire;
  readonly walk: Walk;
  readonly repository: string;
  /** Digests of this repository that have been read. */
  readonly seen: Set<string>;
}

async function walkManifest(visit: Visit, reference: string): Promise<void> {
  const { wire, walk, repository, seen } = visit;
  const name = `${repository} ${reference}`;
  const answer = await readManifest(wire, repository, reference);
  if (answer.status !== 200) {
    walk.problems.push(`manifest ${name}: ${answer.status}`);
    return;
  }
  const digest = String(answer.headers["docker-content-digest"]);
  if (seen.has(digest)) return;
  seen.add(digest);
  walk.manifests += 1;
  if (digestOf(answer.body, algorithmIn(digest)) !== digest)
    walk.problems.push(`manifest ${name}: other bytes than ${digest}`);

  const { config, layers = [], manifests = [] } = JSON.parse(String(answer.body)) as ManifestBody;
  for (const child of manifests) await walkManifest(visit, child.digest);
  for (const blob of config === undefined ? layers : [config, ...layers]) {
    if (blob.urls !== undefined || seen.has(blob.digest)) continue;
    seen.add(blob.digest);
    walk.blobs += 1;
    const problem = await blobProblem(wire, repository, blob.digest, blob.size);
    if (problem !== undefined) walk.problems.push(`${name}: ${problem}`);
  }
}

export function readManifest(wire: Wire, repository: string, reference: string): Promise<Answer> {
  const target = `/v2/${repository}/manifests/${reference}`;
  return wire.send("GET", target, { headers: { Accept: manifestTypes } });
}

/** The problem with a blob that must exist; `undefined` if every byte reads back. */
export async function blobProblem(
  wire: Wire,
  repository: string,
  digest: Digest,
  sizeBytes: number,
): Promise<string | undefined> {
  const { status, body } = await wire.send("GET", `/v2/${repository}/blobs/${digest}`);
  if (status !== 200) return `blob ${digest}: ${status}`;
  if (body.length !== sizeBytes) return `blob ${digest}: ${body.length} of ${sizeBytes} bytes`;
  return digestOf(body, algorithmIn(digest)) === digest ? undefined : `blob ${digest}: other bytes`;
}

/** The problems with the blobs that an image's manifest names. */
export async function imageProblems(
  wire: Wire,
  repository: string,
  manifest: Buffer,
): Promise<string[]> {
  const { config, layers = [] } = JSON.parse(String(manifest)) as ManifestBody;
  const problems: string[] = [];
  for (const { digest, size } of config === undefined ? layers : [config, ...layers]) {
    const problem = await blobProblem(wire, repository, digest, size);
    if (problem !== undefined) problems.push(`${repository}: ${problem}`);
  }
  return problems;
}

/** The items of a list. Requests page after page through the Link headers. */
async function* pages<T>(wire: Wire, first: string, key: string): AsyncIterable<T> {
  for (let target: string | undefined = first; target !== undefined;) {
    const { headers, body }: Answer = await wire.expect(200, "GET", target);
    yield* (JSON.parse(body.toString("utf8")) as Record<string, T[]>)[key] ?? [];
    target = /<([^>]+)>;\s*rel="next"/.exec(String(headers["link"] ?? ""))?.[1];
  }
}

const algorithmIn = (digest: string): DigestAlgorithm =>
  digest.startsWith("sha512:") ? "sha512" : "sha256";
