import type { Database } from "../../database/contract.ts";
import type { Digest } from "../../oci/digest.ts";
import { parseManifest, type Manifest, type ManifestReference } from "../../oci/manifest.ts";
import { parseTag, type Reference } from "../../oci/reference.ts";
import type { Mirror } from "../mirror.ts";
import type { MirroredTags, TagRange } from "../pull/tags.ts";
import { admitAll, type MirrorRepository } from "../repository.ts";
import { describeUpstreamError, UpstreamFailure } from "../upstream/failure.ts";

/** One step of a sync, done or (in a dry run) planned. */
export type SyncStep =
  | { readonly kind: "tag"; readonly tag: string; readonly position: number; readonly of: number }
  | { readonly kind: "manifest"; readonly digest: Digest; readonly isNew: boolean }
  | {
      readonly kind: "blob";
      readonly digest: Digest;
      readonly sizeBytes: number;
      readonly isNew: boolean;
    }
  | {
      readonly kind: "failed";
      readonly what: string;
      /** One line for operators. */
      readonly reason: string;
      readonly error: unknown;
    };

export const failedStep = (what: string, error: unknown): SyncStep => ({
  kind: "failed",
  what,
  reason: describeUpstreamError(error),
  error,
});

/** Copies tags one after another. A failure ends its tag with a failed step; the other tags are still copied. */
export async function* copyEach<T extends string>(
  repository: string,
  tags: readonly T[],
  copy: (tag: T) => AsyncIterable<SyncStep>,
): AsyncGenerator<SyncStep> {
  for (const [position, tag] of tags.entries()) {
    yield { kind: "tag", tag, position, of: tags.length };
    try {
      yield* copy(tag);
    } catch (error) {
      yield failedStep(`${repository}:${tag}`, error);
    }
  }
}

export interface SyncPullOptions {
  /** `os/architecture[/variant]`. An empty list copies all platforms. */
  readonly platforms: readonly string[];
  readonly referrers: boolean;
  /** Reports the blobs that would be downloaded. A dry run still downloads manifests. */
  readonly isDryRun: boolean;
}

/** Sync pull: downloads whole images. Cached content is not downloaded again, and interrupted downloads resume. */
export function createSyncPull(mirror: Mirror, database: Pick<Database, "blobs">) {
  const images = (
    mirrorRepository: MirrorRepository,
    tags: readonly string[],
    options: SyncPullOptions,
  ): AsyncGenerator<SyncStep> => {
    const copy = new RepositoryCopy({ mirror, database, mirrorRepository, options });
    return copyEach(mirrorRepository.repository, tags, (tag) => copy.image(tag));
  };
  return {
    /** Copies tags with all their content. */
    images,
    /** Copies one tag with all its content. */
    image: (mirrorRepository: MirrorRepository, tag: string, options: SyncPullOptions) =>
      images(mirrorRepository, [tag], options),
    /** Lists all tags of the upstream. */
    listTags: (mirrorRepository: MirrorRepository) => listTags(mirror, mirrorRepository),
  };
}

const tagsPerPage = 1_000;
/** Limit for one repository: an endless list from the upstream would fill the memory. */
const tagsAtMost = 500_000;

async function listTags(
  mirror: Mirror,
  mirrorRepository: MirrorRepository,
): Promise<readonly string[]> {
  const tags: string[] = [];
  let next: TagRange | undefined = { n: tagsPerPage, last: undefined };
  while (next !== undefined) {
    const page: MirroredTags = await mirror.tags.list(mirrorRepository, next, admitAll);
    tags.push(...page.tags);
    if (tags.length > tagsAtMost)
      throw new UpstreamFailure("serverError", `the list has more than ${tagsAtMost} tags`);
    next = page.next;
  }
  return tags;
}

interface RepositoryCopyParts {
  readonly mirror: Mirror;
  readonly database: Pick<Database, "blobs">;
  readonly mirrorRepository: MirrorRepository;
  readonly options: SyncPullOptions;
}

/** Copies images of one repository. Content that several images share is copied and reported once. */
class RepositoryCopy {
  readonly #parts: RepositoryCopyParts;
  readonly #seen = new Set<string>();

  constructor(parts: RepositoryCopyParts) {
    this.#parts = parts;
  }

  image(tag: string): AsyncGenerator<SyncStep> {
    return this.#manifest({ kind: "tag", tag: parseTag(tag) });
  }

  async *#manifest(reference: Reference): AsyncGenerator<SyncStep> {
    const { mirror, mirrorRepository, options } = this.#parts;
    const question = { isHead: false, isPull: false };
    const found = await mirror.manifests.get(mirrorRepository, reference, question, admitAll);
    await found.stored;
    if (this.#seen.has(found.digest) || found.content === undefined) return;
    this.#seen.add(found.digest);
    yield { kind: "manifest", digest: found.digest, isNew: found.status.kind === "miss" };
    const manifest = parseManifest(found.content, found.mediaType);
    for (const item of referencesFor(manifest, options.platforms)) {
      if (this.#seen.has(item.digest)) continue;
      if (item.kind === "child") {
        yield* this.#manifest({ kind: "digest", digest: item.digest });
        continue;
      }
      this.#seen.add(item.digest);
      yield* this.#blob(item);
    }
    if (options.referrers) yield* this.#referrers(found.digest);
  }

  async *#blob({ digest, sizeBytes, required, urls }: ManifestReference): AsyncGenerator<SyncStep> {
    const { mirror, database, mirrorRepository, options } = this.#parts;
    const here = await database.blobs.find(mirrorRepository.repository, digest);
    const isForeign =
      !required && urls !== undefined && mirror.settings.foreignLayerHosts.length === 0;
    if (isForeign) return;
    if (here === undefined && !options.isDryRun) await mirror.blobs.fetch(mirrorRepository, digest);
    yield { kind: "blob", digest, sizeBytes, isNew: here === undefined };
  }

  async *#referrers(subject: Digest): AsyncGenerator<SyncStep> {
    const { mirror, mirrorRepository } = this.#parts;
    const { document } = await mirror.referrers.list(mirrorRepository, subject, [], admitAll);
    const { manifests } = JSON.parse(document.toString("utf8")) as {
      manifests: readonly { digest: Digest }[];
    };
    for (const { digest } of manifests) yield* this.#manifest({ kind: "digest", digest });
  }
}

/** The references of a manifest. Of an index, only the requested platforms (if any) and their attestations. */
function* referencesFor(
  manifest: Manifest,
  platforms: readonly string[],
): Generator<ManifestReference> {
  const { references } = manifest;
  if (manifest.kind !== "index" || platforms.length === 0) {
    yield* references;
    return;
  }
  const chosen = references.filter(({ platform }) => {
    if (platform === undefined) return false;
    const { os, architecture, variant } = platform;
    return (
      platforms.includes(`${os}/${architecture}`) ||
      platforms.includes(`${os}/${architecture}/${variant ?? ""}`)
    );
  });
  yield* chosen;
  // BuildKit stores the attestations of an image as entries of the same index.
  const digests = new Set<string>(chosen.map(({ digest }) => digest));
  for (const reference of references) {
    const subject = reference.annotations?.["vnd.docker.reference.digest"];
    if (subject !== undefined && digests.has(subject)) yield reference;
  }
}
