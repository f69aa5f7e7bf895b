import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { receive, send, type Pace } from "./body.ts";
import { Refusal, StubBucket } from "./bucket.ts";
import { metadataOf, operationOf, type StubRequest } from "./requests.ts";
import {
  completedXml,
  createdXml,
  errorXml,
  listXml,
  namedParts,
  pageOf,
  uploadsXml,
} from "./xml.ts";

/** A fault that the stub applies to a request. */
export interface Fault extends Pace {
  /** Answers with this error and does not perform the operation. */
  readonly refuse?: { readonly status: number; readonly code: string };
  /** As `refuse`, with the given body. */
  readonly refuseWith?: { readonly status: number; readonly body: string };
  /** Performs the operation and then sends this response. */
  readonly lie?: { readonly status: number; readonly body: string };
  /** Sends no response. */
  readonly hang?: true;
  /** Performs the operation and closes the connection without a response. */
  readonly dropAnswer?: true;
  /** For HEAD and GET: Content-Length is too large by so many bytes. */
  readonly moreBytes?: number;
}

export interface S3Stub {
  readonly endpoint: string;
  readonly bucket: StubBucket;
  /** All requests so far, in order. */
  readonly requests: StubRequest[];
  /** Called for each request; returns the fault to apply. */
  fault: (request: StubRequest) => Fault | undefined;
  /** The number of running requests. */
  readonly busy: () => number;
  close(): Promise<void>;
}

export interface StubOptions {
  /** Counts the bytes of parts and does not store them. */
  readonly sparse?: boolean;
  readonly leastPartBytes?: number;
  /** The number of entries in one page of a listing. */
  readonly pageSize?: number;
  /** The name of a certificate in `test/support/tls`. The endpoint then accepts only https. */
  readonly certificate?: string;
}

/** A small S3 server for one bucket in memory. It applies faults on demand and does not check signatures. */
export async function startS3Stub(options: StubOptions = {}): Promise<S3Stub> {
  const { sparse = false, leastPartBytes = 0, pageSize = 1_000, certificate } = options;
  const bucket = new StubBucket(leastPartBytes);
  const requests: StubRequest[] = [];
  let busy = 0;

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? "/", "http://stub");
    const key = decodeURIComponent(url.pathname.split("/").slice(2).join("/"));
    const query = url.searchParams;
    const asked: StubRequest = {
      operation: operationOf(request.method ?? "", key, query),
      key,
      partNumber: Number(query.get("partNumber")),
      isSignedUrl: query.has("X-Amz-Signature"),
    };
    requests.push(asked);
    const fault = stub.fault(asked) ?? {};
    if (fault.hang) return;
    const isData = asked.operation === "put" || asked.operation === "part";
    const pace = isData ? fault : {};
    const body = await receive(request, pace, sparse && asked.operation === "part");
    if (body === undefined) return;
    if (fault.refuse) throw new Refusal(fault.refuse.status, fault.refuse.code);
    const { refuseWith } = fault;
    if (refuseWith) return void response.writeHead(refuseWith.status).end(refuseWith.body);
    const reply = perform(asked, query, request, body);
    if (fault.dropAnswer) return void request.socket.resetAndDestroy();
    if (fault.lie) return void response.writeHead(fault.lie.status).end(fault.lie.body);
    const { status = 200, headers = {}, bytes = Buffer.alloc(0), length } = reply;
    response.writeHead(status, {
      ...headers,
      "content-length": (length ?? bytes.length) + (fault.moreBytes ?? 0),
    });
    if (asked.operation === "head") response.end();
    else await send(response, bytes, isData ? {} : fault);
  };

  const perform = (
    { operation, key, partNumber }: StubRequest,
    query: URLSearchParams,
    request: IncomingMessage,
    body: Parameters<StubBucket["put"]>[1],
  ): Reply => {
    const id = query.get("uploadId") ?? "";
    switch (operation) {
      case "head-bucket":
        return {};
      case "list": {
        const prefix = query.get("prefix") ?? "";
        const all = [...bucket.objects]
          .filter(([name]) => name.startsWith(prefix))
          .map(([name, { sizeBytes }]) => ({ key: name, sizeBytes }))
          .toSorted((one, other) => (one.key < other.key ? -1 : 1));
        const { page, next } = pageOf(all, query.get("continuation-token"), pageSize);
        return xml(listXml(page, next));
      }
      case "list-uploads": {
        const prefix = query.get("prefix") ?? "";
        const all = [...bucket.multiparts]
          .map(([name, multipart]) => ({ id: name, key: multipart.key }))
          .filter((upload) => upload.key.startsWith(prefix));
        const { page, next } = pageOf(all, query.get("key-marker"), pageSize);
        return xml(uploadsXml(page, next));
      }
      case "create":
        return xml(createdXml(bucket.create(key, metadataOf(request))));
      case "part":
        return { headers: { etag: bucket.putPart(key, id, partNumber, body) } };
      case "complete":
        return xml(
          completedXml(key, bucket.complete(key, id, namedParts(body.bytes?.toString() ?? ""))),
        );
      case "abort":
        bucket.abort(key, id);
        return { status: 204 };
      case "put":
        return { headers: { etag: bucket.put(key, body, metadataOf(request)) } };
      case "delete":
        bucket.objects.delete(key);
        return { status: 204 };
      case "head":
      case "get":
        return read(key, operation, request.headers.range);
    }
  };

  const read = (key: string, operation: "head" | "get", range: string | undefined): Reply => {
    const object = bucket.objects.get(key);
    if (object === undefined) throw new Refusal(404, "NoSuchKey");
    const headers = { ...object.headers, etag: object.etag };
    if (operation === "head") return { headers, length: object.sizeBytes };
    const bytes = object.bytes ?? Buffer.alloc(object.sizeBytes);
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range ?? "") ?? [];
    if (first === undefined) return { headers, bytes };
    if (Number(first) >= bytes.length) throw new Refusal(416, "InvalidRange");
    const part = bytes.subarray(Number(first), Number(last) + 1);
    const place = `bytes ${first}-${Number(first) + part.length - 1}/${bytes.length}`;
    return { status: 206, headers: { ...headers, "content-range": place }, bytes: part };
  };

  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    busy += 1;
    answer(request, response)
      .catch((error: unknown) => {
        if (response.headersSent || !(error instanceof Refusal)) return response.destroy();
        const text = request.method === "HEAD" ? "" : errorXml(error.code);
        response.writeHead(error.status, { "content-type": "application/xml" }).end(text);
        return undefined;
      })
      .finally(() => (busy -= 1));
  };
  const server =
    certificate === undefined
      ? createServer(handle)
      : createTlsServer(
          { cert: pem(`${certificate}.cert`), key: pem(`${certificate}.key`) },
          handle,
        );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stub: S3Stub = {
    endpoint: `${certificate === undefined ? "http" : "https"}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    bucket,
    requests,
    fault: () => undefined,
    busy: () => busy,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return stub;
}

const pem = (name: string): Buffer =>
  readFileSync(path.join(import.meta.dirname, `../tls/${name}.pem`));

interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly bytes?: Buffer;
  /** The Content-Length, if it differs from the length of `bytes`. */
  readonly length?: number;
}

const xml = (text: string): Reply => ({
  headers: { "content-type": "application/xml" },
  bytes: Buffer.from(text),
});
