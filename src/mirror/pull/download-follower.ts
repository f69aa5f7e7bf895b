import { setTimeout as pause } from "node:timers/promises";
import type { BlobStore } from "../../../storage/blob-store.ts";
import type { MirrorFetch } from "../../database/mirror/fetches.ts";
import type { PartialBlob } from "./partial-blob.ts";

const lookEveryMs = 50;

/** A blob that another process is bringing into the same store, read as it grows there. */
export function followDownload(parts: {
  readonly store: BlobStore;
  readonly begun: MirrorFetch;
  /** The fetch as it stands; `undefined` once it has ended. */
  readonly look: () => Promise<MirrorFetch | undefined>;
  /** Where the blob lies, if it is here. */
  readonly find: () => Promise<string | undefined>;
  readonly isAlive: (fetch: MirrorFetch) => boolean;
  /** The other process has died or given up: go on here. */
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
    // The last byte waits until all of them have been verified.
    if (size !== undefined && store.capabilities.readsOpenUploads)
      available = Math.min(await store.uploadSize(upload), size - 1);
  };

  // All readers look together, so that there is one that takes over.
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
