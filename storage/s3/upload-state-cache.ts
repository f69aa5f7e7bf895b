import type { UploadReference } from "../blob-store.ts";
import { UploadChangedError } from "./failure.ts";
import { sizeOf, type UploadState } from "./state.ts";

/*
 * Caches the state of the uploads that this process has written or read: the state after its last operation, and a
 * few last bytes. A commit creates a blob of exactly this state, because the domain code has computed the digest of these
 * bytes. If another process has changed the upload since, its bytes must not get that digest.
 */

interface CachedUploadState {
  readonly state: UploadState;
  /** A copy; `undefined` if it must be read from the store. */
  readonly tail: Uint8Array | undefined;
}

const mostUploads = 10_000;
const longestTailBytes = 1024 * 1024;
const tailBudgetBytes = 32 * 1024 * 1024;

export function createUploadStateCache() {
  const uploads = new Map<UploadReference, CachedUploadState>();
  let tailBytes = 0;

  const forget = (upload: UploadReference): void => {
    tailBytes -= uploads.get(upload)?.tail?.length ?? 0;
    uploads.delete(upload);
  };

  return {
    forget,

    get: (upload: UploadReference): CachedUploadState | undefined => uploads.get(upload),

    set(upload: UploadReference, state: UploadState, tail?: Uint8Array): void {
      forget(upload);
      const kept =
        tail !== undefined &&
        tail.length <= longestTailBytes &&
        tailBytes + tail.length <= tailBudgetBytes;
      tailBytes += kept ? tail.length : 0;
      uploads.set(upload, { state, tail: kept ? Uint8Array.from(tail) : undefined });
      // Drop the oldest state. Its commit then throws {@link UploadChangedError}, and no wrong bytes are stored.
      const [oldest] = uploads.keys();
      if (uploads.size > mostUploads && oldest !== undefined) forget(oldest);
    },

    /**
     * Compares the cached state with the stored one. Throws {@link UploadChangedError} if another process has changed
     * the upload and the size is the same: the running digest of this process would then be used for other bytes.
     */
    compare(
      upload: UploadReference,
      found: { readonly sizeBytes: number; readonly version: string },
    ): void {
      const known = uploads.get(upload);
      if (known === undefined || known.state.version === found.version) return;
      if (found.sizeBytes > 0 && sizeOf(known.state) === found.sizeBytes)
        throw new UploadChangedError(upload);
      forget(upload);
    },
  };
}
