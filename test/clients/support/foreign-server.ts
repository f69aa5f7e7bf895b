import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { atEnd } from "./scratch.ts";

export type ForeignServer = {
  /** Where the Windows base layers of a fixture say that they are. */
  url: string;
  /** The user agents of everybody who asked for one so far. */
  askedBy: string[];
  offer(name: string, bytes: Uint8Array): void;
  /** From now on there is nobody. */
  stop(): void;
};

/** The place outside the registry that foreign layers point to. The registry itself must never ask it. */
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
    server.close();
    server.closeAllConnections();
  };
  atEnd(stop);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    askedBy,
    stop,
    offer(name, bytes) {
      offered.set(`/${name}`, bytes);
    },
  };
}
