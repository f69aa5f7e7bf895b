import { createHash } from "node:crypto";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { objectAt, type Bucket } from "./bucket.ts";
import { checksumOf, encryption, headObject, storageClass, type Checksums } from "./objects.ts";
import { S3Failure, undefinedIfNotFound, withRetry } from "./requests.ts";

/** The S3 limit for the parts of one multipart upload. */
export const partsAtMost = 10_000;

/** The upload has more bytes than 10,000 parts can hold. */
export class UploadTooLargeError extends Error {
  override readonly name = "UploadTooLargeError";
  readonly code = "UPLOAD_TOO_LARGE";

  constructor(maxBytes: number) {
    super(
      `the upload has more than ${maxBytes} bytes, which fill the 10,000 parts that S3 allows: set a larger storage.s3.partSize`,
    );
  }
}

/** An open multipart upload, and the key of the object that its parts will form. */
export interface Multipart {
  readonly key: string;
  readonly uploadId: string;
}

/**
 * The response of S3 for a part. The completion names it, so that S3 does not use other bytes of the same part number.
 */
export interface Part extends Checksums {
  readonly etag: string;
}

export async function createMultipart(bucket: Bucket, key: string): Promise<Multipart> {
  const { settings, retryPolicy } = bucket;
  const { checksum } = settings;
  const input = {
    ...objectAt(bucket, key),
    ...encryption(settings),
    ...storageClass(settings),
    ...(checksum !== "none" &&
      ({ ChecksumAlgorithm: checksum === "crc32" ? "CRC32" : "SHA256" } as const)),
    ContentType: "application/octet-stream",
  };
  const what = `begin ${key}`;
  const response = await withRetry(retryPolicy, what, () =>
    bucket.ask.send(new CreateMultipartUploadCommand(input)),
  );
  if (response.UploadId === undefined)
    throw new S3Failure(what, "NoUploadId", "the response has no UploadId");
  return { key, uploadId: response.UploadId };
}

/** `number` counts from 1. A second upload with the same number replaces the part. */
export async function uploadPart(
  bucket: Bucket,
  { key, uploadId }: Multipart,
  number: number,
  bytes: Uint8Array,
): Promise<Part> {
  const checksums = checksumOf(bucket.settings.checksum, bytes);
  const input = {
    ...objectAt(bucket, key),
    UploadId: uploadId,
    PartNumber: number,
    Body: bytes,
    ...checksums,
  };
  const what = `part ${number} of ${key}`;
  const response = await withRetry(bucket.retryPolicy, what, () =>
    bucket.write.send(new UploadPartCommand(input)),
  );
  if (response.ETag === undefined)
    throw new S3Failure(what, "NoETag", "the response has no ETag", { status: 200 });
  return { etag: response.ETag, ...checksums };
}

/**
 * Completes a multipart upload. Resolves only when S3 shows the object with the right size, whatever the response to the
 * completion was. An upload that was already completed from the same parts is a success. Throws {@link S3Failure}.
 */
export async function completeMultipart(
  bucket: Bucket,
  multipart: Multipart,
  parts: readonly Part[],
  sizeBytes: number,
): Promise<void> {
  let failure: unknown;
  try {
    await sendCompletion(bucket, multipart, parts);
  } catch (error) {
    failure = error;
  }
  const found = await headObject(bucket, multipart.key);
  const what = `complete ${multipart.key}`;
  if (found === undefined)
    throw failure ?? new S3Failure(what, "NotThere", "the object does not exist afterwards");
  if (found.sizeBytes !== sizeBytes) {
    const message = `the object has ${found.sizeBytes} bytes, but ${sizeBytes} were sent`;
    throw new S3Failure(what, "WrongSize", message, { cause: failure });
  }
  if (failure === undefined) return;
  // An attempt whose response was lost, or another process, completed the upload: the object must have the same parts.
  if (found.etag !== assembledEtag(parts)) throw failure;
}

async function sendCompletion(
  bucket: Bucket,
  { key, uploadId }: Multipart,
  parts: readonly Part[],
): Promise<void> {
  const Parts = parts.map(({ etag, ...checksums }, index) => ({
    PartNumber: index + 1,
    ETag: etag,
    ...checksums,
  }));
  const input = { ...objectAt(bucket, key), UploadId: uploadId, MultipartUpload: { Parts } };
  const what = `complete ${key}`;
  const response = await withRetry(bucket.retryPolicy, what, () =>
    bucket.write.send(new CompleteMultipartUploadCommand(input)),
  );
  // S3 sends status 200 before it knows the result. The SDK looks for an error in the last bytes only.
  if (response.ETag === undefined)
    throw new S3Failure(what, "NotCompleted", "the response has no ETag", { status: 200 });
}

/** The ETag of a part, unless S3 encrypts with a KMS key. */
export const partEtag = (bytes: Uint8Array): string =>
  `"${createHash("md5").update(bytes).digest("hex")}"`;

/** The ETag of an assembled object, if the ETags of its parts are MD5 sums. */
function assembledEtag(parts: readonly Part[]): string {
  const hash = createHash("md5");
  for (const { etag } of parts) hash.update(Buffer.from(etag.replaceAll('"', ""), "hex"));
  return `"${hash.digest("hex")}-${parts.length}"`;
}

/** Aborts a multipart upload and deletes its parts. No-op if the upload is completed or gone. */
export async function abortMultipart(bucket: Bucket, { key, uploadId }: Multipart): Promise<void> {
  const input = { ...objectAt(bucket, key), UploadId: uploadId };
  await withRetry(bucket.retryPolicy, `abort ${key}`, () =>
    bucket.ask.send(new AbortMultipartUploadCommand(input)),
  ).catch(undefinedIfNotFound);
}

/** The open multipart uploads whose keys begin with `keyPrefix`. */
export async function* listMultiparts(
  bucket: Bucket,
  keyPrefix: string,
): AsyncGenerator<Multipart> {
  const { Bucket, Key: Prefix } = objectAt(bucket, keyPrefix);
  let marker: { readonly KeyMarker: string; readonly UploadIdMarker?: string } | undefined;
  do {
    const input = { Bucket, Prefix, ...marker };
    const page = await withRetry(bucket.retryPolicy, `LIST uploads ${keyPrefix}`, () =>
      bucket.ask.send(new ListMultipartUploadsCommand(input)),
    );
    for (const { Key, UploadId } of page.Uploads ?? []) {
      if (Key !== undefined && UploadId !== undefined)
        yield { key: Key.slice(bucket.settings.prefix.length), uploadId: UploadId };
    }
    const { IsTruncated, NextKeyMarker: KeyMarker, NextUploadIdMarker: UploadIdMarker } = page;
    marker =
      IsTruncated && KeyMarker
        ? { KeyMarker, ...(UploadIdMarker && { UploadIdMarker }) }
        : undefined;
  } while (marker !== undefined);
}
