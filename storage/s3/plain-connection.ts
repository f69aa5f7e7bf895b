import { connect } from "node:net";

/** A connection whose bytes come into two buffers of its own, again and again. */
export interface PlainConnection {
  write(text: string): void;
  /**
   * What came next, lent until the next call: while it is with the caller, the other buffer is being filled, and then
   * nothing more is read. Rejects when the connection ends, or when nothing comes for `idleMs`.
   */
  next(): Promise<Uint8Array>;
  readonly isOpen: () => boolean;
  end(): void;
}

/**
 * Node's HTTP client makes a new buffer for every 64 KiB, and collecting them takes a third of the time that a large
 * read takes. Sockets without TLS can be read into buffers that stay.
 */
export function openPlainConnection(
  place: { readonly host: string; readonly port: number },
  bufferBytes: number,
  idleMs: number,
): PlainConnection {
  const buffers = [
    Buffer.allocUnsafeSlow(bufferBytes),
    Buffer.allocUnsafeSlow(bufferBytes),
  ] as const;
  let filling: 0 | 1 = 0;
  let ready: Uint8Array | undefined;
  let taker:
    | { readonly give: (chunk: Uint8Array) => void; readonly fail: (error: Error) => void }
    | undefined;
  let failure: Error | undefined;

  const fail = (error: Error): void => {
    failure ??= error;
    taker?.fail(failure);
    taker = undefined;
  };
  const socket = connect({
    ...place,
    noDelay: true,
    onread: {
      buffer: () => buffers[filling],
      callback(bytes, buffer) {
        const chunk = buffer.subarray(0, bytes);
        filling = filling === 0 ? 1 : 0;
        if (taker !== undefined) {
          taker.give(chunk);
          taker = undefined;
          return true;
        }
        ready = chunk;
        return false;
      },
    },
  });
  // Flowing, so that its end is noticed while it rests.
  socket.resume();
  socket.on("error", fail);
  socket.on("close", () => fail(connectionError("ECONNRESET", "the connection was closed")));

  return {
    write: (text) => void socket.write(text),
    next() {
      if (ready !== undefined) {
        const chunk = ready;
        ready = undefined;
        socket.resume();
        return Promise.resolve(chunk);
      }
      if (failure !== undefined) return Promise.reject(failure);
      return new Promise((resolve, reject) => {
        // Only while somebody waits: a slow reader is no dead server.
        const timer = setTimeout(() => {
          fail(connectionError("ETIMEDOUT", `nothing came for ${idleMs} ms`));
          socket.destroy();
        }, idleMs);
        taker = {
          give(chunk) {
            clearTimeout(timer);
            resolve(chunk);
          },
          fail(error) {
            clearTimeout(timer);
            reject(error);
          },
        };
      });
    },
    isOpen: () => failure === undefined && ready === undefined && !socket.destroyed,
    end: () => void socket.destroy(),
  };
}

function connectionError(code: string, message: string): Error {
  const error = Object.assign(new Error(message), { code });
  if (code === "ETIMEDOUT") error.name = "TimeoutError";
  return error;
}
