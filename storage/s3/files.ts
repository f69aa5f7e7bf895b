import { openBucket, type S3Settings } from "./bucket.ts";
import { getObject, headObject, listFolders } from "./objects.ts";
import { readBody } from "./reads.ts";
import { defaultRetryPolicy, S3Failure, type RetryPolicy } from "./requests.ts";

interface S3Files {
  /** The names of the folders in a folder, "" for the top; none if there is no such folder. */
  folders(folder: string): AsyncIterable<string>;
  /** `undefined`: there is no such object, or it has more than `bytesAtMost`. */
  read(
    name: string,
    bytesAtMost: number,
  ): Promise<{ readonly bytes: Buffer; readonly modifiedAtMs: number } | undefined>;
  /** `undefined`: there is no such object. */
  find(
    name: string,
  ): Promise<{ readonly sizeBytes: number; open(): AsyncIterable<Uint8Array> } | undefined>;
  close(): void;
}

/** Reads the objects below the prefix as files of another program. Throws {@link S3Failure}. */
export function createS3Files(
  settings: S3Settings,
  retryPolicy: RetryPolicy = defaultRetryPolicy,
): S3Files {
  const bucket = openBucket(settings, retryPolicy);

  async function* open(name: string, sizeBytes: number): AsyncGenerator<Uint8Array> {
    const found = await getObject(bucket, name);
    if (found === undefined) throw new S3Failure(`GET ${name}`, "NoSuchKey", "it was deleted");
    yield* readBody(found, `GET ${name}`, sizeBytes, retryPolicy.idleMs);
  }

  return {
    folders: (folder) => listFolders(bucket, folder === "" ? "" : `${folder}/`),

    async read(name, bytesAtMost) {
      const found = await getObject(bucket, name);
      if (found === undefined) return undefined;
      const { sizeBytes, modifiedAtMs } = found;
      if (sizeBytes > bytesAtMost) {
        (found.body as { destroy?: () => void }).destroy?.();
        return undefined;
      }
      const pieces: Uint8Array[] = [];
      for await (const piece of readBody(found, `GET ${name}`, sizeBytes, retryPolicy.idleMs))
        pieces.push(Uint8Array.from(piece));
      return { bytes: Buffer.concat(pieces), modifiedAtMs };
    },

    async find(name) {
      const found = await headObject(bucket, name);
      if (found === undefined) return undefined;
      const { sizeBytes } = found;
      return { sizeBytes, open: () => open(name, sizeBytes) };
    },

    close: () => bucket.close(),
  };
}
