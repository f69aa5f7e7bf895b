import { failureOf, S3Failure } from "./failure.ts";
import type { Source } from "../shared-read/shared-read.ts";
import { openPlainConnection, type PlainConnection } from "./plain-connection.ts";
import { bytesOf, createReadBuffers, type Filled } from "../shared-read/buffers.ts";

export interface PlainReader {
  /**
   * Reads the object of a signed URL. `undefined` if the response is not the bytes or does not arrive: the caller then
   * repeats the request through the SDK, which reports every error.
   */
  open(url: string, what: string, range?: string): Promise<Source | undefined>;
  close(): void;
}

const idleConnections = 16;
/**
 * Servers close connections that are idle for longer. After a request on a closed connection, the SDK repeats the
 * request.
 */
const restMs = 3_000;
const longestHead = 32 * 1024;

/** Reads from S3 without TLS, into reusable buffers; see `plain-connection.ts`. */
export function createPlainReader(endpoint: string, idleMs: number): PlainReader {
  const { hostname, port } = new URL(endpoint);
  const place = { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port || 80) };
  const resting: { readonly connection: PlainConnection; readonly timer: NodeJS.Timeout }[] = [];
  const buffers = createReadBuffers();

  const take = (): PlainConnection => {
    for (let rest = resting.pop(); rest !== undefined; rest = resting.pop()) {
      clearTimeout(rest.timer);
      if (rest.connection.isOpen()) return rest.connection;
      rest.connection.end();
    }
    return openPlainConnection(place, buffers, idleMs);
  };
  const giveBack = (connection: PlainConnection): void => {
    if (!connection.isOpen() || resting.length >= idleConnections) return connection.end();
    const timer = setTimeout(() => {
      resting.splice(
        resting.findIndex((rest) => rest.connection === connection),
        1,
      );
      connection.end();
    }, restMs).unref();
    resting.push({ connection, timer });
  };

  const sourceOf = (
    connection: PlainConnection,
    { first, sizeBytes, keepAlive }: Head,
    what: string,
  ): Source => {
    let begun = first;
    let left = sizeBytes;
    let isOurs = true;
    const arrived = async (): Promise<Filled> => {
      const filled = begun ?? (await connection.next());
      begun = undefined;
      left -= filled.to - filled.from;
      if (left >= 0) return filled;
      filled.buffer.release();
      throw new S3Failure(what, "TooMuch", "more bytes came than were announced");
    };
    const letGo = (isWhole: boolean): void => {
      if (!isOurs) return;
      isOurs = false;
      if (isWhole && keepAlive) giveBack(connection);
      else connection.end();
    };
    return {
      sizeBytes,
      async next() {
        try {
          const filled = await arrived();
          if (left === 0) letGo(true);
          return filled;
        } catch (error) {
          letGo(false);
          throw error instanceof S3Failure ? error : failureOf(what, error);
        }
      },
      end() {
        begun?.buffer.release();
        begun = undefined;
        letGo(sizeBytes === 0);
      },
    };
  };

  return {
    async open(url, what, range) {
      const { host, pathname, search } = new URL(url);
      const connection = take();
      try {
        const rangeLine = range === undefined ? "" : `Range: bytes=${range}\r\n`;
        connection.write(`GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\n${rangeLine}\r\n`);
        const head = await readHead(connection);
        if (head !== undefined) return sourceOf(connection, head, what);
      } catch {
        // The reader has no bytes yet, so that the SDK can repeat the request.
      }
      connection.end();
      return undefined;
    },
    close() {
      for (const { connection, timer } of resting.splice(0)) {
        clearTimeout(timer);
        connection.end();
      }
    },
  };
}

interface Head {
  /** The bytes of the body that arrived with the head. */
  readonly first: Filled | undefined;
  readonly sizeBytes: number;
  readonly keepAlive: boolean;
}

const endOfHead = "\r\n\r\n";

/** Parses an HTTP/1.1 response head (RFC 9112). `undefined` unless the body is unencoded bytes of a known length. */
async function readHead(connection: PlainConnection): Promise<Head | undefined> {
  let received: Buffer = Buffer.alloc(0);
  for (;;) {
    const filled = await connection.next();
    const before = received.length;
    received = Buffer.concat([received, bytesOf(filled).subarray(0, longestHead)]);
    const end = received.indexOf(endOfHead);
    if (end < 0) {
      filled.buffer.release();
      if (received.length >= longestHead) return undefined;
      continue;
    }
    const from = filled.from + end + endOfHead.length - before;
    const head = parseHead(received.toString("latin1", 0, end));
    const bodyBytes = filled.to - from;
    if (head !== undefined && bodyBytes > 0 && bodyBytes <= head.sizeBytes)
      return { ...head, first: { ...filled, from } };
    filled.buffer.release();
    return head && bodyBytes === 0 ? { ...head, first: undefined } : undefined;
  }
}

function parseHead(text: string): Omit<Head, "first"> | undefined {
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
