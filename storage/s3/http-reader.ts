import { LRUCache } from "lru-cache";
import { bytesOf, createReadBuffers, type Filled } from "../shared-read/buffers.ts";
import type { Source } from "../shared-read/shared-read.ts";
import {
  ConnectionPool,
  HttpConnection,
  type Address,
  type TlsSession,
} from "./http-connection.ts";
import { failureOf, S3Failure } from "./requests.ts";

export interface HttpReader {
  /**
   * Reads an object, or its range `first-last`. Otherwise the caller repeats the request through the SDK, which reports
   * every error: `denied` if the server rejects the signed URL, `undefined` if the response is not the bytes or does not
   * arrive.
   */
  open(name: string, range: string | undefined): Promise<Source | "denied" | undefined>;
  /** Lets the SDK read for 1 minute, after it read what was `denied`: the bucket's policy may deny signed URLs. */
  pause(): void;
  close(): void;
}

type SignUrl = (name: string, lifetimeMs: number) => Promise<string>;

const pauseMs = 60_000;

/** Reads with signed URLs into reusable buffers; see `http-connection.ts`. All URLs must be of the same server. */
export function createHttpReader(idleMs: number, signUrl: SignUrl): HttpReader {
  const buffers = createReadBuffers();
  const cachedUrl = cacheUrls(signUrl);
  const session: TlsSession = {};
  let connections: ConnectionPool | undefined;
  let pausedUntilMs = 0;

  return {
    async open(name, range) {
      if (performance.now() < pausedUntilMs) return undefined;
      let connection: HttpConnection | undefined;
      try {
        const url = new URL(await cachedUrl(name));
        const pool = (connections ??= new ConnectionPool(
          () => new HttpConnection(addressOf(url), buffers, idleMs, session),
        ));
        const used = (connection = pool.take());
        used.write(requestFor(url, range));
        const head = await withDeadline(readHead(used), idleMs, () => used.end());
        if (head?.body !== undefined) {
          return sourceOf(used, head.body, `GET ${name}`, (isReusable) =>
            isReusable ? pool.giveBack(used) : used.end(),
          );
        }
        if (head !== undefined && isDenial(head.status)) {
          used.end();
          return "denied";
        }
      } catch {
        // The reader has no bytes yet, so that the SDK can repeat the request.
      }
      connection?.end();
      return undefined;
    },
    pause: () => void (pausedUntilMs = performance.now() + pauseMs),
    close: () => connections?.close(),
  };
}

/** The server rejects the request itself: no missing object, timeout or overload. */
const isDenial = (status: number): boolean =>
  status >= 400 && status < 500 && status !== 404 && status !== 408 && status !== 429;

/** Ends the work after `ms`: each byte of a response head would start the connection's own timeout again. */
async function withDeadline<T>(work: Promise<T>, ms: number, end: () => void): Promise<T> {
  const timer = setTimeout(end, ms);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}

function addressOf({ protocol, hostname, port }: URL): Address {
  const tls = protocol === "https:";
  return { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port || (tls ? 443 : 80)), tls };
}

function requestFor({ host, pathname, search }: URL, range: string | undefined): string {
  const rangeLine = range === undefined ? "" : `Range: bytes=${range}\r\n`;
  return `GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\n${rangeLine}\r\n`;
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
  connection: HttpConnection,
  { firstBytes, sizeBytes, keepAlive }: Body,
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
  readonly status: number;
  /** `undefined` unless the body is unencoded bytes of a known length. */
  readonly body: Body | undefined;
}

interface Body {
  /** The bytes of the body that arrived with the head. */
  readonly firstBytes: Filled | undefined;
  readonly sizeBytes: number;
  readonly keepAlive: boolean;
}

const endOfHead = "\r\n\r\n";
const maxHeadBytes = 32 * 1024;

/** Parses an HTTP/1.1 response head (RFC 9112). `undefined` if it is larger than 32 KiB. */
async function readHead(connection: HttpConnection): Promise<Head | undefined> {
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
    const { status, body } = parseHead(received.toString("latin1", 0, end));
    const bodyBytes = filled.to - from;
    if (body !== undefined && bodyBytes > 0 && bodyBytes <= body.sizeBytes)
      return { status, body: { ...body, firstBytes: { ...filled, from } } };
    filled.buffer.release();
    return { status, body: bodyBytes === 0 ? body : undefined };
  }
}

function parseHead(text: string): Head {
  const [statusLine = "", ...lines] = text.split("\r\n");
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    }),
  );
  const status = Number(/^HTTP\/1\.1 (\d{3})(?: |$)/.exec(statusLine)?.[1]);
  const length = headers.get("content-length");
  const isEncoded = headers.has("transfer-encoding") || headers.has("content-encoding");
  if ((status !== 200 && status !== 206) || isEncoded || !/^\d{1,15}$/.test(length ?? ""))
    return { status, body: undefined };
  const keepAlive = headers.get("connection")?.toLowerCase() !== "close";
  return { status, body: { sizeBytes: Number(length), keepAlive, firstBytes: undefined } };
}
