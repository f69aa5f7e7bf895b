import { connect, isIP, type OnReadOpts, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Filled, ReadBuffer, ReadBuffers } from "../shared-read/buffers.ts";
import { connectionTimeoutMs } from "./bucket.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
}

/** The last TLS session with the server, so that the next connection needs no full handshake. */
export interface TlsSession {
  last?: Buffer;
}

/** If a buffer has less free space than this, the next read uses a new buffer. A TLS record has at most 16 KiB. */
const minReadBytes = 64 * 1024;

/**
 * A connection that reads into reusable buffers, with or without TLS. The SDK reads through Node's HTTP client, which
 * allocates a buffer for every 64 KiB, and with TLS hands over each record of at most 16 KiB alone. This connection
 * merges what arrives in one turn of the event loop. A large blob costs the server a fifth of the CPU that it costs with
 * the SDK over https, and less than half over http: bench/README.md has the figures.
 */
export class HttpConnection {
  readonly #socket: Socket;
  readonly #buffers: ReadBuffers;
  readonly #idleMs: number;
  #filling: ReadBuffer;
  #filledBytes = 0;
  /** The bytes that `next` has not returned yet. Adjacent bytes of one buffer are merged. */
  readonly #received: Filled[] = [];
  /** Resolves `#waiting` at the end of this turn of the event loop. */
  #delivery: NodeJS.Immediate | undefined;
  /** The call of `next` that waits for bytes. */
  #waiting:
    | { readonly resolve: (filled: Filled) => void; readonly reject: (error: Error) => void }
    | undefined;
  #failure: Error | undefined;

  constructor(address: Address, buffers: ReadBuffers, idleMs: number, session: TlsSession = {}) {
    this.#buffers = buffers;
    this.#idleMs = idleMs;
    this.#filling = buffers.take();
    const onread = {
      // Node calls this after each read, for the next read.
      buffer: () => this.#filling.bytes.subarray(this.#filledBytes),
      callback: (bytes: number) => this.#onRead(bytes),
    };
    this.#socket = openSocket(address, onread, session);
    // Keep the socket flowing, so that the process notices when the server closes an idle connection.
    this.#socket.resume();
    this.#socket.on("error", (error) => this.#fail(error));
    // Release the buffer only here: the kernel may write into it until the socket is closed.
    this.#socket.on("close", () => {
      this.#fail(connectionError("ECONNRESET", "the connection was closed"));
      this.#filling.release();
    });
  }

  write(text: string): void {
    this.#socket.write(text);
  }

  /**
   * The next bytes. While the caller holds them, the connection reads at most once more and then pauses. Rejects when
   * the connection ends, or when no byte arrives for `idleMs`.
   */
  next(): Promise<Filled> {
    const filled = this.#received.shift();
    if (filled !== undefined) {
      if (this.#received.length === 0) this.#socket.resume();
      return Promise.resolve(filled);
    }
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      // The timeout runs only while a caller waits: a slow reader does not mean that the server is dead.
      const timer = setTimeout(() => {
        this.#fail(connectionError("ETIMEDOUT", `no byte arrived for ${this.#idleMs} ms`));
        this.#socket.destroy();
      }, this.#idleMs);
      this.#waiting = {
        resolve(filled) {
          clearTimeout(timer);
          resolve(filled);
        },
        reject(error) {
          clearTimeout(timer);
          reject(error);
        },
      };
    });
  }

  get isOpen(): boolean {
    return this.#failure === undefined && this.#received.length === 0 && !this.#socket.destroyed;
  }

  end(): void {
    this.#socket.destroy();
    for (const { buffer } of this.#received.splice(0)) buffer.release();
  }

  /**
   * Returns whether the socket continues to read. With TLS, Node calls this for the other records that it has decrypted
   * even after `false`.
   */
  #onRead(bytes: number): boolean {
    this.#append(this.#takeRead(bytes));
    if (this.#waiting === undefined) return false;
    this.#delivery ??= setImmediate(() => this.#deliver());
    return this.#received.length === 1;
  }

  /** The bytes of the last read. The next read fills the rest of the buffer, or a new one. */
  #takeRead(bytes: number): Filled {
    const from = this.#filledBytes;
    const filled = { buffer: this.#filling, from, to: from + bytes };
    this.#filledBytes = filled.to;
    if (this.#filling.bytes.length - this.#filledBytes < minReadBytes) {
      this.#filling = this.#buffers.take();
      this.#filledBytes = 0;
    } else this.#filling.keep();
    return filled;
  }

  #append(filled: Filled): void {
    const last = this.#received.at(-1);
    if (last?.buffer === filled.buffer && last.to === filled.from) {
      this.#received[this.#received.length - 1] = { ...last, to: filled.to };
      filled.buffer.release();
    } else this.#received.push(filled);
  }

  #deliver(): void {
    clearImmediate(this.#delivery);
    this.#delivery = undefined;
    if (this.#waiting === undefined) return;
    const filled = this.#received.shift();
    if (filled === undefined) return;
    this.#waiting.resolve(filled);
    this.#waiting = undefined;
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    // The last bytes may have arrived in the same turn as the end of the connection.
    this.#deliver();
    this.#waiting?.reject(this.#failure);
    this.#waiting = undefined;
  }
}

