import { connect } from "node:net";
import type { Filled, ReadBuffers } from "../shared-read/buffers.ts";

/** A connection whose bytes come into buffers that are used again. */
export interface PlainConnection {
  write(text: string): void;
  /**
   * What came next. While it is with the caller one more read is made, and then nothing more is read. Rejects when the
   * connection ends, or when nothing comes for `idleMs`.
   */
  next(): Promise<Filled>;
  readonly isOpen: () => boolean;
  end(): void;
}

/** With less room than this the rest of a buffer is left empty. */
const leastRead = 64 * 1024;

/**
 * Node's HTTP client makes a new buffer for every 64 KiB, and collecting them takes a third of the time that a large
 * read takes. Sockets without TLS can be read into buffers that stay.
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
  /** What was read, after which the rest of the buffer, or another one, is being filled. */
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
      // Asked for after each read, for the next one.
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
  // Flowing, so that its end is noticed while it rests.
  socket.resume();
  socket.on("error", fail);
  // Not before: until it is closed, the kernel may still write there.
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
        // Only while somebody waits: a slow reader is no dead server.
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
