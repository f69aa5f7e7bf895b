import type { IncomingMessage, ServerResponse } from "node:http";
import type { Server, Socket } from "node:net";

/** What goes on on the connections of a server, so that it can end without cutting a transfer. */
export interface Connections {
  /** Notes a request until its response has ended. */
  readonly begin: (request: IncomingMessage, response: ServerResponse) => void;
  /** Whether the response that now runs on the socket has been begun, so that nothing else can be written there. */
  readonly isAnswering: (socket: unknown) => boolean;
  /**
   * Closes what is idle, tells the others that their connection ends with their response, and resolves once the last
   * one has ended or the time is up; then no connection is left.
   */
  readonly drain: (limitMs: number) => Promise<void>;
  /** Cuts everything. */
  readonly destroy: () => void;
}

/** The time that responses which have ended get to leave the machine. */
const lingerMs = 1000;

export function createConnections(server: Server, isTls: boolean): Connections {
  const running = new Map<ServerResponse, Socket>();
  // Below TLS lies a socket of its own, which is there before the handshake is.
  const raw = new Set<Socket>();
  const open = isTls ? new Set<Socket>() : raw;
  let draining = false;
  let onQuiet: (() => void) | undefined;

  track(server, "connection", raw);
  if (isTls) track(server, "secureConnection", open);
  const isBusy = (socket: unknown): boolean =>
    [...running.values()].some((other) => other === socket);

  const end = (response: ServerResponse, socket: Socket): void => {
    running.delete(response);
    if (!draining) return;
    if (!isBusy(socket)) socket.destroySoon();
    if (running.size === 0) onQuiet?.();
  };

  const destroy = (): void => {
    for (const socket of [...open, ...raw]) socket.destroy();
  };

  return {
    begin(request, response) {
      const { socket } = request;
      running.set(response, socket);
      if (draining) response.setHeader("Connection", "close");
      response.once("close", () => end(response, socket));
    },
    isAnswering: (socket) =>
      [...running].some(([response, other]) => other === socket && response.headersSent),
    async drain(limitMs) {
      draining = true;
      // A handshake that was under way.
      server.on("secureConnection", (socket: Socket) => socket.destroy());
      const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
      for (const response of running.keys())
        if (!response.headersSent) response.setHeader("Connection", "close");
      for (const socket of open) if (!isBusy(socket)) socket.destroy();

      const quiet = new Promise<void>((resolve) => (onQuiet = resolve));
      if (running.size > 0) await within(limitMs, quiet);
      if (running.size === 0) await within(lingerMs, closed);
      destroy();
      await closed;
    },
    destroy,
  };
}

function track(server: Server, event: string, sockets: Set<Socket>): void {
  server.on(event, (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
}

/** Resolves with the promise, or when the time is up. */
async function within(limitMs: number, promise: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, limitMs)));
  await Promise.race([promise, late]);
  clearTimeout(timer);
}
