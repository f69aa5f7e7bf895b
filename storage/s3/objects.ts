import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type GetObjectCommandOutput,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import type { S3Clients } from "./client.ts";
import { isNotFound, S3Failure } from "./failure.ts";
import { checksumOf } from "./integrity.ts";
import { withRetry, type RetryPolicy } from "./retry.ts";
import type { S3Settings } from "./settings.ts";

export interface ObjectFacts {
  readonly sizeBytes: number;
  readonly etag: string;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface OpenObject extends ObjectFacts {
  readonly body: NonNullable<GetObjectCommandOutput["Body"]>;
}

/** The encryption and the storage class of a new object. */
export function writeOptions({ sse, storageClass }: Pick<S3Settings, "sse" | "storageClass">) {
  return {
    ...encryption(sse),
    ...(storageClass !== undefined && { StorageClass: storageClass as "STANDARD" }),
  };
}

export function encryption(sse: string | undefined) {
  if (sse === undefined) return {};
  if (sse === "AES256" || sse === "aws:kms") return { ServerSideEncryption: sse } as const;
  return { ServerSideEncryption: "aws:kms", SSEKMSKeyId: sse } as const;
}

export type Objects = ReturnType<typeof createObjects>;

/** Single objects of the bucket, by their names below the prefix. A missing object is `undefined` or a no-op. */
export function createObjects(clients: S3Clients, settings: S3Settings, retryPolicy: RetryPolicy) {
  const { bucket: Bucket, prefix, checksum } = settings;
  const at = (name: string) => ({ Bucket, Key: `${prefix}${name}` });

  const head = async (name: string): Promise<ObjectFacts | undefined> => {
    try {
      const found = await withRetry(retryPolicy, `HEAD ${name}`, () =>
        clients.ask.send(new HeadObjectCommand(at(name))),
      );
      return factsOf(found);
    } catch (error) {
      if (error instanceof S3Failure && isNotFound(error)) return undefined;
      throw error;
    }
  };

  return {
    head,

    /**
     * A HEAD response has no body: it does not distinguish a missing object from a missing bucket. A missing bucket
     * must not look like lost blobs, so this method checks the bucket too. Throws {@link S3Failure} if the bucket is
     * missing.
     */
    async headInBucket(name: string): Promise<ObjectFacts | undefined> {
      const found = await head(name);
      if (found === undefined)
        await withRetry(retryPolicy, `HEAD bucket ${Bucket}`, () =>
          clients.ask.send(new HeadBucketCommand({ Bucket })),
        );
      return found;
    },

    /**
     * The object, or its range `first-last` in bytes. Resolves when the response begins; `undefined` if the object is
     * missing.
     */
    async get(name: string, range?: string): Promise<OpenObject | undefined> {
      try {
        const found = await withRetry(retryPolicy, `GET ${name}`, () =>
          clients.read.send(
            new GetObjectCommand({ ...at(name), ...(range && { Range: `bytes=${range}` }) }),
          ),
        );
        if (found.Body === undefined) throw new S3Failure(`GET ${name}`, "NoBody", "no body came");
        return { ...factsOf(found), body: found.Body };
      } catch (error) {
        if (error instanceof S3Failure && isNotFound(error)) return undefined;
        throw error;
      }
    },

    /** When it resolves, S3 has the bytes: S3 compares their checksum before it responds. */
    async put(
      name: string,
      bytes: Uint8Array,
      options: ReturnType<typeof writeOptions> & { readonly Metadata?: Record<string, string> },
    ): Promise<void> {
      const input = { ...at(name), Body: bytes, ...checksumOf(checksum, bytes), ...options };
      await withRetry(retryPolicy, `PUT ${name}`, () =>
        clients.write.send(
          new PutObjectCommand({ ...input, ContentType: "application/octet-stream" }),
        ),
      );
    },

    async delete(name: string): Promise<void> {
      try {
        await withRetry(retryPolicy, `DELETE ${name}`, () =>
          clients.ask.send(new DeleteObjectCommand(at(name))),
        );
      } catch (error) {
        // Amazon responds 204 for a missing object, other servers respond 404.
        if (!(error instanceof S3Failure && isNotFound(error))) throw error;
      }
    },

    /** The names below the prefix and their sizes, page by page. Recent writes and deletes may be missing. */
    async *list(
      namePrefix: string,
    ): AsyncGenerator<{ readonly name: string; readonly sizeBytes: number }> {
      let token: string | undefined;
      do {
        const page = await withRetry(retryPolicy, `LIST ${namePrefix}`, () =>
          clients.ask.send(
            new ListObjectsV2Command({
              Bucket,
              Prefix: `${prefix}${namePrefix}`,
              ...(token && { ContinuationToken: token }),
            }),
          ),
        );
        for (const { Key, Size } of page.Contents ?? []) {
          if (Key !== undefined) yield { name: Key.slice(prefix.length), sizeBytes: Size ?? 0 };
        }
        token = page.IsTruncated ? page.NextContinuationToken : undefined;
      } while (token !== undefined);
    },

    /** A URL with which any client can read the object for `lifetimeMs`. Sends no request. */
    signedUrl: (name: string, lifetimeMs: number): Promise<string> =>
      getSignedUrl(
        clients.read,
        new GetObjectCommand({
          ...at(name),
          ResponseContentType: "application/octet-stream",
        }),
        { expiresIn: Math.ceil(lifetimeMs / 1_000) },
      ),
  };
}

function factsOf(answer: {
  readonly ContentLength?: number | undefined;
  readonly ETag?: string | undefined;
  readonly Metadata?: Record<string, string> | undefined;
}): ObjectFacts {
  return {
    sizeBytes: answer.ContentLength ?? 0,
    etag: answer.ETag ?? "",
    metadata: answer.Metadata ?? {},
  };
}
