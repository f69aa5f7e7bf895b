import type { IncomingMessage, ServerResponse } from "node:http";

/** Calls the listener when the response has ended or its client is gone; at once if that was before. */
export function whenClosed(response: ServerResponse, listener: () => void): void {
  if (response.destroyed) listener();
  else response.once("close", listener);
}

/** Bytes that a client which is still sending brings in this time, or the connection ends. */
const leastBytes = 64 * 1024;
const everyMs = 1000;
/** The longest time that the rest of a body is read and dropped. */
const atMostMs = 30_000;

/**
 * Ends a response whose request has perhaps not arrived as a whole: the body is not wanted. What is here already is
 * dropped, and if that was all, the connection stays usable. Otherwise the answer goes out at once with `Connection:
 * close`, and what the client still sends is read and dropped for a while (RFC 9112, 9.6), since a reset would take the
 * answer from a client that has not read it yet. A client that sends slowly, or for long, is cut off.
 * @param body with status and headers set before, `Content-Length` among them
 */
export async function endBeforeBody(
  request: IncomingMessage,
  response: ServerResponse,
  body: string,
): Promise<void> {
  const { socket } = request;
  // Without a listener a client that goes away would end the process.
  request.on("error", () => undefined);
  request.resume();
  // The parser gets what the system has read in this turn of the event loop and in the next.
  for (let turn = 0; turn < 2 && !request.complete; turn += 1)
    await new Promise((resolve) => setImmediate(resolve));
  if (response.destroyed) return;
  if (request.complete) {
    response.end(body);
    return;
  }
  if (!response.headersSent) response.setHeader("Connection", "close");
  // Not its end, with which Node closes the connection.
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