/** Opens a socket that checks the server's certificate as Node's HTTPS client does. */
function openSocket({ host, port, tls }: Address, onread: OnReadOpts, session: TlsSession): Socket {
  const options = { host, port, noDelay: true, onread };
  const socket = tls
    ? connectTls({
        ...options,
        ALPNProtocols: ["http/1.1"],
        session: session.last,
        ...(!isIP(host) && { servername: host }),
      })
    : connect(options);
  socket.on("session", (last: Buffer) => (session.last = last));
  // A signed URL is a secret: it is sent only after the certificate is accepted.
  socket.cork();
  socket.setTimeout(connectionTimeoutMs, () =>
    socket.destroy(connectionError("ETIMEDOUT", "no connection")),
  );
  socket.once(tls ? "secureConnect" : "connect", () => {
    socket.setTimeout(0);
    socket.uncork();
  });
  return socket;
}

function connectionError(code: string, message: string): Error {
  const error = Object.assign(new Error(message), { code });
  if (code === "ETIMEDOUT") error.name = "TimeoutError";
  return error;
}

const idleConnectionsAtMost = 16;
/**
 * A new connection with TLS costs two round trips. Some servers close an idle connection earlier: if a request meets
 * that, the SDK repeats it.
 */
const idleConnectionMs = 10_000;

/** The idle connections to one server. */
export class ConnectionPool {
  readonly #open: () => HttpConnection;
  readonly #idle: { readonly connection: HttpConnection; readonly timer: NodeJS.Timeout }[] = [];

  /** @param open opens a new connection */
  constructor(open: () => HttpConnection) {
    this.#open = open;
  }

  /** Returns the connection that was used last, or a new one. */
  take(): HttpConnection {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      clearTimeout(idle.timer);
      if (idle.connection.isOpen) return idle.connection;
      idle.connection.end();
    }
    return this.#open();
  }

  /** Keeps a connection whose last response was read to its end. */
  giveBack(connection: HttpConnection): void {
    if (!connection.isOpen || this.#idle.length >= idleConnectionsAtMost) return connection.end();
    const timer = setTimeout(() => {
      const at = this.#idle.findIndex((idle) => idle.connection === connection);
      this.#idle.splice(at, 1);
      connection.end();
    }, idleConnectionMs).unref();
    this.#idle.push({ connection, timer });
  }

  close(): void {
    for (const { connection, timer } of this.#idle.splice(0)) {
      clearTimeout(timer);
      connection.end();
    }
  }
}
