import type { Database } from "../../database/database.ts";
import type { Digest } from "../../oci/digest.ts";
import { parseManifest, type Manifest, type ManifestReference } from "../../oci/manifest.ts";
import { parseTag, type Reference, type Tag } from "../../oci/reference.ts";
import { describeFailure, UpstreamFailure } from "../upstream/failure.ts";
import type { MirroredTags, TagPage } from "../pull/lists.ts";
import type { Mirror } from "../mirror.ts";
import { admitAll, type MirrorPlace } from "../repository.ts";
import type { ScheduleSettings } from "../settings.ts";
import { selectTags } from "./tag-selection.ts";

/** One thing that a copy did, or would do. */
export type CopyStep =
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
      /** In one line. */
      readonly reason: string;
      readonly error: unknown;
    };

export const failedStep = (what: string, error: unknown): CopyStep => ({
  ...{ kind: "failed", what, error },
  reason: describeFailure(error),
});

export interface CopyOptions {
  /** `os/architecture[/variant]`; none: all. */
  readonly platforms: readonly string[];
  readonly referrers: boolean;
  /** Say what would be fetched; only manifests are. */
  readonly isDryRun: boolean;
}

const tagsPerPage = 1_000;
/** Of one repository. A list without end would fill the memory. */
const tagsAtMost = 500_000;

/** Brings whole images here, as pulls would: what is here is not fetched again, and what was cut off goes on. */
export function createCopying(mirror: Mirror, database: Pick<Database, "blobs">) {
  async function* copyBlob(
    place: MirrorPlace,
    { digest, sizeBytes, required, urls }: ManifestReference,
    { isDryRun }: CopyOptions,
  ): AsyncGenerator<CopyStep> {
    const here = await database.blobs.find(place.repository, digest);
    const isForeign = !required && urls !== undefined && mirror.settings.hydrate.length === 0;
    if (isForeign) return;
    if (here === undefined && !isDryRun) await mirror.blobs.fetch(place, digest);
    yield { kind: "blob", digest, sizeBytes, isNew: here === undefined };
  }

  async function* copyManifest(
    place: MirrorPlace,
    reference: Reference,
    options: CopyOptions,
    seen: Set<string>,
  ): AsyncGenerator<CopyStep> {
    const question = { isHead: false, isPull: false };
    const found = await mirror.manifests.get(place, reference, question, admitAll);
    await found.stored;
    if (seen.has(found.digest) || found.content === undefined) return;
    seen.add(found.digest);
    yield { kind: "manifest", digest: found.digest, isNew: found.status.kind === "miss" };
    const manifest = parseManifest(found.content, found.mediaType);
    for (const item of wanted(manifest, options.platforms)) {
      if (seen.has(item.digest)) continue;
      if (item.kind === "child") {
        yield* copyManifest(place, { kind: "digest", digest: item.digest }, options, seen);
        continue;
      }
      seen.add(item.digest);
      yield* copyBlob(place, item, options);
    }
    if (options.referrers) yield* copyReferrers(place, found.digest, options, seen);
  }

  async function* copyReferrers(
    place: MirrorPlace,
    subject: Digest,
    options: CopyOptions,
    seen: Set<string>,
  ): AsyncGenerator<CopyStep> {
    const { document } = await mirror.lists.referrers(place, subject, [], admitAll);
    const { manifests } = JSON.parse(document.toString("utf8")) as {
      manifests: readonly { digest: Digest }[];
    };
    for (const { digest } of manifests)
      yield* copyManifest(place, { kind: "digest", digest }, options, seen);
  }

  const listTags = async (place: MirrorPlace): Promise<readonly string[]> => {
    const tags: string[] = [];
    let next: TagPage | undefined = { n: tagsPerPage, last: undefined };
    while (next !== undefined) {
      const page: MirroredTags = await mirror.lists.tags(place, next, admitAll);
      tags.push(...page.tags);
      if (tags.length > tagsAtMost)
        throw new UpstreamFailure("broken", `the list has more than ${tagsAtMost} tags`);
      next = page.next;
    }
    return tags;
  };

  async function* copyTags(
    place: MirrorPlace,
    tags: readonly string[],
    options: CopyOptions,
  ): AsyncGenerator<CopyStep> {
    const seen = new Set<string>();
    for (const [position, text] of tags.entries()) {
      yield { kind: "tag", tag: text, position, of: tags.length };
      try {
        const tag: Tag = parseTag(text);
        yield* copyManifest(place, { kind: "tag", tag }, options, seen);
      } catch (error) {
        yield failedStep(`${place.repository}:${text}`, error);
      }
    }
  }

  return {
    /** One image, with everything in it. */
    image: (place: MirrorPlace, tag: string, options: CopyOptions) =>
      copyTags(place, [tag], options),

    /** The tags that a schedule selects of what the upstream has now. Where it can't list them, the repository has failed. */
    async *schedule(
      place: MirrorPlace,
      schedule: ScheduleSettings,
      isDryRun: boolean,
    ): AsyncGenerator<CopyStep> {
      let tags: readonly string[];
      try {
        tags = selectTags(schedule, await listTags(place));
      } catch (error) {
        yield failedStep(place.repository, error);
        return;
      }
      const { platforms, referrers } = schedule;
      yield* copyTags(place, tags, { platforms, referrers, isDryRun });
    },
  };
}

/** All that a manifest names, but of an index only the platforms that are asked for, and what belongs to these. */
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
  // BuildKit's attestations lie beside the image they speak of.
  const digests = new Set<string>(chosen.map(({ digest }) => digest));
  for (const reference of references) {
    const subject = reference.annotations?.["vnd.docker.reference.digest"];
    if (subject !== undefined && digests.has(subject)) yield reference;
  }
}
