import { lstat, unlink } from "node:fs/promises";
import net from "node:net";

/**
 * Removes the socket that a server has left which was killed. Rejects with EADDRINUSE if a server answers on it, or if the
 * path is another file.
 */
export async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (found === undefined) return;
  if (!found.isSocket() || (await answers(path)))
    throw Object.assign(new Error(`${path} is in use`), { code: "EADDRINUSE", syscall: "listen" });
  await unlink(path);
}

/** Whether a process accepts connections on the socket. */
async function answers(path: string): Promise<boolean> {
  const socket = net.connect({ path });
  try {
    return await new Promise<boolean>((resolve, reject) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", (error: NodeJS.ErrnoException) => {
        if (error.code === "ECONNREFUSED" || error.code === "ENOENT") resolve(false);
        else reject(error);
      });
    });
  } finally {
    socket.destroy();
  }
}
