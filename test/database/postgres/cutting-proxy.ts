import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/**
 * What the proxy does with a piece that a client sends:
 * - `before`: ends both connections, and the server does not get the piece
 * - `after`: the server gets the piece, and the client no answer
 */
type Cut = "before" | "after" | undefined;

export interface CuttingProxy {
  /** The URL of the server, through the proxy. */
  readonly url: string;
  /** Decides about each piece that a client sends. */
  cut: (piece: Buffer) => Cut;
  /** Ends all connections of clients, and every new one until `accept`. */
  refuse(): void;
  accept(): void;
  close(): Promise<void>;
}

/** A TCP proxy in front of PostgreSQL. */
export async function startCuttingProxy(serverUrl: string): Promise<CuttingProxy> {
  const server = new URL(serverUrl);
  const open = new Set<Socket>();
  const clients = new Set<Socket>();
  let isRefusing = false;
  const keep = (socket: Socket): Socket => {
    open.add(socket);
    socket.on("error", () => undefined).on("close", () => open.delete(socket));
    return socket.setNoDelay(true);
  };
  const listener = createServer((client) => {
    keep(client);
    if (isRefusing) return void client.destroy();
    clients.add(client);
    const upstream = keep(connect(Number(server.port || 5432), server.hostname));
    upstream.on("data", (piece) => client.write(piece)).on("close", () => client.destroy());
    client.on("close", () => {
      clients.delete(client);
      upstream.end();
    });
    client.on("data", (piece: Buffer) => {
      const cut = proxy.cut(piece);
      if (cut !== "before") upstream.write(piece);
      if (cut === undefined) return;
      if (cut === "before") upstream.destroy();
      client.destroy();
    });
  });
  await once(listener.listen(0, "127.0.0.1"), "listening");
  const url = new URL(serverUrl);
  url.host = `127.0.0.1:${(listener.address() as AddressInfo).port}`;
  const proxy: CuttingProxy = {
    url: url.href,
    cut: () => undefined,
    refuse() {
      isRefusing = true;
      for (const client of clients) client.destroy();
    },
    accept() {
      isRefusing = false;
    },
    async close() {
      for (const socket of open) socket.destroy();
      listener.close();
      await once(listener, "close");
    },
  };
  return proxy;
}
