import { LRUCache } from "lru-cache";
import { bytesOf, createReadBuffers, type Filled } from "../shared-read/buffers.ts";
import type { Source } from "../shared-read/shared-read.ts";
import { ConnectionPool, PlainConnection } from "./plain-connection.ts";
import { failureOf, S3Failure } from "./requests.ts";

export interface PlainReader {
  /**
   * Reads an object, or its range `first-last`. `undefined` if the response is not the bytes or does not arrive: the
   * caller then repeats the request through the SDK, which reports every error.
   */
  open(name: string, range: string | undefined): Promise<Source | undefined>;
  close(): void;
}

type SignUrl = (name: string, lifetimeMs: number) => Promise<string>;

/** Reads from S3 without TLS, into reusable buffers; see `plain-connection.ts`. */
export function createPlainReader(endpoint: string, idleMs: number, signUrl: SignUrl): PlainReader {
  const { hostname, port } = new URL(endpoint);
  const address = { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port || 80) };
  const buffers = createReadBuffers();
  const connections = new ConnectionPool(() => new PlainConnection(address, buffers, idleMs));
  const cachedUrl = cacheUrls(signUrl);

  return {
    async open(name, range) {
      const { host, pathname, search } = new URL(await cachedUrl(name));
      const connection = connections.take();
      try {
        const rangeLine = range === undefined ? "" : `Range: bytes=${range}\r\n`;
        connection.write(`GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\n${rangeLine}\r\n`);
        const head = await readHead(connection);
        if (head !== undefined) {
          return sourceOf(connection, head, `GET ${name}`, (isReusable) =>
            isReusable ? connections.giveBack(connection) : connection.end(),
          );
        }
      } catch {
        // The reader has no bytes yet, so that the SDK can repeat the request.
      }
      connection.end();
      return undefined;
    },
    close: () => connections.close(),
  };
}

const urlLifetimeMs = 5 * 60_000;
/** The limit for cached URLs, about 1 KB each; the least recently used are dropped first. */
const urlsAtMost = 1_000;

/**
 * Caches signed URLs. Each URL is valid for 5 minutes and reused for 2.5 minutes: signing costs more than the read of a
 * small blob, and the object of a name never changes. If S3 rejects the URL, the caller repeats the request through the
 * SDK.
 */
function cacheUrls(signUrl: SignUrl): (name: string) => Promise<string> {
  const urls = new LRUCache<
    string,
    { readonly url: Promise<string>; readonly freshUntilMs: number }
  >({ max: urlsAtMost });

  return (name) => {
    const nowMs = performance.now();
    const known = urls.get(name);
    if (known !== undefined && known.freshUntilMs > nowMs) return known.url;
    const url = signUrl(name, urlLifetimeMs);
    url.catch(() => urls.delete(name));
    urls.set(name, { url, freshUntilMs: nowMs + urlLifetimeMs / 2 });
    return url;
  };
}

/** The body of a response. Calls `onEnd` once, at its end; `isReusable`: the connection can send another request. */
function sourceOf(
  connection: PlainConnection,
  { firstBytes, sizeBytes, keepAlive }: Head,
  what: string,
  onEnd: (isReusable: boolean) => void,
): Source {
  let first = firstBytes;
  let left = sizeBytes;
  let hasEnded = false;

  const receive = async (): Promise<Filled> => {
    const filled = first ?? (await connection.next());
    first = undefined;
    left -= filled.to - filled.from;
    if (left >= 0) return filled;
    filled.buffer.release();
    throw new S3Failure(what, "TooMuch", "the response has more bytes than its Content-Length");
  };
  const end = (isComplete: boolean): void => {
    if (hasEnded) return;
    hasEnded = true;
    onEnd(isComplete && keepAlive);
  };

  return {
    sizeBytes,
    async next() {
      try {
        const filled = await receive();
        if (left === 0) end(true);
        return filled;
      } catch (error) {
        end(false);
        throw error instanceof S3Failure ? error : failureOf(what, error);
      }
    },
    end() {
      first?.buffer.release();
      first = undefined;
      end(sizeBytes === 0);
    },
  };
}

interface Head {
  /** The bytes of the body that arrived with the head. */
  readonly firstBytes: Filled | undefined;
  readonly sizeBytes: number;
  readonly keepAlive: boolean;
}

const endOfHead = "\r\n\r\n";
const maxHeadBytes = 32 * 1024;

/** Parses an HTTP/1.1 response head (RFC 9112). `undefined` unless the body is unencoded bytes of a known length. */
async function readHead(connection: PlainConnection): Promise<Head | undefined> {
  let received: Buffer = Buffer.alloc(0);
  for (;;) {
    const filled = await connection.next();
    const before = received.length;
    received = Buffer.concat([received, bytesOf(filled).subarray(0, maxHeadBytes)]);
    const end = received.indexOf(endOfHead);
    if (end < 0) {
      filled.buffer.release();
      if (received.length >= maxHeadBytes) return undefined;
      continue;
    }
    const from = filled.from + end + endOfHead.length - before;
    const head = parseHead(received.toString("latin1", 0, end));
    const bodyBytes = filled.to - from;
    if (head !== undefined && bodyBytes > 0 && bodyBytes <= head.sizeBytes)
      return { ...head, firstBytes: { ...filled, from } };
    filled.buffer.release();
    return head && bodyBytes === 0 ? { ...head, firstBytes: undefined } : undefined;
  }
}

function parseHead(text: string): Omit<Head, "firstBytes"> | undefined {
  const [status = "", ...lines] = text.split("\r\n");
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    }),
  );
  const length = headers.get("content-length");
  const plain = /^HTTP\/1\.1 20[06](?: |$)/.test(status) && !headers.has("transfer-encoding");
  if (!plain || headers.has("content-encoding") || !/^\d{1,15}$/.test(length ?? ""))
    return undefined;
  const keepAlive = headers.get("connection")?.toLowerCase() !== "close";
  return { sizeBytes: Number(length), keepAlive };
}
