import type { BlobStore } from "../../../storage/blob-store.ts";
import type { MirrorFetch } from "../../database/mirror/fetches.ts";
import type { LinkedBlob } from "../../database/registry/blobs.ts";
import type { Digest } from "../../oci/digest.ts";
import { admitAll, type AdmitMiss, type MirrorRepository } from "../repository.ts";
import type { Upstream } from "../upstream/client.ts";
import { FollowedDownload } from "./download-follower.ts";
import type { DownloadLeader } from "./download-leader.ts";
import type { FetchOwners } from "./fetch-owners.ts";
import type { PartialBlob } from "./partial-blob.ts";
import { headSize } from "./sources.ts";
import type { StoredBlobs } from "./stored-blobs.ts";

/** `stored`: the blob is stored. `running`: its download runs, in this process or in another. */
export type Download =
  | { readonly kind: "stored"; readonly blob: LinkedBlob }
  | {
      readonly kind: "running";
      readonly partialBlob: PartialBlob;
      /** The request shares the download of another request. */
      readonly collapsed: boolean;
      readonly sized: () => Promise<number>;
      /** Adds a reader. Call the result to remove it. */
      readonly join: () => () => void;
      /** Resolves when the blob is stored; rejects if the download fails. */
      readonly done: () => Promise<unknown>;
      /** Resolves when a download that failed has ended. `undefined`: it takes readers. */
      readonly ending: () => Promise<void> | undefined;
    };

interface DownloadsParts {
  readonly store: BlobStore;
  readonly upstream: Upstream;
  readonly storedBlobs: StoredBlobs;
  readonly fetchOwners: FetchOwners;
  readonly leader: DownloadLeader;
}

/** Runs one download per blob among all processes that share the database. */
export class Downloads {
  readonly #parts: DownloadsParts;
  readonly #running = new Map<string, Promise<Download>>();

  constructor(parts: DownloadsParts) {
    this.#parts = parts;
  }

  /** Joins the running download, or starts one if `admitMiss` does not throw. Throws {@link UpstreamFailure}. */
  async get(
    mirrorRepository: MirrorRepository,
    digest: Digest,
    admitMiss: AdmitMiss,
  ): Promise<Download> {
    const key = `${mirrorRepository.repository}@${digest}`;
    const known = this.#running.get(key);
    if (known !== undefined) {
      const download = await known;
      if (download.kind === "stored") return download;
      const ending = download.ending();
      if (ending === undefined) return { ...download, collapsed: true };
      await ending;
      if (this.#running.get(key) === known) this.#running.delete(key);
      return await this.get(mirrorRepository, digest, admitMiss);
    }
    // Before `#running.set`, so that clients that join do not fail on this client's limit.
    admitMiss();
    const forget = (): void => {
      if (this.#running.get(key) === download) this.#running.delete(key);
    };
    const download: Promise<Download> = this.#start(mirrorRepository, digest, forget);
    this.#running.set(key, download);
    download.then(whenEnded).then(forget, forget);
    return await download;
  }

  /** Returns the size of a blob whose download runs; `undefined` if none runs. */
  async sizeOfRunning(
    { repository }: MirrorRepository,
    digest: Digest,
  ): Promise<number | undefined> {
    const download = await this.#running.get(`${repository}@${digest}`);
    if (download?.kind === "stored") return download.blob.sizeBytes;
    return download?.ending() === undefined ? await download?.sized() : undefined;
  }

  isIdle(): boolean {
    return this.#running.size === 0 && this.#parts.leader.isIdle();
  }

  async close(): Promise<void> {
    const { leader, upstream } = this.#parts;
    leader.pause();
    await upstream.close();
    await leader.settled();
  }

  /** @param forget removes this download from the running ones */
  async #start(
    mirrorRepository: MirrorRepository,
    digest: Digest,
    forget: () => void,
  ): Promise<Download> {
    const begun = await this.#parts.leader.begin(mirrorRepository, digest);
    switch (begun.kind) {
      case "stored":
        return { kind: "stored", blob: begun.blob };
      case "leader": {
        const { download, ending } = begun;
        const { partialBlob, sized, done } = download;
        return {
          kind: "running",
          partialBlob,
          collapsed: false,
          sized: () => sized,
          join: () => download.join(),
          done: () => done,
          ending,
        };
      }
      case "follower": {
        const takeOver = async (): Promise<PartialBlob> => {
          forget();
          const download = await this.get(mirrorRepository, digest, admitAll);
          return download.kind === "running" ? download.partialBlob : completeBlob(download.blob);
        };
        return this.#follow(mirrorRepository, digest, { fetch: begun.fetch, takeOver });
      }
    }
  }

  #follow(
    mirrorRepository: MirrorRepository,
    digest: Digest,
    leader: { readonly fetch: MirrorFetch; readonly takeOver: () => Promise<PartialBlob> },
  ): Download {
    const { store, upstream, storedBlobs, fetchOwners } = this.#parts;
    const find = () => storedBlobs.find(mirrorRepository, digest);
    const partialBlob = new FollowedDownload({
      store,
      begun: leader.fetch,
      look: () => fetchOwners.find({ repository: mirrorRepository.repository, reference: digest }),
      find: async () => (await find())?.storageKey,
      isAlive: (fetch) => fetchOwners.isAlive(fetch),
      takeOver: leader.takeOver,
    });
    const done = (async () => {
      while (partialBlob.storageKey === undefined)
        await partialBlob.until(partialBlob.availableBytes);
    })();
    return {
      kind: "running",
      partialBlob,
      collapsed: true,
      sized: async () =>
        (await partialBlob.sized()) ??
        (await find())?.sizeBytes ??
        (await headSize(upstream, mirrorRepository, digest)),
      // The leader counts only the readers of its own process. If it stops, this process takes over.
      join: () => ignore,
      done: () => done,
      ending: () => undefined,
    };
  }
}

const ignore = (): void => undefined;

/**
 * Resolves when a download is stored, or has failed and its row is deleted. A download that this process began before
 * that would take over the row, and lose it to this deletion.
 */
async function whenEnded(download: Download): Promise<void> {
  if (download.kind === "stored") return;
  try {
    await download.done();
  } catch {
    await download.ending();
  }
}

/** Presents a stored blob as a complete partial blob. */
function completeBlob({ storageKey, sizeBytes }: LinkedBlob): PartialBlob {
  return {
    upload: "",
    storageKey,
    availableBytes: sizeBytes,
    recentBytes: undefined,
    until: () => Promise.resolve(),
  };
}
