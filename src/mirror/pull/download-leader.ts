import type { BlobStore } from "../../../storage/blob-store.ts";
import type { Database } from "../../database/database.ts";
import { isRejection } from "../../database/rejections.ts";
import type { PushRules } from "../../database/registry/repository-creation.ts";
import type { Digest } from "../../oci/digest.ts";
import type { LeasePolicy } from "../../registry/leases.ts";
import { rejectionError } from "../../registry/errors.ts";
import type { FetchLeases } from "./fetch-leases.ts";
import type { Counters } from "../counters.ts";
import type { Eviction } from "../cache/eviction.ts";
import { startDownload, type BlobDownload, type OpenedSource } from "./fetch.ts";
import { mirrorActor, type MirrorRepository } from "../repository.ts";
import type { WriteBehind } from "./write-behind.ts";

/** A fetch whose lease this process holds. */
export interface LeaderStart {
  /** The upload that receives the bytes. */
  readonly upload: string;
  /** The upload of a dead leader, with the bytes that it downloaded. */
  readonly before: string | undefined;
  /** The opened source, if the request was sent before the lease was written. */
  readonly asked: Promise<OpenedSource> | undefined;
}

export interface DownloadLeaderParts {
  readonly store: BlobStore;
  readonly database: Pick<Database, "blobs" | "mirrorReferences" | "run">;
  /** Opens the source of a blob at byte `start`. */
  readonly open: (
    mirrorRepository: MirrorRepository,
    digest: Digest,
    start: number,
  ) => Promise<OpenedSource>;
  readonly eviction: () => Eviction;
  /** `mirrors[].cacheSize`; `undefined`: no limit. */
  readonly budgetBytes: number | undefined;
  /** Blob sizes from manifests that are not stored yet. */
  readonly writeBehind: Pick<WriteBehind, "sizeOf">;
  /** Called when a blob is stored. */
  readonly arrived: (mirrorRepository: MirrorRepository, digest: Digest, sizeBytes: number) => void;
  readonly rules: PushRules;
  readonly leasePolicy: LeasePolicy;
  readonly counters: Counters;
  readonly processId: string;
  readonly fetchLeases: FetchLeases;
}

/**
 * Downloads that this process leads for all processes. The leader renews the fetch lease every 2 s; the row is deleted
 * when the blob is stored or the download fails.
 */
export interface DownloadLeader {
  lead(
    mirrorRepository: MirrorRepository,
    digest: Digest,
    begun: LeaderStart,
  ): Promise<BlobDownload>;
  running(): readonly Digest[];
  /** Stops the downloads but keeps their bytes and rows, so that another process can continue. */
  pause(): void;
  /** Resolves when all downloads have ended and nothing writes to the store. */
  settled(): Promise<void>;
}

const heartbeatMs = 2_000;
/** Size limit of a blob that no manifest names, if the mirror has no `cacheSize`. */
const unnamedBytesAtMost = 10 * 1024 ** 3;

export function createDownloadLeader(parts: DownloadLeaderParts): DownloadLeader {
  const { store, database, rules, leasePolicy, counters, processId, fetchLeases } = parts;
  const fetches = new Map<
    BlobDownload,
    { readonly digest: Digest; readonly sizeBytes: () => number }
  >();
  let isClosing = false;

  const record = async (
    mirrorRepository: MirrorRepository,
    digest: Digest,
    blob: { readonly storageKey: string; readonly sizeBytes: number },
  ): Promise<string> => {
    const { repository } = mirrorRepository;
    await parts.eviction().freeSpace(blob.sizeBytes);
    const stored = {
      actor: mirrorActor,
      rules,
      repository,
      digest,
      ...blob,
      ...leasePolicy.newLease(),
    };
    const outcome = await database.run("storeMirrorBlob", { ...stored, owner: processId });
    if (outcome === "stored") {
      parts.eviction().added(blob.sizeBytes);
      parts.arrived(mirrorRepository, digest, blob.sizeBytes);
      return blob.storageKey;
    }
    await store.delete(blob.storageKey);
    if (isRejection(outcome)) throw rejectionError(outcome, repository);
    const winner = await database.blobs.find(repository, digest);
    if (winner === undefined) throw new Error("a blob has gone while it was being stored");
    parts.arrived(mirrorRepository, digest, blob.sizeBytes);
    return winner.storageKey;
  };

  /**
   * Whether all running downloads together fit into `cacheSize`. Otherwise clients that abort large pulls could fill
   * the disk.
   */
  const isWorthKeeping = (): boolean => {
    const { budgetBytes = Infinity } = parts;
    return [...fetches.values()].reduce((sum, one) => sum + one.sizeBytes(), 0) <= budgetBytes;
  };

  const lead = async (
    mirrorRepository: MirrorRepository,
    digest: Digest,
    { upload, before, asked }: LeaderStart,
  ): Promise<BlobDownload> => {
    const { repository } = mirrorRepository;
    const expectedBytes =
      parts.writeBehind.sizeOf(repository, digest) ??
      (await database.mirrorReferences.sizeOf(repository, digest));
    const fetchTarget = { repository, reference: digest };
    let sizeBytes: number | null = null;
    // `storeMirrorBlob` deletes the fetch row; a failed download deletes it in `fetchLeases.end`.
    let isRowOurs = true;
    let first = asked;
    const open = (start: number): Promise<OpenedSource> => {
      const opened = first ?? parts.open(mirrorRepository, digest, start);
      first = undefined;
      return opened;
    };
    const fetch = startDownload({
      ...{ store, digest, expectedBytes, upload, open, before, isWorthKeeping },
      unnamedBytesAtMost: parts.budgetBytes ?? unnamedBytesAtMost,
      record: (blob) => {
        isRowOurs = false;
        return record(mirrorRepository, digest, blob);
      },
      count: (bytes) => counters.add("bytesFetched", bytes),
    });
    fetches.set(fetch, { digest, sizeBytes: () => sizeBytes ?? expectedBytes ?? 0 });
    const touch = async (): Promise<void> => {
      const isOurs = await fetchLeases.touch(fetchTarget, sizeBytes).catch(() => true);
      if (!isOurs && isRowOurs) fetch.stop(new Error("another process has taken the fetch over"));
    };
    const timer = setInterval(() => void touch(), heartbeatMs).unref();
    fetch.sized.then(
      (size) => {
        sizeBytes = size;
        return touch();
      },
      () => undefined,
    );
    const end = (): void => {
      isRowOurs = false;
      clearInterval(timer);
      first?.then((opened) => opened.discard()).catch(() => undefined);
      fetches.delete(fetch);
    };
    const stored = (): void => {
      end();
      void parts.eviction().settle();
    };
    fetch.done.then(stored, async () => {
      end();
      // On shutdown the row stays, so that another process continues with the downloaded bytes.
      if (isClosing) return;
      await fetchLeases.end(fetchTarget).catch(() => undefined);
    });
    return fetch;
  };

  return {
    lead,
    running: () => [...fetches.values()].map(({ digest }) => digest),
    pause() {
      isClosing = true;
      for (const fetch of fetches.keys()) fetch.pause(new Error("the registry is closing"));
    },
    async settled() {
      await Promise.allSettled([...fetches.keys()].map(({ done }) => done));
    },
  };
}
