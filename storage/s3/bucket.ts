import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import type { UploadReference } from "../blob-store.ts";
import { checkedUpload } from "../keys.ts";
import type { RetryPolicy } from "./requests.ts";

/** The checksum that the driver sends with an object, in addition to the signature. */
export type ChecksumKind = "crc32" | "sha256" | "none";

/** The location of the bucket and the options of its use. Sizes are bytes. */
export interface S3Settings {
  readonly bucket: string;
  readonly region?: string | undefined;
  /** The URL of an S3 server other than Amazon's. */
  readonly endpoint?: string | undefined;
  /** Uses `endpoint/bucket/key` instead of `bucket.endpoint/key`. */
  readonly forcePathStyle: boolean;
  /** The prefix of every key, with a slash at its end; may be empty. */
  readonly prefix: string;
  /** Without these the SDK uses its default credential chain: environment, profile, role. */
  readonly accessKeyId?: string | undefined;
  readonly secretAccessKey?: string | undefined;
  readonly sessionToken?: string | undefined;
  /** The size of every part except the last. One PUT writes a smaller blob. */
  readonly partSize: number;
  /** The parts of one upload that are sent concurrently. */
  readonly concurrency: number;
  /** The memory that the parts of all uploads may use together. */
  readonly uploadBuffer: number;
  /** Whether clients may get signed URLs, and the lifetime of a URL in milliseconds. */
  readonly redirect: boolean;
  readonly redirectLifetime: number;
  /** `AES256`, `aws:kms`, or a KMS key. */
  readonly sse?: string | undefined;
  readonly storageClass?: string | undefined;
  readonly checksum: ChecksumKind;
}

/** The bucket, with clients that share connections and differ in their timeouts. */
export interface Bucket {
  readonly settings: S3Settings;
  readonly retryPolicy: RetryPolicy;
  /** For requests with small bodies and responses. */
  readonly ask: S3Client;
  /**
   * For request bodies with blob bytes, and for the completion of uploads, during which a server may copy the parts.
   */
  readonly write: S3Client;
  /** For response bodies, which a client may read slowly. */
  readonly read: S3Client;
  close(): void;
}

/*
 * The objects of the bucket, below the prefix:
 *
 *   blobs/instance                       the id of the database that owns these blobs
 *   blobs/sha256/ab/abcd….01J9…          a blob that one PUT wrote, at its key
 *   blobs/multipart/X7/01J8….01J9…       a blob of a multipart upload
 *   uploads/01J8…                        the state of an open upload, and the bytes after its last full part
 *   probe                                a test object that proves that the bucket is writable
 *
 * A multipart upload gets its key before its digest is known, and S3 cannot rename an object, only copy it. So the key
 * contains the upload's reference instead of the digest, and a commit costs one request for a blob of any size. No key
 * is used twice, so that the driver needs no conditional writes.
 */

export const blobsPrefix = "blobs/";
export const multipartPrefix = "blobs/multipart/";
export const uploadsPrefix = "uploads/";
export const instanceName = "blobs/instance";
export const probeName = "probe";

/** The object with the state of an upload. Throws TypeError if the reference does not have the form of a reference. */
export const stateName = (upload: UploadReference): string =>
  `${uploadsPrefix}${checkedUpload(upload)}`;

/** The bucket and the key of an object, as the SDK names them. `name` is the key without the prefix. */
export const objectAt = (
  { settings: { bucket, prefix } }: Bucket,
  name: string,
): { readonly Bucket: string; readonly Key: string } => ({
  Bucket: bucket,
  Key: `${prefix}${name}`,
});

/** The time in which a connection must open. */
export const connectionTimeoutMs = 5_000;

/**
 * Creates the clients and sends no request. If the settings have no credentials, the SDK looks for them at the first
 * request. A request is aborted when its connection transfers no byte for `idleMs`.
 */
export function openBucket(settings: S3Settings, retryPolicy: RetryPolicy): Bucket {
  const { idleMs } = retryPolicy;
  // The SDK's own agent allows 50 connections, which 50 slow readers would hold. Other limits bound the concurrent
  // requests.
  const agents = {
    httpAgent: new HttpAgent({ keepAlive: true, keepAliveMsecs: 10_000 }),
    httpsAgent: new HttpsAgent({ keepAlive: true, keepAliveMsecs: 10_000 }),
  };
  const connectionTimeout = connectionTimeoutMs;
  const ask = createClient(settings, {
    requestHandler: new NodeHttpHandler({ ...agents, connectionTimeout, socketTimeout: idleMs }),
  });
  const write = createClient(settings, {
    requestHandler: new NodeHttpHandler({
      ...agents,
      connectionTimeout,
      // This process does not see the progress of bytes in kernel buffers, which are some megabytes on a slow
      // connection.
      socketTimeout: 4 * idleMs,
    }),
  });
  const read = createClient(settings, {
    requestHandler: new NodeHttpHandler({
      ...agents,
      connectionTimeout,
      // The timeout until the response begins. Later an idle connection may have a slow reader: see reads.ts.
      requestTimeout: idleMs,
      throwOnRequestTimeout: true,
      socketTimeout: 0,
    }),
  });
  return {
    settings,
    retryPolicy,
    ask,
    write,
    read,
    close() {
      ask.destroy();
      write.destroy();
      read.destroy();
    },
  };
}

function createClient(settings: S3Settings, config: S3ClientConfig): S3Client {
  const { region, endpoint, accessKeyId, secretAccessKey, sessionToken } = settings;
  const client = new S3Client({
    ...config,
    // Other S3 servers seldom check the region, but a signature needs one. The SDK finds the region of an Amazon
    // bucket.
    ...(region === undefined ? endpoint && { region: "us-east-1" } : { region }),
    ...(endpoint && { endpoint }),
    forcePathStyle: settings.forcePathStyle,
    ...(accessKeyId !== undefined &&
      secretAccessKey !== undefined && {
        credentials: { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) },
      }),
    // By default the SDK adds its own checksums to every request, which many servers reject, and requests them on
    // reads.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    // The SDK would open a connection for every request with a body.
    expectContinueHeader: false,
    // The SDK's retries share a quota: a burst of 503 responses would fail uploads that one more attempt completes.
    maxAttempts: 1,
  });
  client.middlewareStack.add(
    (next) => (args) => {
      const { headers } = args.request as { readonly headers: Record<string, string> };
      const hash = payloadHash(headers);
      if (hash !== undefined) headers["x-amz-content-sha256"] = hash;
      return next(args);
    },
    { step: "build", name: "payloadHash", priority: "low" },
  );
  return client;
}

/** The value of `x-amz-content-sha256` for a body with this checksum; `undefined`: the SDK computes it. */
function payloadHash(headers: Readonly<Record<string, string>>): string | undefined {
  const sha256 = headers["x-amz-checksum-sha256"];
  if (sha256 !== undefined) return Buffer.from(sha256, "base64").toString("hex");
  return headers["x-amz-checksum-crc32"] === undefined ? undefined : "UNSIGNED-PAYLOAD";
}
