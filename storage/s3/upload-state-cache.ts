import type { UploadReference } from "../blob-store.ts";
import { UploadChangedError } from "./failure.ts";
import { sizeOf, type UploadState } from "./state.ts";

/*
 * What this process knows of the uploads it has written to or read: the state as it left it, and a short tail. A commit
 * makes a blob of exactly that, since that is what the domain has hashed; if another process has changed the upload
 * meanwhile, its bytes must not slip in under our hash.
 */

interface CachedUploadState {
  readonly state: UploadState;
  /** A copy; `undefined` where it must be read from the store. */
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
      // The oldest is forgotten: its commit will say so, and nothing wrong is stored.
      const [oldest] = uploads.keys();
      if (uploads.size > mostUploads && oldest !== undefined) forget(oldest);
    },

    /** Compares it with what the store shows. Throws {@link UploadChangedError} where a hash of ours could be taken for one of theirs. */
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
