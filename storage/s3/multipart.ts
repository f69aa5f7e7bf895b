import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import type { S3Clients } from "./client.ts";
import { isNotFound, S3Failure } from "./failure.ts";
import { checksumOf, assembledEtag, type Checksums } from "./integrity.ts";
import { writeOptions, type Objects } from "./objects.ts";
import { withRetry, type RetryPolicy } from "./retry.ts";
import type { S3Settings } from "./settings.ts";

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

export type Multiparts = ReturnType<typeof createMultiparts>;

export function createMultiparts(
  clients: S3Clients,
  objects: Pick<Objects, "head">,
  settings: S3Settings,
  retryPolicy: RetryPolicy,
) {
  const { bucket: Bucket, prefix, checksum } = settings;
  const at = (key: string) => ({ Bucket, Key: `${prefix}${key}` });

  const complete = async ({ key, uploadId }: Multipart, parts: readonly Part[]): Promise<void> => {
    const Parts = parts.map(({ etag, ...checksums }, index) => ({
      PartNumber: index + 1,
      ETag: etag,
      ...checksums,
    }));
    const what = `complete ${key}`;
    const answer = await withRetry(retryPolicy, what, () =>
      clients.write.send(
        new CompleteMultipartUploadCommand({
          ...at(key),
          UploadId: uploadId,
          MultipartUpload: { Parts },
        }),
      ),
    );
    // S3 sends status 200 before it knows the result. The SDK looks for an error in the last bytes only.
    if (answer.ETag === undefined)
      throw new S3Failure(what, "NotCompleted", "the answer names no object", 200);
  };

  return {
    async create(key: string): Promise<Multipart> {
      const answer = await withRetry(retryPolicy, `begin ${key}`, () =>
        clients.ask.send(
          new CreateMultipartUploadCommand({
            ...at(key),
            ...writeOptions(settings),
            ...(checksum !== "none" && {
              ChecksumAlgorithm: checksum === "crc32" ? "CRC32" : "SHA256",
            }),
            ContentType: "application/octet-stream",
          }),
        ),
      );
      if (answer.UploadId === undefined)
        throw new S3Failure(`begin ${key}`, "NoUploadId", "the answer names no upload");
      return { key, uploadId: answer.UploadId };
    },

    /** `number` counts from 1. A second upload with the same number replaces the part. */
    async uploadPart(
      { key, uploadId }: Multipart,
      number: number,
      bytes: Uint8Array,
    ): Promise<Part> {
      const checksums = checksumOf(checksum, bytes);
      const what = `part ${number} of ${key}`;
      const answer = await withRetry(retryPolicy, what, () =>
        clients.write.send(
          new UploadPartCommand({
            ...at(key),
            UploadId: uploadId,
            PartNumber: number,
            Body: bytes,
            ...checksums,
          }),
        ),
      );
      if (answer.ETag === undefined)
        throw new S3Failure(what, "NoETag", "the answer has no ETag", 200);
      return { etag: answer.ETag, ...checksums };
    },

    /**
     * Completes a multipart upload. Resolves only when S3 shows the object with the right size, whatever the response
     * to the completion was. An upload that was already completed from the same parts is a success. Throws
     * {@link S3Failure}.
     */
    async complete(multipart: Multipart, parts: readonly Part[], sizeBytes: number): Promise<void> {
      let failure: unknown;
      try {
        await complete(multipart, parts);
      } catch (error) {
        failure = error;
      }
      const found = await objects.head(multipart.key);
      const what = `complete ${multipart.key}`;
      if (found === undefined)
        throw failure ?? new S3Failure(what, "NotThere", "S3 shows no object");
      if (found.sizeBytes !== sizeBytes) {
        const message = `S3 shows ${found.sizeBytes} bytes where ${sizeBytes} were sent`;
        throw new S3Failure(what, "WrongSize", message, undefined, failure);
      }
      if (failure === undefined) return;
      // An attempt whose response was lost, or another process, completed the upload: the object must have the same
      // parts.
      if (found.etag !== assembledEtag(parts.map(({ etag }) => etag))) throw failure;
    },

    /** Aborts a multipart upload and deletes its parts. No-op if the upload is completed or gone. */
    async abort({ key, uploadId }: Multipart): Promise<void> {
      try {
        await withRetry(retryPolicy, `abort ${key}`, () =>
          clients.ask.send(new AbortMultipartUploadCommand({ ...at(key), UploadId: uploadId })),
        );
      } catch (error) {
        if (!(error instanceof S3Failure && isNotFound(error))) throw error;
      }
    },

    /** The open multipart uploads whose keys begin with `keyPrefix`. */
    async *list(keyPrefix: string): AsyncGenerator<Multipart> {
      let marker: { readonly KeyMarker: string; readonly UploadIdMarker?: string } | undefined;
      do {
        const page = await withRetry(retryPolicy, `LIST uploads ${keyPrefix}`, () =>
          clients.ask.send(
            new ListMultipartUploadsCommand({
              Bucket,
              Prefix: `${prefix}${keyPrefix}`,
              ...marker,
            }),
          ),
        );
        for (const { Key, UploadId } of page.Uploads ?? []) {
          if (Key !== undefined && UploadId !== undefined)
            yield { key: Key.slice(prefix.length), uploadId: UploadId };
        }
        const { NextKeyMarker, NextUploadIdMarker } = page;
        marker =
          page.IsTruncated && NextKeyMarker
            ? {
                KeyMarker: NextKeyMarker,
                ...(NextUploadIdMarker && { UploadIdMarker: NextUploadIdMarker }),
              }
            : undefined;
      } while (marker !== undefined);
    },
  };
}
