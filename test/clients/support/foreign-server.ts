import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { atEnd } from "./scratch.ts";

export type ForeignServer = {
  /** The base of the `urls` of the Windows base layers. */
  url: string;
  /** The user agents of all requests. */
  askedBy: string[];
  offer(name: string, bytes: Uint8Array): void;
  /** Removes all layers from the server. */
  empty(): void;
  /** Closes the server. */
  stop(): void;
};

/** The host that the `urls` of foreign layers name. Of the registries only a mirror may use it. */
export async function startForeignServer(): Promise<ForeignServer> {
  const offered = new Map<string, Uint8Array>();
  const askedBy: string[] = [];
  const server = createServer((request, response) => {
    askedBy.push(request.headers["user-agent"] ?? "");
    const bytes = offered.get(request.url ?? "");
    if (bytes === undefined) response.writeHead(404).end();
    else response.writeHead(200, { "content-length": bytes.length }).end(bytes);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const stop = (): void => {
    server.closeAllConnections();
    server.close();
  };
  atEnd(stop);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    askedBy,
    empty: () => offered.clear(),
    stop,
    offer(name, bytes) {
      offered.set(`/${name}`, bytes);
    },
  };
}
