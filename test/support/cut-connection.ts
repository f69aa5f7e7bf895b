import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** A TCP proxy in front of a server that a test takes away. */
export interface CutConnection {
  readonly port: number;
  /** Ends all connections and refuses new ones, as a server that has stopped. */
  refuse(): void;
  /** Passes nothing on and ends nothing, as a network that is cut. */
  hang(): void;
  restore(): void;
  close(): Promise<void>;
}

export async function startCutConnection(host: string, port: number): Promise<CutConnection> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let state: "open" | "refusing" | "hanging" = "open";
  const server = createServer((near) => {
    near.on("error", () => undefined);
    if (state === "refusing") return void near.destroy();
    const far = connect(port, host);
    far.on("error", () => undefined);
    const pair = [near, far] as const;
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    near.on("close", end);
    far.on("close", end);
    if (state === "open") joined(pair);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const end = (): void => {
    for (const [near] of pairs) near.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    refuse: () => {
      state = "refusing";
      end();
    },
    hang: () => {
      state = "hanging";
      for (const [near, far] of pairs) {
        near.unpipe(far).pause();
        far.unpipe(near).pause();
      }
    },
    restore: () => {
      // Connections that hung have lost nothing; a cut network ends them later.
      if (state === "hanging") for (const pair of pairs) joined(pair);
      state = "open";
    },
    close: async () => {
      end();
      server.close();
      await once(server, "close");
    },
  };
}

function joined([near, far]: readonly [Socket, Socket]): void {
  near.pipe(far);
  far.pipe(near);
}
