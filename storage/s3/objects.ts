import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
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
import { objectAt, type Bucket, type ChecksumKind, type S3Settings } from "./bucket.ts";
import { S3Failure, undefinedIfNotFound, withRetry } from "./requests.ts";

/*
 * Single objects of the bucket, by their names below the prefix. A missing object is `undefined` or a no-op.
 */

export interface ObjectFacts {
  readonly sizeBytes: number;
  readonly etag: string;
  readonly modifiedAtMs: number;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface OpenObject extends ObjectFacts {
  readonly body: NonNullable<GetObjectCommandOutput["Body"]>;
}

export async function headObject(bucket: Bucket, name: string): Promise<ObjectFacts | undefined> {
  const found = await withRetry(bucket.retryPolicy, `HEAD ${name}`, () =>
    bucket.ask.send(new HeadObjectCommand(objectAt(bucket, name))),
  ).catch(undefinedIfNotFound);
  return found && factsOf(found);
}

/**
 * A HEAD response has no body: it does not distinguish a missing object from a missing bucket. A missing bucket must not
 * look like lost blobs, so this function checks the bucket too. Throws {@link S3Failure} if the bucket is missing.
 */
export async function headBlob(bucket: Bucket, name: string): Promise<ObjectFacts | undefined> {
  const found = await headObject(bucket, name);
  if (found !== undefined) return found;
  const { Bucket } = objectAt(bucket, name);
  await withRetry(bucket.retryPolicy, `HEAD bucket ${Bucket}`, () =>
    bucket.ask.send(new HeadBucketCommand({ Bucket })),
  );
  return undefined;
}

/**
 * The object, or its range `first-last` in bytes. Resolves when the response begins; `undefined` if the object is
 * missing.
 */
export async function getObject(
  bucket: Bucket,
  name: string,
  range?: string,
): Promise<OpenObject | undefined> {
  const input = { ...objectAt(bucket, name), ...(range && { Range: `bytes=${range}` }) };
  const found = await withRetry(bucket.retryPolicy, `GET ${name}`, () =>
    bucket.read.send(new GetObjectCommand(input)),
  ).catch(undefinedIfNotFound);
  if (found === undefined) return undefined;
  if (found.Body === undefined)
    throw new S3Failure(`GET ${name}`, "NoBody", "the response has no body");
  return { ...factsOf(found), body: found.Body };
}

/** When it resolves, S3 has the bytes: S3 compares their checksum before it responds. */
export async function putObject(
  bucket: Bucket,
  name: string,
  bytes: Uint8Array,
  options: ReturnType<typeof storageClass> & { readonly Metadata?: Record<string, string> } = {},
): Promise<void> {
  const { settings, retryPolicy } = bucket;
  const input = {
    ...objectAt(bucket, name),
    Body: bytes,
    ...checksumOf(settings.checksum, bytes),
    ...encryption(settings),
    ...options,
    ContentType: "application/octet-stream",
  };
  await withRetry(retryPolicy, `PUT ${name}`, () => bucket.write.send(new PutObjectCommand(input)));
}

/** Amazon responds 204 for a missing object, other servers respond 404. */
export async function deleteObject(bucket: Bucket, name: string): Promise<void> {
  await withRetry(bucket.retryPolicy, `DELETE ${name}`, () =>
    bucket.ask.send(new DeleteObjectCommand(objectAt(bucket, name))),
  ).catch(undefinedIfNotFound);
}

/** The names below the prefix and their sizes, page by page. Recent writes and deletes may be missing. */
export async function* listObjects(
  bucket: Bucket,
  namePrefix: string,
): AsyncGenerator<{ readonly name: string; readonly sizeBytes: number }> {
  const { Bucket, Key: Prefix } = objectAt(bucket, namePrefix);
  let token: string | undefined;
  do {
    const input = { Bucket, Prefix, ...(token && { ContinuationToken: token }) };
    const page = await withRetry(bucket.retryPolicy, `LIST ${namePrefix}`, () =>
      bucket.ask.send(new ListObjectsV2Command(input)),
    );
    for (const { Key, Size } of page.Contents ?? []) {
      if (Key !== undefined)
        yield { name: Key.slice(bucket.settings.prefix.length), sizeBytes: Size ?? 0 };
    }
    token = page.IsTruncated ? page.NextContinuationToken : undefined;
  } while (token !== undefined);
}

/** The names of the folders in a folder: what is between its prefix and the next slash. */
export async function* listFolders(bucket: Bucket, namePrefix: string): AsyncGenerator<string> {
  const { Bucket, Key: folder } = objectAt(bucket, namePrefix);
  let token: string | undefined;
  do {
    const input = { Bucket, Prefix: folder, Delimiter: "/", ContinuationToken: token };
    const page = await withRetry(bucket.retryPolicy, `LIST ${namePrefix}`, () =>
      bucket.ask.send(new ListObjectsV2Command(input)),
    );
    for (const { Prefix } of page.CommonPrefixes ?? [])
      if (Prefix !== undefined) yield Prefix.slice(folder.length, -1);
    token = page.IsTruncated ? page.NextContinuationToken : undefined;
  } while (token !== undefined);
}

/** A URL with which any client can read the object for `lifetimeMs`. Sends no request. */
export const signedUrl = (bucket: Bucket, name: string, lifetimeMs: number): Promise<string> =>
  getSignedUrl(
    bucket.read,
    new GetObjectCommand({
      ...objectAt(bucket, name),
      ResponseContentType: "application/octet-stream",
    }),
    { expiresIn: Math.ceil(lifetimeMs / 1_000) },
  );

/** The storage class of a new blob. */
export const storageClass = ({ storageClass }: S3Settings) =>
  storageClass === undefined ? {} : { StorageClass: storageClass as "STANDARD" };

/** The encryption of a new object. */
export function encryption({ sse }: S3Settings) {
  if (sse === undefined) return {};
  if (sse === "AES256" || sse === "aws:kms") return { ServerSideEncryption: sse } as const;
  return { ServerSideEncryption: "aws:kms", SSEKMSKeyId: sse } as const;
}

export interface Checksums {
  readonly ChecksumCRC32?: string;
  readonly ChecksumSHA256?: string;
}

/**
 * The base64 checksum of the bytes. It is computed here once and natively: by default the SDK computes another SHA-256
 * of every body for its signature. `none` is for servers without checksums; the signed hash still protects the
 * transfer.
 */
export function checksumOf(kind: ChecksumKind, bytes: Uint8Array): Checksums {
  switch (kind) {
    case "crc32": {
      const sum = Buffer.alloc(4);
      sum.writeUInt32BE(crc32(bytes));
      return { ChecksumCRC32: sum.toString("base64") };
    }
    case "sha256":
      return { ChecksumSHA256: createHash("sha256").update(bytes).digest("base64") };
    case "none":
      return {};
  }
}

function factsOf(response: {
  readonly ContentLength?: number | undefined;
  readonly ETag?: string | undefined;
  readonly LastModified?: Date | undefined;
  readonly Metadata?: Record<string, string> | undefined;
}): ObjectFacts {
  return {
    sizeBytes: response.ContentLength ?? 0,
    etag: response.ETag ?? "",
    modifiedAtMs: response.LastModified?.getTime() ?? 0,
    metadata: response.Metadata ?? {},
  };
}
