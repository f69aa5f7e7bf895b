import type { Database } from "../../database/database.ts";
import type { Digest } from "../../oci/digest.ts";
import { parseManifest, type Manifest, type ManifestReference } from "../../oci/manifest.ts";
import { parseTag, type Reference, type Tag } from "../../oci/reference.ts";
import { describeUpstreamError, UpstreamFailure } from "../upstream/failure.ts";
import type { MirroredTags, TagRange } from "../pull/lists.ts";
import type { Mirror } from "../mirror.ts";
import { admitAll, type MirrorRepository } from "../repository.ts";
import type { ScheduleSettings } from "../settings.ts";
import { selectTags } from "./tag-selection.ts";

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
  ...{ kind: "failed", what, error },
  reason: describeUpstreamError(error),
});

export interface SyncPullOptions {
  /** `os/architecture[/variant]`. An empty list copies all platforms. */
  readonly platforms: readonly string[];
  readonly referrers: boolean;
  /** Reports the blobs that would be downloaded. A dry run still downloads manifests. */
  readonly isDryRun: boolean;
}

const tagsPerPage = 1_000;
/** Limit for one repository: an endless list from the upstream would fill the memory. */
const tagsAtMost = 500_000;

/** Sync pull: downloads whole images. Cached content is not downloaded again, and interrupted downloads resume. */
export function createSyncPull(mirror: Mirror, database: Pick<Database, "blobs">) {
  async function* copyBlob(
    mirrorRepository: MirrorRepository,
    { digest, sizeBytes, required, urls }: ManifestReference,
    { isDryRun }: SyncPullOptions,
  ): AsyncGenerator<SyncStep> {
    const here = await database.blobs.find(mirrorRepository.repository, digest);
    const isForeign =
      !required && urls !== undefined && mirror.settings.foreignLayerHosts.length === 0;
    if (isForeign) return;
    if (here === undefined && !isDryRun) await mirror.blobs.fetch(mirrorRepository, digest);
    yield { kind: "blob", digest, sizeBytes, isNew: here === undefined };
  }

  async function* copyManifest(
    mirrorRepository: MirrorRepository,
    reference: Reference,
    options: SyncPullOptions,
    seen: Set<string>,
  ): AsyncGenerator<SyncStep> {
    const question = { isHead: false, isPull: false };
    const found = await mirror.manifests.get(mirrorRepository, reference, question, admitAll);
    await found.stored;
    if (seen.has(found.digest) || found.content === undefined) return;
    seen.add(found.digest);
    yield { kind: "manifest", digest: found.digest, isNew: found.status.kind === "miss" };
    const manifest = parseManifest(found.content, found.mediaType);
    for (const item of wanted(manifest, options.platforms)) {
      if (seen.has(item.digest)) continue;
      if (item.kind === "child") {
        yield* copyManifest(
          mirrorRepository,
          { kind: "digest", digest: item.digest },
          options,
          seen,
        );
        continue;
      }
      seen.add(item.digest);
      yield* copyBlob(mirrorRepository, item, options);
    }
    if (options.referrers) yield* copyReferrers(mirrorRepository, found.digest, options, seen);
  }

  async function* copyReferrers(
    mirrorRepository: MirrorRepository,
    subject: Digest,
    options: SyncPullOptions,
    seen: Set<string>,
  ): AsyncGenerator<SyncStep> {
    const { document } = await mirror.lists.referrers(mirrorRepository, subject, [], admitAll);
    const { manifests } = JSON.parse(document.toString("utf8")) as {
      manifests: readonly { digest: Digest }[];
    };
    for (const { digest } of manifests)
      yield* copyManifest(mirrorRepository, { kind: "digest", digest }, options, seen);
  }

  const listTags = async (mirrorRepository: MirrorRepository): Promise<readonly string[]> => {
    const tags: string[] = [];
    let next: TagRange | undefined = { n: tagsPerPage, last: undefined };
    while (next !== undefined) {
      const page: MirroredTags = await mirror.lists.tags(mirrorRepository, next, admitAll);
      tags.push(...page.tags);
      if (tags.length > tagsAtMost)
        throw new UpstreamFailure("serverError", `the list has more than ${tagsAtMost} tags`);
      next = page.next;
    }
    return tags;
  };

  async function* copyTags(
    mirrorRepository: MirrorRepository,
    tags: readonly string[],
    options: SyncPullOptions,
  ): AsyncGenerator<SyncStep> {
    const seen = new Set<string>();
    for (const [position, text] of tags.entries()) {
      yield { kind: "tag", tag: text, position, of: tags.length };
      try {
        const tag: Tag = parseTag(text);
        yield* copyManifest(mirrorRepository, { kind: "tag", tag }, options, seen);
      } catch (error) {
        yield failedStep(`${mirrorRepository.repository}:${text}`, error);
      }
    }
  }

  return {
    /** Copies one tag with all its content. */
    image: (mirrorRepository: MirrorRepository, tag: string, options: SyncPullOptions) =>
      copyTags(mirrorRepository, [tag], options),

    /** Copies the upstream's tags that a schedule selects. If the list request fails, yields one failed step. */
    async *schedule(
      mirrorRepository: MirrorRepository,
      schedule: ScheduleSettings,
      isDryRun: boolean,
    ): AsyncGenerator<SyncStep> {
      let tags: readonly string[];
      try {
        tags = selectTags(schedule, await listTags(mirrorRepository));
      } catch (error) {
        yield failedStep(mirrorRepository.repository, error);
        return;
      }
      const { platforms, referrers } = schedule;
      yield* copyTags(mirrorRepository, tags, { platforms, referrers, isDryRun });
    },
  };
}

/** The references of a manifest. Of an index, only the requested platforms (if any) and their attestations. */
function* wanted(manifest: Manifest, platforms: readonly string[]): Generator<ManifestReference> {
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
