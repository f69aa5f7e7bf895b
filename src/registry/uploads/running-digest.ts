import { LRUCache } from "lru-cache";
import {
  createDigester,
  type Digest,
  type Digester,
  type DigestAlgorithm,
} from "../../oci/digest.ts";
import type { BlobStore, ByteSource, UploadReference } from "../../../storage/blob-store.ts";

interface RunningDigest {
  readonly algorithm: DigestAlgorithm;
  readonly digester: Digester;
  hashedBytes: number;
}

/**
 * Computes the digests of uploads while their bytes arrive. Node cannot save the state of a hash, so a running digest
 * exists only in this process. The digest is computed again from the store if the upload continues in another process,
 * or closes with another algorithm.
 */
export interface RunningDigests {
  /** Sets the algorithm that the client has announced for the close. */
  expect(upload: string, algorithm: DigestAlgorithm): void;
  /** Passes the bytes on and adds them to the running digest, if it covers all bytes before `offset`. */
  tap(upload: string, offset: number, source: ByteSource): ByteSource;
  /** The digest of the upload's bytes so far. Deletes the running digest. */
  digest(
    upload: string,
    algorithm: DigestAlgorithm,
    reference: UploadReference,
    sizeBytes: number,
  ): Promise<Digest>;
  forget(upload: string): void;
}

/**
 * Above this limit the digests of the uploads that have been idle for longest are dropped; another process may have
 * closed them.
 */
const runningAtMost = 4_096;

export function createRunningDigests(store: BlobStore): RunningDigests {
  const running = new LRUCache<string, RunningDigest>({ max: runningAtMost });
  const begin = (upload: string, algorithm: DigestAlgorithm): RunningDigest => {
    const hash = { algorithm, digester: createDigester(algorithm), hashedBytes: 0 };
    running.set(upload, hash);
    return hash;
  };

  return {
    expect: (upload, algorithm) => void begin(upload, algorithm),

    async *tap(upload, offset, source) {
      let hash = running.get(upload);
      if (hash === undefined && offset === 0) hash = begin(upload, "sha256");
      if (hash !== undefined && hash.hashedBytes !== offset) {
        running.delete(upload);
        hash = undefined;
      }
      for await (const chunk of source) {
        if (hash !== undefined) {
          hash.digester.update(chunk);
          hash.hashedBytes += chunk.length;
        }
        yield chunk;
      }
    },

    async digest(upload, algorithm, reference, sizeBytes) {
      const hash = running.get(upload);
      running.delete(upload);
      if (hash !== undefined && hash.algorithm === algorithm && hash.hashedBytes === sizeBytes)
        return hash.digester.digest();
      const digester = createDigester(algorithm);
      for await (const chunk of await store.openUpload(reference)) digester.update(chunk);
      return digester.digest();
    },

    forget: (upload) => void running.delete(upload),
  };
}
