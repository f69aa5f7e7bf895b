import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after } from "node:test";

/** A request that a receiver got. */
export interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** An HTTP server on a loopback address that keeps the requests of webhooks. */
export interface TestReceiver {
  readonly url: string;
  readonly port: number;
  readonly received: Received[];
  /** Answers the next requests; by default with 204. */
  answer: (response: ServerResponse, received: Received) => void;
  /** Refuses connections until `open`. */
  close(): Promise<void>;
  open(): Promise<void>;
}

export const accept = (response: ServerResponse): void => void response.writeHead(204).end();

export async function startReceiver(): Promise<TestReceiver> {
  const make = () =>
    createServer((request, response) => {
      const pieces: Buffer[] = [];
      request.on("data", (piece: Buffer) => pieces.push(piece));
      request.on("end", () => {
        const got = { headers: request.headers, body: Buffer.concat(pieces).toString() };
        receiver.received.push(got);
        receiver.answer(response, got);
      });
    });
  let server = make();
  const listen = (port: number): Promise<number> =>
    new Promise((resolve) =>
      server.listen(port, "127.0.0.1", () => resolve((server.address() as AddressInfo).port)),
    );
  const port = await listen(0);
  const receiver: TestReceiver = {
    url: `http://127.0.0.1:${port}/hook`,
    port,
    received: [],
    answer: accept,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
    async open() {
      server = make();
      await listen(port);
    },
  };
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  return receiver;
}
