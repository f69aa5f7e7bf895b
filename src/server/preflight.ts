import { X509Certificate } from "node:crypto";
import { lstat, readFile, unlink } from "node:fs/promises";
import net from "node:net";
import type { ListenAddress } from "../config/addresses.ts";
import type { Config } from "../config/schema.ts";
import { reasonOf } from "../config/problems.ts";
import { readCertificate } from "./certificate.ts";

const parse = (pem: Buffer): X509Certificate => new X509Certificate(pem);

/**
 * Reads the files that settings name: the server's certificate and the certificates that mirrors trust.
 * @throws Error with a message for the user about the first that is not valid
 */
export async function checkFiles({ tls, mirrors }: Pick<Config, "tls" | "mirrors">): Promise<void> {
  if (tls !== undefined) await readCertificate(tls);
  for (const { namespace, tls: trust } of mirrors) {
    if (trust.ca === undefined) continue;
    try {
      parse(await readFile(trust.ca));
    } catch (cause) {
      const what = `tls.ca ${trust.ca} of the mirror ${namespace}`;
      throw new Error(`${what} cannot be used: ${reasonOf(cause)}`, { cause });
    }
  }
}

/**
 * Listens on the addresses for a moment. Without this a server whose address is in use would create its data folder first.
 * @throws Error of node:net about `listen`, or an Error that names `metrics.listen`
 */
export async function checkAddresses({
  listen,
  metrics,
}: Pick<Config, "listen" | "metrics">): Promise<void> {
  const server = await listenOn(listen);
  try {
    // While `listen` is taken: the same address would fail later.
    const health = metrics.listen && (await listenOn(metrics.listen).catch(rejectMetricsListen));
    await closed(health);
  } finally {
    await closed(server);
  }
}

/** An Error for the user that says which of the two addresses of a server cannot be used. */
export function rejectMetricsListen(cause: Error): never {
  throw new Error(`metrics.listen: ${cause.message}`, { cause });
}

/** `undefined` for a Unix socket, which is only removed if no server has it, and for a socket that is already open. */
async function listenOn({ host, port, path, fd }: ListenAddress): Promise<net.Server | undefined> {
  if (fd !== undefined) return undefined;
  if (path !== undefined) {
    await removeStaleSocket(path);
    return undefined;
  }
  const server = net.createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, ...(host === "" ? {} : { host }) }, resolve);
  });
  return server;
}

const closed = (server: net.Server | undefined): Promise<unknown> =>
  new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));

/**
 * Removes the socket that a server has left which was killed. Rejects with EADDRINUSE if a server answers on it, or if the
 * path is another file.
 */
async function removeStaleSocket(path: string): Promise<void> {
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
