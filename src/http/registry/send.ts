import type { ServerResponse } from "node:http";
import type { Context } from "koa";

/** Sends a response without a body. */
export function sendNothing(ctx: Context, status: number): void {
  ctx.body = null;
  ctx.status = status;
}

/**
 * Writes borrowed buffers to a response, one chunk at a time. It requests the next chunk after the kernel has accepted
 * the last one: then the source may reuse the buffer, and a slow reader costs a socket but no memory.
 * Rejects if the source fails or the client disconnects; the caller then destroys the connection.
 */
export async function writeBytes(
  response: ServerResponse,
  bytes: AsyncIterable<Uint8Array>,
): Promise<void> {
  let fail: ((error: Error) => void) | undefined;
  const onClose = (): void => fail?.(gone());
  response.once("close", onClose);
  try {
    for await (const chunk of bytes) {
      if (response.destroyed) throw gone();
      await new Promise<void>((resolve, reject) => {
        fail = reject;
        response.write(chunk, (error) => (error ? reject(error) : resolve()));
      });
    }
  } finally {
    response.off("close", onClose);
  }
}

function gone(): Error {
  return Object.assign(new Error("the client went away"), { code: "ECONNRESET" });
}
