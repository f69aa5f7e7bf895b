import type { IncomingMessage, ServerResponse } from "node:http";
import type { Server, Socket } from "node:net";
import { reject } from "./early-rejections.ts";

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
/** The time that the rest of a request gets whose response has ended. */
const restMs = 5000;

/** What the body of a running request has to bring. */
export interface MinimumRate {
  readonly bytesPerSecond: number;
  /** Milliseconds over which it is averaged. */
  readonly overMs: number;
}

interface Running {
  readonly request: IncomingMessage;
  readonly socket: Socket;
  /** When the time began that is being looked at, and what the socket had read then. */
  look?: { readonly sinceMs: number; readonly bytesRead: number };
}

export function createConnections(server: Server, isTls: boolean, rate: MinimumRate): Connections {
  const running = new Map<ServerResponse, Running>();
  // Below TLS lies a socket of its own, which is there before the handshake is.
  const raw = new Set<Socket>();
  const open = isTls ? new Set<Socket>() : raw;
  let draining = false;
  let onQuiet: (() => void) | undefined;

  track(server, "connection", raw);
  if (isTls) track(server, "secureConnection", open);
  const isBusy = (socket: unknown): boolean =>
    [...running.values()].some((other) => other.socket === socket);

  const slow = setInterval(
    () => {
      for (const [response, one] of running) if (isSlow(one, rate)) cutSlow(response, one);
    },
    Math.min(5000, rate.overMs / 2),
  ).unref();
  server.once("close", () => clearInterval(slow));

  const end = (response: ServerResponse, { request, socket }: Running): void => {
    running.delete(response);
    if (!request.complete && !socket.destroyed)
      cutUnlessComplete(request, socket, Math.min(restMs, rate.overMs));
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
      const one = { request, socket };
      running.set(response, one);
      if (response.socket === null) endWithConnection(response, socket);
      if (draining) response.setHeader("Connection", "close");
      response.once("close", () => end(response, one));
    },
    isAnswering: (socket) =>
      [...running].some(([response, other]) => other.socket === socket && response.headersSent),
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

/**
 * Whether a body has come too slowly since it was last looked at, over at least the time of the minimum rate. Bytes that wait for
 * us, because a disk is slow, are not the client's fault.
 */
function isSlow(one: Running, { bytesPerSecond, overMs }: MinimumRate): boolean {
  const { request, socket, look } = one;
  if (request.complete || socket.destroyed) return false;
  const sinceMs = performance.now();
  const { bytesRead } = socket;
  if (look !== undefined && request.readableLength === 0) {
    const elapsedMs = sinceMs - look.sinceMs;
    if (bytesRead - look.bytesRead < (bytesPerSecond * elapsedMs) / 1000)
      return elapsedMs >= overMs;
  }
  one.look = { sinceMs, bytesRead };
  return false;
}

function cutSlow(response: ServerResponse, { socket }: Running): void {
  if (response.headersSent) socket.destroy();
  else reject(response, "the body of the request arrives too slowly: send it again", 408);
}

/** A response that ended before its request leaves a connection on which the rest may take for ever. */
function cutUnlessComplete(request: IncomingMessage, socket: Socket, afterMs: number): void {
  const timer = setTimeout(() => request.complete || socket.destroy(), afterMs).unref();
  socket.once("close", () => clearTimeout(timer));
  request.once("end", () => clearTimeout(timer));
}

/** Responses that wait for their turn on a connection, behind the responses to earlier requests (HTTP/1.1 pipelining). */
const waitingResponses = new WeakMap<Socket, Set<ServerResponse>>();

/**
 * Ends a response that waits for its turn when its connection closes. Node emits `close` only on the response that has
 * the connection: without this, everything that is held for the others (budgets, open files, the request itself) would be
 * held for ever.
 */
function endWithConnection(response: ServerResponse, socket: Socket): void {
  const known = waitingResponses.get(socket);
  const responses = known ?? new Set<ServerResponse>();
  responses.add(response);
  response.once("close", () => responses.delete(response));
  if (known !== undefined) return;
  waitingResponses.set(socket, responses);
  socket.once("close", () => {
    for (const one of [...responses].filter(({ socket: own }) => own === null)) {
      one.destroy();
      one.emit("close");
    }
  });
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
