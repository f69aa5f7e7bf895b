import { EventEmitter, once } from "node:events";
import net from "node:net";
import { after } from "node:test";
import type { ServerApp } from "../../src/app/server-app.ts";
import { configSchema, type Config } from "../../src/config/schema.ts";
import { createLogger } from "../../src/observability/logger.ts";
import { ProcessMetrics } from "../../src/observability/process-metrics.ts";
import { startServer, type RunningServer } from "../../src/server/start-server.ts";

export interface Started {
  readonly server: RunningServer;
  /** Emits SIGTERM, SIGINT and SIGHUP in place of the process. */
  readonly signals: EventEmitter;
  /** The calls of the server to the application (`drain`, `close`), in order. */
  readonly asked: string[];
  /** The lines of the log. */
  readonly log: string[];
  readonly metrics: ProcessMetrics;
}

export interface StartOptions {
  readonly handle?: ServerApp["handle"];
  readonly limits?: Partial<Config["limits"]>;
  readonly trustedProxies?: readonly string[];
  readonly metrics?: { readonly listen: string };
  readonly tls?: { readonly cert: string; readonly key: string };
  readonly close?: () => Promise<void>;
}

/** A server on a free port of 127.0.0.1 in front of an application of one function. */
export async function start(options: StartOptions = {}): Promise<Started> {
  const signals = new EventEmitter();
  const [asked, log]: [string[], string[]] = [[], []];
  const metrics = new ProcessMetrics();
  const app: ServerApp = {
    administrator: undefined,
    metrics,
    handle: options.handle ?? ((request, response) => void response.end(request.url)),
    handleHealth: (request, response) => void response.end(`operator ${request.url}`),
    drain: () => void asked.push("drain"),
    setLimits: () => void asked.push("limits"),
    setMirrors: async () => void asked.push("mirrors"),
    close: async () => {
      asked.push("close");
      await options.close?.();
    },
  };
  const config = configSchema.parse({
    listen: "127.0.0.1:0",
    tls: options.tls,
    trustedProxies: options.trustedProxies,
    metrics: options.metrics,
  });
  const logger = createLogger(
    { level: "debug", format: "json" },
    { write: (line) => void log.push(line) },
  );
  const settings = {
    ...config,
    limits: { ...config.limits, drainTimeout: 500, ...options.limits },
  };
  const server = await startServer(settings, app, logger, { signals });
  after(async () => {
    for (const signal of ["SIGTERM", "SIGTERM"]) signals.emit(signal, signal);
    await server.ended;
  });
  return { server, signals, asked, log, metrics };
}

export interface Connection {
  readonly socket: net.Socket;
  /** All received text up to and including `text`; rejects if the connection ends before. */
  readonly until: (text: string) => Promise<string>;
  /** All received text when the connection has closed, with or without an error. */
  readonly all: () => Promise<string>;
}

/** A TCP connection for requests that no HTTP client library sends. */
export async function connect(
  port: number,
  request = "",
  localAddress = "127.0.0.1",
): Promise<Connection> {
  const socket = net.connect({ port, host: "127.0.0.1", localAddress });
  let received = "";
  socket.setEncoding("latin1").on("data", (text: string) => (received += text));
  socket.on("error", () => undefined);
  const closed = new Promise((resolve) => socket.once("close", resolve));
  await once(socket, "connect");
  socket.write(request);
  return {
    socket,
    async until(text) {
      while (!received.includes(text)) {
        if (socket.closed) throw new Error(`ended before ${text}: ${received}`);
        await Promise.race([once(socket, "data"), closed]);
      }
      return received;
    },
    async all() {
      await closed;
      return received;
    },
  };
}

/** An HTTP/1.1 GET request without a body. */
export function get(path: string, ...headers: string[]): string {
  return [`GET ${path} HTTP/1.1`, "Host: berth", ...headers, "", ""].join("\r\n");
}
