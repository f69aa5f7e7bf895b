import type { BlobStore } from "../../storage/blob-store.ts";
import type { Database } from "../database/contract.ts";
import { isRejection } from "../database/rejections.ts";
import type { Mirrored, Mirrors } from "../mirror/mirrors.ts";
import { createSyncPull, type SyncPullOptions, type SyncStep } from "../mirror/sync/pull.ts";
import { schedulesOf, type Schedule } from "../mirror/sync/schedule.ts";
import { OciError } from "../oci/errors.ts";
import { namespaceOf, parseRepositoryName, type RepositoryName } from "../oci/name.ts";
import { parseTag, type Tag } from "../oci/reference.ts";
import { deleteMarkedBlobs } from "../registry/deleting-blobs.ts";
import { createLeasePolicy, type LeasePolicy } from "../registry/leases.ts";
import type { Registry } from "../registry/registry.ts";
import { rejectionError } from "../registry/errors.ts";
import type { AppContext } from "./context.ts";

export type { SyncStep };

/** A mirror in the output of `berth mirror status`. */
interface MirrorReport {
  readonly namespace: string;
  readonly upstream: string;
  readonly blobs: number;
  readonly bytes: number;
  readonly budgetBytes: number | undefined;
  /** The failure of the upstream and its start; `undefined`: it works, or had no request yet. */
  readonly failure: { readonly reason: string; readonly sinceMs: number } | undefined;
  readonly pins: readonly string[];
  /** Since the data folder was created. */
  readonly counters: Readonly<Record<string, number>>;
}

interface MirroredImage extends Mirrored {
  /** `latest` if the text has no tag. */
  readonly tag: Tag;
  readonly hasTag: boolean;
}

/** No mirror of the configuration has the image. */
class NoMirrorError extends Error {
  override readonly name = "NoMirrorError";
}

interface Parts {
  readonly clock: () => number;
  readonly actor: AppContext["actor"];
  readonly store: BlobStore;
  readonly database: Database;
  readonly registry: Registry;
  readonly leasePolicy: LeasePolicy;
  /** `undefined`: the configuration has no mirrors. */
  readonly mirrors: Mirrors | undefined;
}

export async function openMirrorAdministration(context: AppContext): Promise<MirrorAdministration> {
  return new MirrorAdministration({
    clock: context.clock,
    actor: context.actor,
    store: await context.store(),
    database: await context.database(),
    registry: await context.registry(),
    leasePolicy: createLeasePolicy(context.clock, context.leaseTimes),
    mirrors: await context.mirrors(),
  });
}

/** The operations of `berth mirror`, also while a server runs on the data folder. */
export class MirrorAdministration {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async report(): Promise<readonly MirrorReport[]> {
    const { database, mirrors } = this.#parts;
    const counters = await database.mirrors.counters();
    const pins = await database.mirrorTags.pins();
    return Promise.all(
      (mirrors?.list ?? []).map(async ({ settings: { namespace, upstream, cacheSize } }) => ({
        namespace,
        upstream,
        budgetBytes: cacheSize,
        ...(await database.mirrorUses.stock(namespace)),
        failure: await this.#failureOf(namespace),
        pins: pins
          .filter(({ repository }) => namespaceOf(repository) === namespace)
          .map(({ repository, tag }) => `${repository}:${tag}`),
        counters: counters.get(namespace) ?? {},
      })),
    );
  }

  async #failureOf(namespace: string): Promise<MirrorReport["failure"]> {
    const state = await this.#parts.database.mirrors.state(namespace);
    if (state === undefined || state.reason === null) return undefined;
    return { reason: state.reason, sinceMs: state.changedAtMs };
  }

  /** Throws NAME_INVALID, TAG_INVALID, and NoMirrorError if the image belongs to no mirror. */
  async parseImage(text: string): Promise<MirroredImage> {
    const [, name = "", tag] = /^(.+?)(?::([^/:]+))?$/.exec(text) ?? [];
    const mirrored = await this.#parts.mirrors?.byName(parseRepositoryName(name), name);
    if (mirrored === undefined)
      throw new NoMirrorError(`no mirror has ${name}: begin it with the namespace of a mirror`);
    return { ...mirrored, tag: parseTag(tag ?? "latest"), hasTag: tag !== undefined };
  }

  /** Downloads an image. */
  warm(
    { mirror, mirrorRepository, tag }: MirroredImage,
    options: SyncPullOptions,
  ): AsyncIterable<SyncStep> {
    return createSyncPull(mirror, this.#parts.database).image(mirrorRepository, tag, options);
  }

  /** All schedules of the configuration, by mirror and image. */
  schedules(): readonly Schedule[] {
    const { mirrors, database, registry } = this.#parts;
    return mirrors === undefined ? [] : schedulesOf(mirrors, { database, blobs: registry.blobs });
  }

  /** False: the tag already had this state. */
  pin({ mirrorRepository, tag }: MirroredImage, isPinned: boolean): Promise<boolean> {
    const { database, clock } = this.#parts;
    const { repository } = mirrorRepository;
    return isPinned
      ? database.commands.pinMirrorTag({ repository, tag, nowMs: clock() })
      : database.commands.unpinMirrorTag({ repository, tag });
  }

  /** Deletes a tag, or without a tag the repository. Throws NAME_UNKNOWN or MANIFEST_UNKNOWN if it is not cached. */
  async purge({ mirrorRepository, tag, hasTag }: MirroredImage): Promise<void> {
    const { actor, store, database, registry, leasePolicy } = this.#parts;
    const { repository } = mirrorRepository;
    if (hasTag) return await this.#purgeTag(repository, tag);
    await registry.repositories.delete(actor, repository);
    const due = { beforeMs: leasePolicy.deletableBeforeMs() };
    for await (const step of deleteMarkedBlobs({ store, database }, due))
      if (step.kind === "failed") throw step.error;
  }

  /** Deletes one tag. The collector handles its manifest and blobs like those of any untagged image. */
  async #purgeTag(repository: RepositoryName, tag: Tag): Promise<void> {
    const { actor, clock, database, leasePolicy } = this.#parts;
    // A running server may keep an earlier upstream answer for this tag. The new check time makes it outdated.
    await database.commands.checkMirrorTag({ repository, tag, nowMs: clock() });
    const times = leasePolicy.eventTimes();
    const removed = await database.commands.deleteTag({ actor, repository, tag, ...times });
    if (isRejection(removed)) throw rejectionError(removed, repository);
    if (!removed) throw new OciError("MANIFEST_UNKNOWN", `${repository}:${tag} is not cached`);
  }
}
