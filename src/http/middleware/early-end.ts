import type { IncomingMessage, ServerResponse } from "node:http";

/**
 * Calls the listener when the response has ended or the client has disconnected; immediately if the response is already
 * destroyed.
 */
export function whenClosed(response: ServerResponse, listener: () => void): void {
  if (response.destroyed) listener();
  else response.once("close", listener);
}

/** A client that sends less than this in `everyMs` is disconnected. */
const leastBytes = 64 * 1024;
const everyMs = 1000;
/** Maximum time for reading and discarding the rest of a body. */
const atMostMs = 30_000;

/**
 * Ends a response before the request body has arrived completely; the body is discarded. If the rest of the body has
 * arrived already, the connection stays usable.
 * Otherwise the response is sent at once with `Connection: close`, and the server reads and discards the rest of the
 * body for at most 30 s (RFC 9112, 9.6): after a reset, the client could lose the response before it reads it. A client
 * that sends less than 64 KiB/s is disconnected earlier.
 * @param body the response body; the status and the headers, including `Content-Length`, are already set
 */
export async function endBeforeBody(
  request: IncomingMessage,
  response: ServerResponse,
  body: string,
): Promise<void> {
  const { socket } = request;
  // If the client disconnects, the request emits an error event, which would end the process without a listener.
  request.on("error", () => undefined);
  request.resume();
  // The HTTP parser receives the bytes that the kernel holds in this iteration of the event loop and in the next one.
  for (let turn = 0; turn < 2 && !request.complete; turn += 1)
    await new Promise((resolve) => setImmediate(resolve));
  if (response.destroyed) return;
  if (request.complete) {
    response.end(body);
    return;
  }
  if (!response.headersSent) response.setHeader("Connection", "close");
  // Do not end the response yet: Node closes the connection at its end.
  response.flushHeaders();
  response.write(body);
  await new Promise<void>((resolve) => {
    const untilMs = performance.now() + atMostMs;
    let read = socket.bytesRead;
    const timer = setInterval(() => {
      const arrived = socket.bytesRead - read;
      read = socket.bytesRead;
      if (arrived < leastBytes || performance.now() > untilMs) stop();
    }, everyMs);
    const stop = (): void => {
      clearInterval(timer);
      resolve();
    };
    request.once("end", stop);
    request.once("close", stop);
  });
  response.end();
}
