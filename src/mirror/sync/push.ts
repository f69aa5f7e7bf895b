import type { Database } from "../../database/database.ts";
import type { StoredManifest } from "../../database/registry/manifests.ts";
import type { Digest } from "../../oci/digest.ts";
import { parseManifest, type ManifestReference } from "../../oci/manifest.ts";
import type { RepositoryName } from "../../oci/name.ts";
import type { Reference, Tag } from "../../oci/reference.ts";
import type { Blobs } from "../../registry/blobs.ts";
import { failedStep, type SyncStep } from "./pull.ts";
import { saysAbsent, UpstreamFailure } from "../upstream/failure.ts";
import type { Mirror } from "../mirror.ts";
import type { ScheduleSettings } from "../settings.ts";
import { selectTags } from "./tag-selection.ts";
import { oneOf } from "../upstream/connection.ts";
import type { UpstreamAnswer, UpstreamRequest } from "../upstream/client.ts";

const tagsPerPage = 1_000;
const referrersPerPage = 1_000;

/**
 * Sync push: copies hosted repositories to the upstream. It skips content that the upstream has, so an interrupted push
 * resumes at the blob where it stopped. It sends a manifest after all content that the manifest names.
 */
export function createSyncPush(
  { upstream }: Pick<Mirror, "upstream">,
  parts: {
    readonly database: Pick<Database, "blobs" | "manifests" | "tags">;
    readonly blobs: Pick<Blobs, "open">;
  },
) {
  const { database, blobs } = parts;

  const done = async (request: UpstreamRequest): Promise<UpstreamAnswer> => {
    const answer = await upstream.ask(request);
    await answer.body.dump();
    return answer;
  };
  /** Sends a HEAD; returns `undefined` if the upstream does not have the content. */
  const look = async (name: string, path: string): Promise<UpstreamAnswer | undefined> => {
    try {
      return await done({ method: "HEAD", name, path });
    } catch (error) {
      // For a repository that does not exist yet, some registries refuse a pull token: `refused` counts as absent too.
      if (saysAbsent(error)) return undefined;
      throw error;
    }
  };

  async function* bytesOf(repository: RepositoryName, digest: Digest): AsyncGenerator<Uint8Array> {
    const blob = await database.blobs.find(repository, digest);
    if (blob === undefined) throw new Error(`${digest} is not in ${repository} any more`);
    if (blob.sizeBytes === 0) return;
    const bytes = await blobs.open(blob, { start: 0, end: blob.sizeBytes - 1 });
    // A chunk of the store is valid only until the next one; the connection needs it longer, so copy it.
    for await (const piece of bytes) yield Uint8Array.from(piece);
  }

  async function* pushBlob(
    repository: RepositoryName,
    name: string,
    { digest, required }: ManifestReference,
    isDryRun: boolean,
  ): AsyncGenerator<SyncStep> {
    const blob = await database.blobs.find(repository, digest);
    if (blob === undefined && !required) return;
    if (blob === undefined) throw new Error(`${digest} is not in ${repository}`);
    const { sizeBytes } = blob;
    const isNew = (await look(name, `blobs/${digest}`)) === undefined;
    if (isNew && !isDryRun) {
      const begun = await done({ method: "POST", name, path: "blobs/uploads/" });
      const location = oneOf(begun.headers["location"]);
      if (location === undefined)
        throw new UpstreamFailure("serverError", "the upstream does not say where to upload to");
      await done({
        ...{ method: "PUT", name, path: "", location, query: { digest } },
        headers: {
          "content-type": "application/octet-stream",
          "content-length": String(sizeBytes),
        },
        body: () => bytesOf(repository, digest),
      });
    }
    yield { kind: "blob", digest, sizeBytes, isNew };
  }

  async function* pushManifest(
    repository: RepositoryName,
    name: string,
    reference: Reference,
    { referrers, isDryRun, seen }: Options,
  ): AsyncGenerator<SyncStep> {
    const stored = await database.manifests.find(repository, reference);
    if (stored === undefined || seen.has(stored.digest)) return;
    seen.add(stored.digest);
    const options = { referrers, isDryRun, seen };
    const text = reference.kind === "tag" ? reference.tag : reference.digest;
    const there = await look(name, `manifests/${text}`);
    const isNew = digestOf(there) !== stored.digest;
    if (isNew) yield* pushContents(repository, name, stored, options);
    if (isNew && !isDryRun)
      await done({
        ...{ method: "PUT", name, path: `manifests/${text}` },
        headers: { "content-type": stored.mediaType },
        body: () => [stored.content],
      });
    yield { kind: "manifest", digest: stored.digest, isNew };
    if (referrers) yield* pushReferrers(repository, name, stored.digest, options);
  }

  async function* pushContents(
    repository: RepositoryName,
    name: string,
    { content, mediaType }: StoredManifest,
    options: Options,
  ): AsyncGenerator<SyncStep> {
    for (const item of parseManifest(Buffer.from(content), mediaType).references) {
      const { digest, kind } = item;
      const isManifest =
        kind === "child" &&
        (await database.manifests.find(repository, { kind: "digest", digest })) !== undefined;
      if (isManifest) yield* pushManifest(repository, name, { kind: "digest", digest }, options);
      else if (!options.seen.has(digest)) {
        options.seen.add(digest);
        yield* pushBlob(repository, name, item, options.isDryRun);
      }
    }
  }

  async function* pushReferrers(
    repository: RepositoryName,
    name: string,
    subject: Digest,
    options: Options,
  ): AsyncGenerator<SyncStep> {
    const page = { limit: referrersPerPage, artifactTypes: [] };
    for (const { digest } of await database.manifests.referrers(repository, subject, page))
      yield* pushManifest(repository, name, { kind: "digest", digest }, options);
  }

  const listTags = async (repository: RepositoryName): Promise<readonly Tag[]> => {
    const tags: Tag[] = [];
    for (let last: Tag | undefined; ;) {
      const page = await database.tags.list(repository, { last, limit: tagsPerPage });
      tags.push(...(page?.items ?? []));
      if (page?.more !== true) return tags;
      last = page.items.at(-1);
    }
  };

  return {
    /** Copies the tags that a schedule selects from a hosted repository to the upstream repository `name`. */
    async *schedule(
      repository: RepositoryName,
      name: string,
      schedule: ScheduleSettings,
      isDryRun: boolean,
    ): AsyncGenerator<SyncStep> {
      const tags = selectTags(schedule, await listTags(repository)) as readonly Tag[];
      const seen = new Set<string>();
      for (const [position, tag] of tags.entries()) {
        yield { kind: "tag", tag, position, of: tags.length };
        // Each tag of one manifest needs its own PUT.
        const found = await database.manifests.find(repository, { kind: "tag", tag });
        if (found !== undefined) seen.delete(found.digest);
        try {
          const options = { referrers: schedule.referrers, isDryRun, seen };
          yield* pushManifest(repository, name, { kind: "tag", tag }, options);
        } catch (error) {
          yield failedStep(`${name}:${tag}`, error);
        }
      }
    },
  };
}

interface Options {
  readonly referrers: boolean;
  readonly isDryRun: boolean;
  readonly seen: Set<string>;
}

const digestOf = (answer: UpstreamAnswer | undefined): string | undefined =>
  answer && oneOf(answer.headers["docker-content-digest"]);
