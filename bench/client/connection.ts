import { once } from "node:events";
import net, { type OnReadOpts } from "node:net";

export interface Answer {
  readonly status: number;
  /** Returns the value of a header field. The name must be in lower case. */
  readonly header: (name: string) => string | undefined;
  /** Empty if the call has a `sink`. */
  readonly body: Buffer;
  readonly bodyBytes: number;
}

export interface Call {
  readonly method: string;
  /** A path with a query, or an absolute URL from a `Location` header. */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** A body that is sent while it is generated, with Content-Length or else with chunked transfer coding. */
  readonly stream?: { readonly chunks: Iterable<Uint8Array>; readonly sizeBytes?: number };
  /** Receives the response body in pieces. A piece is valid only until the function returns. */
  readonly sink?: (chunk: Uint8Array, offset: number) => void;
}

/** A minimal HTTP/1.1 client: one connection, one request at a time. */
export interface Connection {
  readonly send: (call: Call) => Promise<Answer>;
  readonly close: () => void;
}

const endOfHead = Buffer.from("\r\n\r\n");
/** libuv fills the buffer and passes it on synchronously, so all sockets of this thread share one buffer. */
const arriving = Buffer.allocUnsafeSlow(256 * 1024);

interface Pending {
  readonly call: Call;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

/** Reads the response to one call after another. A connection has at most one call at a time. */
class ResponseReader {
  #held: Buffer = Buffer.alloc(0);
  #head: Head | undefined;
  #parts: Buffer[] = [];
  #received = 0;

  /** Takes bytes of the response. Returns the response when it is complete. */
  read(call: Call, chunk: Buffer): Answer | undefined {
    let rest = chunk;
    if (this.#head === undefined) {
      const whole = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
      const end = whole.indexOf(endOfHead);
      this.#held = end === -1 ? Buffer.from(whole) : Buffer.alloc(0);
      if (end === -1) return undefined;
      this.#head = parseHead(whole.toString("latin1", 0, end), call.method);
      rest = whole.subarray(end + endOfHead.length);
    }
    const { length } = this.#head;
    if (length === "chunked") {
      this.#held = this.#held.length === 0 ? Buffer.from(rest) : Buffer.concat([this.#held, rest]);
      const body = joinChunks(this.#held);
      if (body === undefined) return undefined;
      this.#held = Buffer.alloc(0);
      this.#take(call, body);
      return this.#finish(this.#head);
    }
    if (rest.length > 0) this.#take(call, rest);
    if (this.#received > length) throw new Error("more bytes than the answer's Content-Length");
    return this.#received === length ? this.#finish(this.#head) : undefined;
  }

  #take(call: Call, chunk: Buffer): void {
    if (call.sink) call.sink(chunk, this.#received);
    else this.#parts.push(Buffer.from(chunk));
    this.#received += chunk.length;
  }

  #finish({ status, header }: Head): Answer {
    const parts = this.#parts;
    const body = parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
    const bodyBytes = this.#received;
    [this.#head, this.#parts, this.#received] = [undefined, [], 0];
    return { status, header, body, bodyBytes };
  }
}

/** Rejects if no server listens. `host` is `127.0.0.1:PORT`; every request has the header `authorization`. */
export async function openConnection(host: string, authorization?: string): Promise<Connection> {
  const fields = authorization === undefined ? {} : { Authorization: authorization };
  const [name = "", port = ""] = host.split(":");
  const responses = new ResponseReader();
  let pending: Pending | undefined;

  const read = (chunk: Buffer): void => {
    if (pending === undefined) throw new Error("the server sent bytes without a request");
    const { call, resolve } = pending;
    const answer = responses.read(call, chunk);
    if (answer === undefined) return;
    pending = undefined;
    resolve(answer);
  };
  const fail = (error: Error): void => {
    pending?.reject(error);
    pending = undefined;
  };
  const onread: OnReadOpts = {
    buffer: arriving,
    callback: (length) => {
      try {
        read(arriving.subarray(0, length));
      } catch (error) {
        fail(error as Error);
        socket.destroy();
      }
      return true;
    },
  };
  const socket = net.connect({ host: name, port: Number(port), noDelay: true, onread });
  await once(socket, "connect");
  socket.on("error", fail).on("close", () => fail(new Error("the server closed the connection")));

  const send = (call: Call): Promise<Answer> =>
    new Promise((resolve, reject) => {
      if (socket.destroyed) {
        reject(new Error("the connection is closed"));
        return;
      }
      pending = { call, resolve, reject };
      const text = headOf(host, { ...call, headers: { ...fields, ...call.headers } });
      if (call.stream) {
        socket.write(text, "latin1");
        sendStream(socket, call.stream).catch(fail);
      } else if (call.body) {
        socket.write(Buffer.concat([Buffer.from(text, "latin1"), call.body]));
      } else socket.write(text, "latin1");
    });
  return { send, close: () => socket.destroy() };
}

function headOf(host: string, { method, target, headers = {}, body, stream }: Call): string {
  const path = target.startsWith("http") ? target.slice(target.indexOf("/", 8)) : target;
  let text = `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n`;
  for (const [name, value] of Object.entries(headers)) text += `${name}: ${value}\r\n`;
  if (stream && stream.sizeBytes === undefined) text += "Transfer-Encoding: chunked\r\n";
  else if (method !== "GET" && method !== "HEAD")
    text += `Content-Length: ${stream?.sizeBytes ?? body?.length ?? 0}\r\n`;
  return `${text}\r\n`;
}

async function sendStream(socket: net.Socket, stream: NonNullable<Call["stream"]>): Promise<void> {
  const chunked = stream.sizeBytes === undefined;
  for (const chunk of stream.chunks) {
    if (socket.destroyed) return;
    socket.cork();
    if (chunked) socket.write(`${chunk.length.toString(16)}\r\n`);
    socket.write(chunk);
    if (chunked) socket.write("\r\n");
    socket.uncork();
    if (socket.writableNeedDrain) await once(socket, "drain");
  }
  if (chunked) socket.write("0\r\n\r\n");
}

interface Head {
  readonly status: number;
  readonly length: number | "chunked";
  readonly header: (name: string) => string | undefined;
}

function parseHead(text: string, method: string): Head {
  const status = Number(text.slice(9, 12));
  let lower: string | undefined;
  const header = (name: string): string | undefined => {
    lower ??= text.toLowerCase();
    const start = lower.indexOf(`\r\n${name}:`);
    if (start === -1) return undefined;
    const end = text.indexOf("\r\n", start + 2);
    return text.slice(start + name.length + 3, end === -1 ? undefined : end).trim();
  };
  if (method === "HEAD" || status === 204 || status === 304) return { status, length: 0, header };
  const chunked = header("transfer-encoding") === "chunked";
  return { status, length: chunked ? "chunked" : Number(header("content-length") ?? 0), header };
}

/** Decodes a body with chunked transfer coding. Returns undefined until the last byte has arrived. */
function joinChunks(text: Buffer): Buffer | undefined {
  const parts: Buffer[] = [];
  for (let at = 0; ;) {
    const end = text.indexOf("\r\n", at);
    if (end === -1) return undefined;
    const size = Number.parseInt(text.toString("latin1", at, end), 16);
    const next = end + 2 + size + 2;
    if (text.length < next) return undefined;
    if (size === 0) return Buffer.concat(parts);
    parts.push(text.subarray(end + 2, end + 2 + size));
    at = next;
  }
}
