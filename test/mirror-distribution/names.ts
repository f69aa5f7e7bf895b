import { createSocket } from "node:dgram";
import { once } from "node:events";

/** A name server. Each name has a list of addresses: one per query, the last one also for all later queries. */
export async function startNameServer(
  names: Readonly<Record<string, readonly string[]>>,
): Promise<{ readonly asked: ReadonlyMap<string, number>; close(): void }> {
  const asked = new Map<string, number>();
  const socket = createSocket("udp4");
  socket.on("message", (query, { port, address }) => {
    const { name, end } = readName(query);
    const isForAddress = query.readUInt16BE(end) === 1;
    const known = names[name];
    const times = asked.get(name) ?? 0;
    if (isForAddress) asked.set(name, times + 1);
    const answer = isForAddress ? known?.[Math.min(times, known.length - 1)] : undefined;
    const question = query.subarray(12, end + 4);
    const head = Buffer.from(query.subarray(0, 12));
    // Flags: response, recursion available; NXDOMAIN for an unknown name.
    head.writeUInt16BE(known === undefined ? 0x8183 : 0x8180, 2);
    head.writeUInt16BE(answer === undefined ? 0 : 1, 6);
    head.fill(0, 8, 12);
    const record =
      answer === undefined
        ? []
        : // The name of the question, type A, class IN, TTL 0.
          [
            Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]),
            Buffer.from(answer.split(".").map(Number)),
          ];
    socket.send(Buffer.concat([head, question, ...record]), port, address);
  });
  socket.bind(53, "127.0.0.1");
  await once(socket, "listening");
  return { asked, close: () => void socket.close() };
}

function readName(query: Buffer): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join(".").toLowerCase(), end: at + 1 };
}
