import type { Database } from "../../database/contract.ts";
import type { StoredManifest } from "../../database/registry/manifests.ts";
import type { Digest } from "../../oci/digest.ts";
import { parseManifest, type ManifestReference } from "../../oci/manifest.ts";
import type { RepositoryName } from "../../oci/name.ts";
import type { Reference, Tag } from "../../oci/reference.ts";
import type { Blobs } from "../../registry/blobs.ts";
import type { Mirror } from "../mirror.ts";
import { referenceText } from "../pull/sources.ts";
import type { UpstreamRequest } from "../upstream/client.ts";
import { saysAbsent, UpstreamFailure } from "../upstream/failure.ts";
import { headerOf, type UpstreamResponse } from "../upstream/responses.ts";
import { copyEach, type SyncStep } from "./pull.ts";

const tagsPerPage = 1_000;
const referrersPerPage = 1_000;

interface SyncPushParts {
  readonly database: Pick<Database, "blobs" | "facts" | "manifests" | "tags">;
  readonly blobs: Pick<Blobs, "open">;
}

/** A hosted repository, and the upstream repository `name` that it is copied to. */
interface PushTarget {
  readonly repository: RepositoryName;
  readonly name: string;
}

interface SyncPushOptions {
  readonly referrers: boolean;
  readonly isDryRun: boolean;
}

/**
 * Sync push: copies hosted repositories to the upstream. It skips content that the upstream has, so an interrupted push
 * resumes at the blob where it stopped. It sends a manifest after all content that the manifest names.
 */
export function createSyncPush({ upstream }: Pick<Mirror, "upstream">, parts: SyncPushParts) {
  return {
    /** Copies tags with all their content. */
    images(
      target: PushTarget,
      tags: readonly Tag[],
      options: SyncPushOptions,
    ): AsyncGenerator<SyncStep> {
      const push = new RepositoryPush({ ...parts, upstream, ...target, options });
      return copyEach(target.name, tags, (tag) => push.image(tag));
    },

    /** Lists all tags of a hosted repository. */
    async listTags(repository: RepositoryName): Promise<readonly Tag[]> {
      const tags: Tag[] = [];
      for (let last: Tag | undefined; ;) {
        const page = await parts.database.tags.list(repository, { last, limit: tagsPerPage });
        tags.push(...(page?.items ?? []));
        if (page?.more !== true) return tags;
        last = page.items.at(-1);
      }
    },
  };
}

interface RepositoryPushParts extends SyncPushParts, PushTarget, Pick<Mirror, "upstream"> {
  readonly options: SyncPushOptions;
}

/** Pushes images of one repository. Content that several images share is pushed and reported once. */
class RepositoryPush {
  readonly #parts: RepositoryPushParts;
  readonly #seen = new Set<Digest>();

  constructor(parts: RepositoryPushParts) {
    this.#parts = parts;
  }

  async *image(tag: Tag): AsyncGenerator<SyncStep> {
    const { database, repository } = this.#parts;
    // Each tag of one manifest needs its own PUT.
    const found = await database.facts.manifests.get(repository, { kind: "tag", tag });
    if (found !== undefined) this.#seen.delete(found.digest);
    yield* this.#manifest({ kind: "tag", tag });
  }

  async *#manifest(reference: Reference): AsyncGenerator<SyncStep> {
    const { database, repository, name, options } = this.#parts;
    const stored = await database.facts.manifests.get(repository, reference);
    if (stored === undefined || this.#seen.has(stored.digest)) return;
    this.#seen.add(stored.digest);
    const path = `manifests/${referenceText(reference)}`;
    const there = await this.#look(path);
    const isNew = (there && headerOf(there, "docker-content-digest")) !== stored.digest;
    if (isNew) yield* this.#contents(stored);
    if (isNew && !options.isDryRun)
      await this.#send({
        method: "PUT",
        name,
        path,
        headers: { "content-type": stored.mediaType },
        body: () => [stored.content],
      });
    yield { kind: "manifest", digest: stored.digest, isNew };
    if (options.referrers) yield* this.#referrers(stored.digest);
  }

  async *#contents({ content, mediaType }: StoredManifest): AsyncGenerator<SyncStep> {
    const { database, repository } = this.#parts;
    for (const item of parseManifest(Buffer.from(content), mediaType).references) {
      const reference = { kind: "digest", digest: item.digest } as const;
      const isManifest =
        item.kind === "child" &&
        (await database.facts.manifests.get(repository, reference)) !== undefined;
      if (isManifest) yield* this.#manifest(reference);
      else if (!this.#seen.has(item.digest)) {
        this.#seen.add(item.digest);
        yield* this.#blob(item);
      }
    }
  }

  async *#blob({ digest, required }: ManifestReference): AsyncGenerator<SyncStep> {
    const { database, repository, options } = this.#parts;
    const blob = await database.blobs.find(repository, digest);
    if (blob === undefined && !required) return;
    if (blob === undefined) throw new Error(`${digest} is not in ${repository}`);
    const { sizeBytes } = blob;
    const isNew = (await this.#look(`blobs/${digest}`)) === undefined;
    if (isNew && !options.isDryRun) await this.#upload(digest, sizeBytes);
    yield { kind: "blob", digest, sizeBytes, isNew };
  }

  async #upload(digest: Digest, sizeBytes: number): Promise<void> {
    const { name } = this.#parts;
    const begun = await this.#send({ method: "POST", name, path: "blobs/uploads/" });
    const location = headerOf(begun, "location");
    if (location === undefined)
      throw new UpstreamFailure("serverError", "the upstream sends no Location for the upload");
    await this.#send({
      method: "PUT",
      name,
      path: "",
      location,
      query: { digest },
      headers: {
        "content-type": "application/octet-stream",
        "content-length": String(sizeBytes),
      },
      body: () => this.#bytesOf(digest),
    });
  }

  async *#bytesOf(digest: Digest): AsyncGenerator<Uint8Array> {
    const { database, blobs, repository } = this.#parts;
    const blob = await database.blobs.find(repository, digest);
    if (blob === undefined) throw new Error(`${digest} is not in ${repository} any more`);
    if (blob.sizeBytes === 0) return;
    const bytes = await blobs.open(blob, { start: 0, end: blob.sizeBytes - 1 });
    // A chunk of the store is valid only until the next one; the connection needs it longer, so copy it.
    for await (const piece of bytes) yield Uint8Array.from(piece);
  }

  async *#referrers(subject: Digest): AsyncGenerator<SyncStep> {
    const { database, repository } = this.#parts;
    const page = { limit: referrersPerPage, artifactTypes: [] };
    for (const { digest } of await database.manifests.referrers(repository, subject, page))
      yield* this.#manifest({ kind: "digest", digest });
  }

  /** Sends a HEAD; returns `undefined` if the upstream does not have the content. */
  async #look(path: string): Promise<UpstreamResponse | undefined> {
    try {
      return await this.#send({ method: "HEAD", name: this.#parts.name, path });
    } catch (error) {
      // For a repository that does not exist yet, some registries refuse a pull token: `refused` counts as absent too.
      if (saysAbsent(error)) return undefined;
      throw error;
    }
  }

  async #send(request: UpstreamRequest): Promise<UpstreamResponse> {
    const response = await this.#parts.upstream.ask(request);
    await response.body.dump();
    return response;
  }
}
