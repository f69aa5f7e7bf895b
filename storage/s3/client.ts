import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { payloadHash } from "./integrity.ts";
import type { S3Settings } from "./settings.ts";

/** Clients over the same connections: they differ in what they take for a dead connection. */
export interface S3Clients {
  /** For requests that say and are told little. */
  readonly ask: S3Client;
  /** For bodies that we send, and for joining parts, over which a server may copy them. */
  readonly write: S3Client;
  /** For bodies that somebody reads as slowly as they like. */
  readonly read: S3Client;
  destroy(): void;
}

/**
 * Makes no request. Credentials that are not given are looked for when the first one is made. A request on whose
 * connection nothing moves for `idleMs` is given up.
 */
export function createClients(settings: S3Settings, idleMs: number): S3Clients {
  // The SDK's own agent stops at 50 connections, which 50 slow readers would hold; what runs at once is bounded elsewhere.
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
      // What the kernel has taken moves without our seeing it, some megabytes on a slow line.
      socketTimeout: 4 * idleMs,
    }),
  });
  const read = createClient(settings, {
    requestHandler: new NodeHttpHandler({
      ...agents,
      connectionTimeout,
      // Until the answer begins. Afterwards a connection that rests may have a slow reader: see read.ts.
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
    // A server of one's own seldom minds, but a signature needs one; Amazon's is found by the SDK.
    ...(region === undefined ? endpoint && { region: "us-east-1" } : { region }),
    ...(endpoint && { endpoint }),
    forcePathStyle: settings.forcePathStyle,
    ...(accessKeyId !== undefined &&
      secretAccessKey !== undefined && {
        credentials: { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) },
      }),
    // By default the SDK adds checksums of its own to everything, which many servers refuse, and asks for them on reads.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    // It would open a connection for every request with a body.
    expectContinueHeader: false,
    // Its retries share a quota, so that a burst of 503 would fail uploads that one more attempt would have saved.
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
