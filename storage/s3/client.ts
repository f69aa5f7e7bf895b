import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { payloadHash } from "./integrity.ts";
import type { S3Settings } from "./settings.ts";

/** Clients that share connections and differ in their timeouts. */
export interface S3Clients {
  /** For requests with small bodies and responses. */
  readonly ask: S3Client;
  /**
   * For request bodies with blob bytes, and for the completion of uploads, during which a server may copy the parts.
   */
  readonly write: S3Client;
  /** For response bodies, which a client may read slowly. */
  readonly read: S3Client;
  destroy(): void;
}

/**
 * Creates the clients and sends no request. If the settings have no credentials, the SDK looks for them at the first
 * request. A request is aborted when its connection transfers no byte for `idleMs`.
 */
export function createClients(settings: S3Settings, idleMs: number): S3Clients {
  // The SDK's own agent allows 50 connections, which 50 slow readers would hold. Other limits bound the concurrent
  // requests.
  const agents = {
    httpAgent: new HttpAgent({ keepAlive: true, keepAliveMsecs: 10_000 }),
    httpsAgent: new HttpsAgent({ keepAlive: true, keepAliveMsecs: 10_000 }),
  };
  const connectionTimeout = 5_000;
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
      // The timeout until the response begins. Later an idle connection may have a slow reader: see read.ts.
      requestTimeout: idleMs,
      throwOnRequestTimeout: true,
      socketTimeout: 0,
    }),
  });
  return {
    ask,
    write,
    read,
    destroy() {
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
