import {
  createDigester,
  type Digest,
  type Digester,
  type DigestAlgorithm,
} from "../../oci/digest.ts";
import { OciError } from "../../oci/errors.ts";
import type { BlobStore, ByteSource, UploadReference } from "../../../storage/blob-store.ts";

/** Bytes are not those of the digest that a client named for them. */
export function mismatch(expected: Digest, found: Digest): OciError {
  const detail = { expected, found };
  return new OciError("DIGEST_INVALID", "the content has another digest", { detail });
}

interface RunningDigest {
  readonly algorithm: DigestAlgorithm;
  readonly digester: Digester;
  hashedBytes: number;
}

/**
 * Hashes of uploads as they stream in. They live only as long as this process (Node can't save a hash's state):
 * an upload that goes on elsewhere, or closes with another algorithm than the one that was running, is hashed
 * again from the store.
 */
export interface RunningDigests {
  /** The client has said with which algorithm it will close. */
  expect(upload: string, algorithm: DigestAlgorithm): void;
  /** Hashes what passes by, if all before `offset` has been hashed too. */
  tap(upload: string, offset: number, source: ByteSource): ByteSource;
  /** The digest of the upload's bytes so far. The running hash ends with it. */
  digest(
    upload: string,
    algorithm: DigestAlgorithm,
    reference: UploadReference,
    sizeBytes: number,
  ): Promise<Digest>;
  forget(upload: string): void;
}

/** Beyond it the oldest go: uploads that were left alone, or closed by another process. */
const runningAtMost = 4_096;

export function createRunningDigests(store: BlobStore): RunningDigests {
  const running = new Map<string, RunningDigest>();
  const keep = (upload: string, hash: RunningDigest): void => {
    const [oldest] = running.keys();
    if (running.size >= runningAtMost && oldest !== undefined) running.delete(oldest);
    running.set(upload, hash);
  };

  return {
    expect(upload, algorithm) {
      keep(upload, { algorithm, digester: createDigester(algorithm), hashedBytes: 0 });
    },

    async *tap(upload, offset, source) {
      let hash = running.get(upload);
      if (hash === undefined && offset === 0) {
        hash = { algorithm: "sha256", digester: createDigester("sha256"), hashedBytes: 0 };
        keep(upload, hash);
      }
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

    forget(upload) {
      running.delete(upload);
    },
  };
}
