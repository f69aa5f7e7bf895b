import { connect } from "node:net";
import type { Filled, ReadBuffers } from "../shared-read/buffers.ts";

/** A connection that reads into reusable buffers. */
export interface PlainConnection {
  write(text: string): void;
  /**
   * The next bytes. While the caller holds them, the connection reads at most once more and then pauses. Rejects when
   * the connection ends, or when no byte arrives for `idleMs`.
   */
  next(): Promise<Filled>;
  readonly isOpen: () => boolean;
  end(): void;
}

/** If a buffer has less free space than this, the next read uses a new buffer. */
const leastRead = 64 * 1024;

/**
 * Opens a connection without TLS. Node's HTTP client allocates a new buffer for every 64 KiB, and garbage collection
 * takes a third of the time of a large read. A socket without TLS can read into reusable buffers.
 */
export function openPlainConnection(
  place: { readonly host: string; readonly port: number },
  buffers: ReadBuffers,
  idleMs: number,
): PlainConnection {
  let filling = buffers.take();
  let filledBytes = 0;
  let ready: Filled | undefined;
  let taker:
    | { readonly give: (filled: Filled) => void; readonly fail: (error: Error) => void }
    | undefined;
  let failure: Error | undefined;

  const fail = (error: Error): void => {
    failure ??= error;
    taker?.fail(failure);
    taker = undefined;
  };
  /** The bytes of the last read. The next read fills the rest of the buffer, or a new one. */
  const takeRead = (bytes: number): Filled => {
    const filled = { buffer: filling, from: filledBytes, to: filledBytes + bytes };
    filledBytes = filled.to;
    if (filling.bytes.length - filledBytes < leastRead) {
      filling = buffers.take();
      filledBytes = 0;
    } else filling.keep();
    return filled;
  };
  const socket = connect({
    ...place,
    noDelay: true,
    onread: {
      // Node calls this after each read, for the next read.
      buffer: () => filling.bytes.subarray(filledBytes),
      callback(bytes) {
        const filled = takeRead(bytes);
        if (taker !== undefined) {
          taker.give(filled);
          taker = undefined;
          return true;
        }
        ready = filled;
        return false;
      },
    },
  });
  // Keep the socket flowing, so that the process notices when the server closes an idle connection.
  socket.resume();
  socket.on("error", fail);
  // Release the buffer only here: the kernel may write into it until the socket is closed.
  socket.on("close", () => {
    fail(connectionError("ECONNRESET", "the connection was closed"));
    filling.release();
  });

  return {
    write: (text) => void socket.write(text),
    next() {
      if (ready !== undefined) {
        const filled = ready;
        ready = undefined;
        socket.resume();
        return Promise.resolve(filled);
      }
      if (failure !== undefined) return Promise.reject(failure);
      return new Promise((resolve, reject) => {
        // The timeout runs only while a caller waits: a slow reader does not mean that the server is dead.
        const timer = setTimeout(() => {
          fail(connectionError("ETIMEDOUT", `nothing came for ${idleMs} ms`));
          socket.destroy();
        }, idleMs);
        taker = {
          give(filled) {
            clearTimeout(timer);
            resolve(filled);
          },
          fail(error) {
            clearTimeout(timer);
            reject(error);
          },
        };
      });
    },
    isOpen: () => failure === undefined && ready === undefined && !socket.destroyed,
    end() {
      socket.destroy();
      ready?.buffer.release();
      ready = undefined;
    },
  };
}

function connectionError(code: string, message: string): Error {
  const error = Object.assign(new Error(message), { code });
  if (code === "ETIMEDOUT") error.name = "TimeoutError";
  return error;
}
