import { createSocket } from "node:dgram";
import { createServer, type Server, type Socket } from "node:net";
import type { AddressInfo, ListenOptions } from "node:net";
import { after } from "node:test";

/** A message of RFC 5424 as Berth sends it: `<PRI>1 TIME HOST APP PROCID MSGID - JSON`. */
export interface Message {
  readonly head: string;
  readonly entry: {
    readonly id: number;
    readonly at: string;
    readonly action: string;
    readonly subject: string;
    readonly data: Readonly<Record<string, string>>;
    readonly address: string;
  };
}

export function parseMessage(text: string): Message {
  const [head = ""] = /^<\d+>1 (?:\S+ ){5}-/.exec(text) ?? [];
  return { head, entry: JSON.parse(text.slice(head.length + 1)) as Message["entry"] };
}

/** The messages of a stream with octet counting, and the rest that is not whole yet. */
function takeFrames(bytes: Buffer): {
  readonly messages: readonly Message[];
  readonly rest: Buffer;
} {
  const messages: Message[] = [];
  let rest = bytes;
  for (;;) {
    const [count = ""] = /^[1-9]\d* /.exec(rest.toString("latin1", 0, 12)) ?? [];
    const end = count.length + Number(count);
    if (count === "" || rest.length < end) return { messages, rest };
    messages.push(parseMessage(rest.toString("utf8", count.length, end)));
    rest = rest.subarray(end);
  }
}

export interface SyslogListener {
  readonly port: number;
  /** All whole messages, in the order of their arrival. */
  readonly messages: Message[];
  /** What is done with a new connection; by default it is read to its end. */
  accept: (socket: Socket) => void;
  close(): Promise<void>;
  open(): Promise<void>;
}

/** A syslog server on a TCP port of a loopback address, or on a Unix socket. */
export async function startSyslogStream(where: ListenOptions = {}): Promise<SyslogListener> {
  const open = new Set<Socket>();
  const read = (socket: Socket): void => {
    let rest: Buffer = Buffer.alloc(0);
    socket.on("data", (piece: Buffer) => {
      const found = takeFrames(Buffer.concat([rest, piece]));
      listener.messages.push(...found.messages);
      rest = found.rest;
    });
    socket.on("error", () => undefined);
  };
  const make = () =>
    createServer((socket) => {
      open.add(socket.once("close", () => open.delete(socket)));
      listener.accept(socket);
    });
  let server: Server = make();
  const listen = (options: ListenOptions): Promise<void> =>
    new Promise((resolve) => void server.listen(options, resolve));
  await listen(where.path === undefined ? { host: "127.0.0.1", port: 0 } : where);
  const { port } = (where.path === undefined ? server.address() : { port: 0 }) as AddressInfo;
  const listener: SyslogListener = {
    port,
    messages: [],
    accept: read,
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
    async open() {
      server = make();
      await listen({ host: "127.0.0.1", port });
    },
  };
  after(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return listener;
}

/** A syslog server on a UDP port of a loopback address. */
export async function startSyslogDatagrams(): Promise<{
  readonly port: number;
  readonly messages: Message[];
}> {
  const messages: Message[] = [];
  const socket = createSocket("udp4");
  socket.on("message", (bytes) => messages.push(parseMessage(bytes.toString("utf8"))));
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  after(() => socket.close());
  return { port: socket.address().port, messages };
}
