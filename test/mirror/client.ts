import { get as httpGet, type IncomingMessage } from "node:http";

/** A client that reads the body only when the test calls `read`. */
export async function openClient(port: number, path: string, headers: Record<string, string> = {}) {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    httpGet({ host: "127.0.0.1", port, path, headers, agent: false }, resolve).on("error", reject);
  });
  const pieces: Buffer[] = [];
  const chunks = (answer as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  const size = (): number => pieces.reduce((sum, piece) => sum + piece.length, 0);
  const read = async (bytes: number): Promise<void> => {
    while (size() < bytes) {
      const next = await chunks.next();
      if (next.done === true) return;
      pieces.push(next.value);
    }
  };
  return {
    answer,
    read,
    readAll: async () => {
      await read(Infinity);
      return Buffer.concat(pieces);
    },
  };
}

/** A promise that resolves when the test calls `open`. */
export function newGate() {
  let open: () => void = () => undefined;
  const until = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { until, open };
}
