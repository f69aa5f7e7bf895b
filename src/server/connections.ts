import type { IncomingMessage, ServerResponse } from "node:http";
import type { Server, Socket } from "node:net";
import type { ProcessMetrics } from "../observability/process-metrics.ts";
import { reject } from "./early-rejections.ts";

/** The running requests and open connections of a server, so that it can end without breaking a transfer. */
export interface Connections {
  /** Tracks a request until its response has ended. */
  readonly begin: (request: IncomingMessage, response: ServerResponse) => void;
  /** Whether the current response on the socket has sent its headers; then no other response can be written there. */
  readonly isAnswering: (socket: unknown) => boolean;
  /**
   * Closes idle connections. The other connections end with their response (`Connection: close`). Resolves after the
   * last response, or after `limitMs` milliseconds; then all connections are closed.
   */
  readonly drain: (limitMs: number) => Promise<void>;
  /** Destroys all connections. */
  readonly destroy: () => void;
}

/** The time to transmit responses that have ended. */
const lingerMs = 1000;
/** The time for the rest of a request whose response has ended. */
const restMs = 5000;

/** The minimum speed of the body of a running request. */
export interface MinimumRate {
  readonly bytesPerSecond: number;
  /** Milliseconds for the average. */
  readonly overMs: number;
}

interface Running {
  readonly request: IncomingMessage;
  readonly socket: Socket;
  /** Start of the current measurement, and the bytes that the socket had read then. */
  look?: { readonly sinceMs: number; readonly bytesRead: number };
}

export function createConnections(server: Server, isTls: boolean, rate: MinimumRate): Connections {
  const running = new Map<ServerResponse, Running>();
  // TLS has a raw socket below it, which exists before the handshake.
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
      // A TLS handshake that completes during the drain.
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
 * Whether a body was slower than the minimum rate for at least `overMs`. Bytes that wait in this process, because a
 * disk is slow, do not count against the client.
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

/** Ends the connection if the rest of the request does not arrive in time after its response has ended. */
function cutUnlessComplete(request: IncomingMessage, socket: Socket, afterMs: number): void {
  const timer = setTimeout(() => request.complete || socket.destroy(), afterMs).unref();
  socket.once("close", () => clearTimeout(timer));
  request.once("end", () => clearTimeout(timer));
}

/**
 * Counts the connections of a server and their bytes, with headers and TLS. The sockets count their bytes themselves, so
 * that no request costs time.
 */
export function measureConnections(server: Server, metrics: ProcessMetrics): void {
  const open = new Set<Socket>();
  const [received, sent] = [
    metrics.counter("berth_http_received_bytes_total"),
    metrics.counter("berth_http_sent_bytes_total"),
  ];
  const connections = metrics.gauge("berth_http_connections");
  /** The bytes of connections that have closed. */
  let [closedReceived, closedSent] = [0, 0];
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.once("close", () => {
      open.delete(socket);
      closedReceived += socket.bytesRead;
      closedSent += socket.bytesWritten;
    });
  });
  metrics.onCollect(() => {
    [received.value, sent.value] = [closedReceived, closedSent];
    for (const socket of open) {
      received.value += socket.bytesRead;
      sent.value += socket.bytesWritten;
    }
    connections.value = open.size;
  });
}

/** Responses that wait for earlier responses on their connection (HTTP/1.1 pipelining). */
const waitingResponses = new WeakMap<Socket, Set<ServerResponse>>();

/**
 * Ends a waiting response when its connection closes. Node emits `close` only on the response that has the connection:
 * without this the resources of the other responses (budgets, open files, the request) would never be released.
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

/** Resolves with the operation, or after `limitMs` milliseconds. */
async function within(limitMs: number, promise: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, limitMs)));
  await Promise.race([promise, late]);
  clearTimeout(timer);
}
