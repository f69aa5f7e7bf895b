import { setTimeout as pause } from "node:timers/promises";
import type { BlobStore } from "../../../storage/blob-store.ts";
import type { MirrorFetch } from "../../database/mirror/fetches.ts";
import type { PartialBlob } from "./partial-blob.ts";

const lookEveryMs = 50;

/** Reads a blob from the shared store while another process (the leader) downloads it. Polls every 50 ms. */
export function followDownload(parts: {
  readonly store: BlobStore;
  readonly begun: MirrorFetch;
  /** Reads the fetch row. `undefined`: the fetch has ended. */
  readonly look: () => Promise<MirrorFetch | undefined>;
  /** Returns the storage key of the blob if it is stored. */
  readonly find: () => Promise<string | undefined>;
  readonly isAlive: (fetch: MirrorFetch) => boolean;
  /** Continues the download in this process after the leader died or failed. */
  readonly takeOver: () => Promise<PartialBlob>;
}): { readonly partialBlob: PartialBlob; readonly sized: () => Promise<number | undefined> } {
  const { store, begun, look, find } = parts;
  const upload = begun.storageReference;
  let size = begun.sizeBytes ?? undefined;
  let available = 0;
  let key: string | undefined;
  let inner: PartialBlob | undefined;

  const lookOnce = async (): Promise<void> => {
    const fetch = await look();
    if (fetch === undefined || !parts.isAlive(fetch)) {
      key = await find();
      if (key === undefined) inner = await parts.takeOver();
      return;
    }
    size = fetch.sizeBytes ?? size;
    // Hold back the last byte until the leader has verified the digest.
    if (size !== undefined && store.capabilities.readsOpenUploads)
      available = Math.min(await store.uploadSize(upload), size - 1);
  };

  // All readers of this process share one poll, so that only one takes over.
  let looking: Promise<void> | undefined;
  const step = (): Promise<void> => {
    looking ??= lookOnce().finally(() => {
      looking = undefined;
    });
    return looking;
  };

  return {
    partialBlob: {
      get upload() {
        return inner?.upload ?? upload;
      },
      get storageKey() {
        return inner === undefined ? key : inner.storageKey;
      },
      get availableBytes() {
        if (inner !== undefined) return inner.availableBytes;
        return key === undefined ? available : (size ?? Infinity);
      },
      get recentBytes() {
        return inner?.recentBytes;
      },
      async until(at) {
        while (inner === undefined && key === undefined && available <= at) {
          await step();
          if (inner === undefined && key === undefined && available <= at) await pause(lookEveryMs);
        }
        await inner?.until(at);
      },
    },
    async sized() {
      while (size === undefined && inner === undefined && key === undefined) {
        await step();
        if (size === undefined) await pause(lookEveryMs);
      }
      return size;
    },
  };
}
