import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import net from "node:net";
import type { Config } from "../config/schema.ts";
import { removeStaleSocket } from "./unix-socket.ts";
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
 * Listens on the address for a moment. Without this a server whose address is in use would create its data folder first.
 * @throws Error of node:net
 */
export async function checkAddress({ host, port, path, fd }: Config["listen"]): Promise<void> {
  if (fd !== undefined) return;
  if (path !== undefined) return await removeStaleSocket(path);
  const server = net.createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, ...(host === "" ? {} : { host }) }, resolve);
  });
  await new Promise((resolve) => server.close(resolve));
}
