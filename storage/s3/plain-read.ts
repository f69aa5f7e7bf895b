import type { LentBytes } from "../blob-store.ts";
import { failureOf, S3Failure } from "./failure.ts";
import { openPlainConnection, type PlainConnection } from "./plain-connection.ts";

export interface PlainObject {
  /** Of the part that was asked for. */
  readonly sizeBytes: number;
  readonly bytes: LentBytes;
}

export interface PlainReader {
  /**
   * Reads what a signed URL stands for. `undefined` if the answer is anything but the bytes, or does not come: then the
   * SDK asks again, which knows every error there is.
   */
  open(url: string, what: string, range?: string): Promise<PlainObject | undefined>;
  close(): void;
}

/** More readers than this get small buffers. */
const fewReaders = 64;
const [largeBytes, smallBytes] = [256 * 1024, 64 * 1024];
const idleConnections = 8;
/** Servers close what rests for longer, and what is closed under us is asked twice. */
const restMs = 3_000;
const longestHead = 32 * 1024;

/** Reads from S3 without TLS, into buffers that are used again; see `plain-connection.ts`. */
export function createPlainReader(endpoint: string, idleMs: number): PlainReader {
  const { hostname, port } = new URL(endpoint);
  const place = { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port || 80) };
  const resting: { readonly connection: PlainConnection; readonly timer: NodeJS.Timeout }[] = [];
  let readers = 0;

  const take = (): PlainConnection => {
    for (let rest = resting.pop(); rest !== undefined; rest = resting.pop()) {
      clearTimeout(rest.timer);
      if (rest.connection.isOpen()) return rest.connection;
      rest.connection.end();
    }
    return openPlainConnection(place, readers <= fewReaders ? largeBytes : smallBytes, idleMs);
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

  async function* body(
    connection: PlainConnection,
    { first, sizeBytes, keepAlive }: Head,
    what: string,
  ): LentBytes {
    let left = sizeBytes - first.length;
    let whole = false;
    try {
      if (first.length > 0) yield first;
      while (left > 0) {
        const chunk = await connection.next();
        left -= chunk.length;
        if (left < 0) throw new S3Failure(what, "TooMuch", "more bytes came than were announced");
        yield chunk;
      }
      whole = true;
    } catch (error) {
      throw error instanceof S3Failure ? error : failureOf(what, error);
    } finally {
      readers -= 1;
      if (whole && keepAlive) giveBack(connection);
      else connection.end();
    }
  }

  return {
    async open(url, what, range) {
      const { host, pathname, search } = new URL(url);
      readers += 1;
      const connection = take();
      try {
        const rangeLine = range === undefined ? "" : `Range: bytes=${range}\r\n`;
        connection.write(`GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\n${rangeLine}\r\n`);
        const head = await readHead(connection);
        if (head !== undefined && head.first.length <= head.sizeBytes)
          return { sizeBytes: head.sizeBytes, bytes: body(connection, head, what) };
      } catch {
        // Nothing has been given to anybody yet.
      }
      readers -= 1;
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
  /** What came of the body with the head. */
  readonly first: Uint8Array;
  readonly sizeBytes: number;
  readonly keepAlive: boolean;
}

/** RFC 9112. `undefined` for every answer but plain bytes of a known length. */
async function readHead(connection: PlainConnection): Promise<Head | undefined> {
  let received: Buffer = Buffer.alloc(0);
  for (;;) {
    const chunk = await connection.next();
    // Mostly the head comes whole, and with it what need not be copied.
    const before = received.length;
    received =
      before === 0
        ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
        : Buffer.concat([received, chunk]);
    const end = received.indexOf("\r\n\r\n");
    if (end < 0) {
      if (received.length > longestHead) return undefined;
      received = Buffer.from(received);
      continue;
    }
    const [status = "", ...lines] = received.toString("latin1", 0, end).split("\r\n");
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
    return { first: received.subarray(end + 4), sizeBytes: Number(length), keepAlive };
  }
}
