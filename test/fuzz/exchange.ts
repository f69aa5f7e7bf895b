import { connect } from "node:net";

export interface Answer {
  readonly status: number;
  /** Names in lower case. If a name occurs several times, the last value counts. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/** The bytes for a connection. */
export interface Message {
  readonly bytes: readonly Buffer[];
  /** The request is complete and must be answered. Otherwise the client closes the connection after 150 ms. */
  readonly isWhole: boolean;
}

const answerWithinMs = 20_000;
const cutAfterMs = 150;

/**
 * Writes the bytes unchanged from the given loopback address. Resolves with the answer, or with `undefined` if none or
 * no valid HTTP response arrived. Rejects if a complete request is not answered within 20 s.
 */
export function exchange(
  port: number,
  localAddress: string,
  { bytes, isWhole }: Message,
): Promise<Answer | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", localAddress });
    const received: Buffer[] = [];
    let isLate = false;
    const timer = setTimeout(
      () => {
        isLate = isWhole;
        socket.destroy();
      },
      isWhole ? answerWithinMs : cutAfterMs,
    );
    socket.on("data", (piece) => received.push(piece));
    socket.on("error", () => undefined);
    socket.on("end", () => socket.destroy());
    socket.on("close", () => {
      clearTimeout(timer);
      if (isLate) reject(new Error("no answer within 20 s"));
      else resolve(parseAnswer(Buffer.concat(received)));
    });
    for (const piece of bytes) socket.write(piece);
  });
}

/** Parses the first final response and skips interim responses such as `100 Continue`. */
export function parseAnswer(bytes: Buffer): Answer | undefined {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const [first = "", ...lines] = bytes.subarray(0, end).toString("latin1").split("\r\n");
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1]);
  if (Number.isNaN(status)) return undefined;
  const rest = bytes.subarray(end + 4);
  if (status < 200) return parseAnswer(rest);
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const length = headers.get("content-length");
  const isChunked = headers.get("transfer-encoding") === "chunked";
  const body = isChunked
    ? dechunk(rest)
    : rest.subarray(0, length === undefined ? rest.length : Number(length));
  return { status, headers, body };
}

function dechunk(bytes: Buffer): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const line = bytes.indexOf("\r\n", at);
    if (line < 0) break;
    const size = Number.parseInt(bytes.subarray(at, line).toString("latin1"), 16);
    if (!(size > 0)) break;
    pieces.push(bytes.subarray(line + 2, line + 2 + size));
    at = line + 2 + size + 2;
  }
  return Buffer.concat(pieces);
}
