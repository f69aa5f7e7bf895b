import { createByteCache } from "../concurrency/bounded-cache.ts";
import { isDigest, type Digest } from "../oci/digest.ts";
import { isJsonObject } from "../oci/json.ts";
import { parseManifest } from "../oci/manifest.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { Tag } from "../oci/reference.ts";
import { orAbsent } from "../oci/errors.ts";
import { requestManifest, requestManifestHead } from "./pull/sources.ts";
import type { RegistryConnection } from "./registry-connection.ts";
import type { Upstream, UpstreamRequest } from "./upstream/client.ts";
import { saysAbsent, UpstreamFailure } from "./upstream/failure.ts";
import {
  discardBody,
  headerOf,
  integerOf,
  readList,
  type ResponseReader,
} from "./upstream/responses.ts";

interface RegistryManifest {
  readonly bytes: Buffer;
  readonly mediaType: string | undefined;
}

const namesPerPage = 1_000;
/** An endless list would never end. */
const namesAtMost = 1_000_000;
/** Manifests that were read for their tag, and are read again for their children. */
const keptBytes = 16 * 1024 * 1024;

/** Reads the images of another registry by its API. The methods throw {@link UpstreamFailure}. */
export class RegistryImages {
  readonly #upstream: Upstream;
  readonly #responses: ResponseReader;
  readonly #manifestBytes: number;
  readonly #kept = createByteCache<RegistryManifest>({
    maxBytes: keptBytes,
    sizeOf: ({ bytes }) => bytes.length,
  });

  /** @param manifestBytes larger manifests are not read */
  constructor({ upstream, responses }: RegistryConnection, manifestBytes: number) {
    this.#upstream = upstream;
    this.#responses = responses;
    this.#manifestBytes = manifestBytes;
  }

  /** The names of all repositories that the registry lists. */
  repositories(): AsyncGenerator<string> {
    const catalog = { location: "/v2/_catalog", scope: "registry:catalog:*" };
    return this.#names({ name: "", path: "", ...catalog }, "repositories");
  }

  /** The names of all tags. */
  tags(name: string): AsyncGenerator<string> {
    return this.#names({ name, path: "tags/list" }, "tags");
  }

  async *#names(
    asked: Omit<UpstreamRequest, "method">,
    key: "repositories" | "tags",
  ): AsyncGenerator<string> {
    let count = 0;
    const query = { n: `${namesPerPage}` };
    for (let next: Omit<UpstreamRequest, "method"> | undefined = { ...asked, query }; next;) {
      const response = await this.#upstream.ask({ method: "GET", ...next });
      const link = headerOf(response, "link");
      const names = await readList(this.#responses, response, (document) =>
        isJsonObject(document) && Array.isArray(document[key]) ? (document[key] as unknown[]) : [],
      );
      for (const name of names) if (typeof name === "string") yield name;
      count += names.length;
      if (count > namesAtMost)
        throw new UpstreamFailure("serverError", `a list has more than ${namesAtMost} names`);
      const location = /<([^>]+)>\s*;\s*rel="?next"?/i.exec(link ?? "")?.[1];
      next = location === undefined || names.length === 0 ? undefined : { ...asked, location };
    }
  }

  /** The digest of a tag. */
  async digestOf(name: string, tag: Tag): Promise<Digest> {
    const reference = { kind: "tag", tag } as const;
    const head = await requestManifestHead(this.#upstream, repositoryOf(name), reference);
    if (head === undefined)
      throw new UpstreamFailure("serverError", "the registry does not send the digest of the tag");
    return head.digest;
  }

  /** What is in a repository, by digest. */
  content(name: string) {
    return {
      manifest: (digest: Digest) => orUndefined(this.#manifest(name, digest)),
      blob: (digest: Digest) => orUndefined(this.#blob(name, digest)),
    };
  }

  async #manifest(name: string, digest: Digest): Promise<RegistryManifest> {
    const key = `${name}@${digest}`;
    const kept = this.#kept.get(key);
    if (kept !== undefined) return kept;
    const limitBytes = this.#manifestBytes;
    const source = { upstream: this.#upstream, responses: this.#responses, limitBytes };
    const found = await requestManifest(source, repositoryOf(name), { kind: "digest", digest });
    this.#kept.set(key, found);
    return found;
  }

  async #blob(name: string, digest: Digest) {
    const asked = { name, path: `blobs/${digest}` };
    const response = await this.#upstream.ask({ method: "HEAD", ...asked });
    discardBody(response);
    const sizeBytes = integerOf(response, "content-length");
    if (sizeBytes === undefined)
      throw new UpstreamFailure("serverError", "the registry does not send the size of the blob");
    const upstream = this.#upstream;
    async function* open(): AsyncGenerator<Uint8Array> {
      const { body } = await upstream.ask({ method: "GET", ...asked });
      for await (const piece of body) yield piece as Uint8Array;
    }
    return { sizeBytes, open };
  }

  /** The referrers of an image and of its platforms, and the referrers of these. */
  async *referrers(name: string, image: Digest): AsyncGenerator<Digest> {
    const waiting = [image];
    const seen = new Set<Digest>(waiting);
    for (let digest = waiting.pop(); digest !== undefined; digest = waiting.pop()) {
      const asked = { method: "GET", name, path: `referrers/${digest}` } as const;
      const response = await orUndefined(this.#upstream.ask(asked));
      // A registry without the referrers API has tags for them. The manifest is not read: Docker Hub would count a pull.
      if (response === undefined) return;
      const referrers = await readList(this.#responses, response, digestsOf);
      const children = digest === image ? await this.#children(name, image) : [];
      for (const child of children.filter((one) => !seen.has(one))) {
        seen.add(child);
        waiting.push(child);
      }
      for (const found of referrers) {
        if (seen.has(found)) continue;
        seen.add(found);
        waiting.push(found);
        yield found;
      }
    }
  }

  async #children(name: string, digest: Digest): Promise<readonly Digest[]> {
    const found = await orUndefined(this.#manifest(name, digest));
    if (found === undefined) return [];
    const manifest = orAbsent(() => parseManifest(found.bytes, found.mediaType));
    if (manifest?.kind !== "index") return [];
    return manifest.references.map((reference) => reference.digest);
  }
}

const repositoryOf = (name: string) => ({ name, repository: name as RepositoryName });

async function orUndefined<T>(asking: Promise<T>): Promise<T | undefined> {
  try {
    return await asking;
  } catch (error) {
    if (saysAbsent(error)) return undefined;
    throw error;
  }
}

function digestsOf(document: unknown): readonly Digest[] {
  const listed = isJsonObject(document) ? document["manifests"] : undefined;
  if (!Array.isArray(listed)) return [];
  return listed.flatMap((entry) => {
    const digest: unknown = isJsonObject(entry) ? entry["digest"] : undefined;
    return typeof digest === "string" && isDigest(digest) ? [digest] : [];
  });
}
