import { connect, type Socket } from "node:net";
import type { Filled, ReadBuffer, ReadBuffers } from "../shared-read/buffers.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** If a buffer has less free space than this, the next read uses a new buffer. */
const minReadBytes = 64 * 1024;

/**
 * A connection without TLS, which reads into reusable buffers. Node's HTTP client allocates a new buffer for every
 * 64 KiB, and garbage collection takes a third of the time of a large read. A socket with TLS cannot read into reusable
 * buffers.
 */
export class PlainConnection {
  readonly #socket: Socket;
  readonly #buffers: ReadBuffers;
  readonly #idleMs: number;
  #filling: ReadBuffer;
  #filledBytes = 0;
  #ready: Filled | undefined;
  /** The call of `next` that waits for bytes. */
  #waiting:
    | { readonly resolve: (filled: Filled) => void; readonly reject: (error: Error) => void }
    | undefined;
  #failure: Error | undefined;

  constructor(address: Address, buffers: ReadBuffers, idleMs: number) {
    this.#buffers = buffers;
    this.#idleMs = idleMs;
    this.#filling = buffers.take();
    this.#socket = connect({
      ...address,
      noDelay: true,
      onread: {
        // Node calls this after each read, for the next read.
        buffer: () => this.#filling.bytes.subarray(this.#filledBytes),
        callback: (bytes) => this.#onRead(bytes),
      },
    });
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
    if (this.#ready !== undefined) {
      const filled = this.#ready;
      this.#ready = undefined;
      this.#socket.resume();
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
    return this.#failure === undefined && this.#ready === undefined && !this.#socket.destroyed;
  }

  end(): void {
    this.#socket.destroy();
    this.#ready?.buffer.release();
    this.#ready = undefined;
  }

  /** Returns whether the socket continues to read. */
  #onRead(bytes: number): boolean {
    const filled = this.#takeRead(bytes);
    if (this.#waiting === undefined) {
      this.#ready = filled;
      return false;
    }
    this.#waiting.resolve(filled);
    this.#waiting = undefined;
    return true;
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

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#waiting?.reject(this.#failure);
    this.#waiting = undefined;
  }
}

function connectionError(code: string, message: string): Error {
  const error = Object.assign(new Error(message), { code });
  if (code === "ETIMEDOUT") error.name = "TimeoutError";
  return error;
}

const idleConnectionsAtMost = 16;
/**
 * Servers close connections that are idle for longer. After a request on a closed connection, the SDK repeats the
 * request.
 */
const idleConnectionMs = 3_000;

/** The idle connections to one server. */
export class ConnectionPool {
  readonly #open: () => PlainConnection;
  readonly #idle: { readonly connection: PlainConnection; readonly timer: NodeJS.Timeout }[] = [];

  /** @param open opens a new connection */
  constructor(open: () => PlainConnection) {
    this.#open = open;
  }

  /** Returns the connection that was used last, or a new one. */
  take(): PlainConnection {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      clearTimeout(idle.timer);
      if (idle.connection.isOpen) return idle.connection;
      idle.connection.end();
    }
    return this.#open();
  }

  /** Keeps a connection whose last response was read to its end. */
  giveBack(connection: PlainConnection): void {
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
