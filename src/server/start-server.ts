import { chmod } from "node:fs/promises";
import http from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import process from "node:process";
import type { ServerApp } from "../app/server-app.ts";
import { formatListenAddress, type ListenAddress } from "../config/addresses.ts";
import type { Config } from "../config/schema.ts";
import { ipMatcher } from "../network/addresses.ts";
import type { Logger } from "../observability/logger.ts";
import type { ProcessMetrics } from "../observability/process-metrics.ts";
import { readCertificate, reloadCertificate, type Certificate } from "./certificate.ts";
import { addressLimit, connectionLimit, limitConnections } from "./connection-limit.ts";
import { createConnections, measureConnections, type Connections } from "./connections.ts";
import { reject, rejectionOf, rejectRaw, takeAbsoluteForm } from "./early-rejections.ts";
import { rejectMetricsListen } from "./preflight.ts";
import { endOnSignals, type SignalSource } from "./signals.ts";

export interface RunningServer {
  /** `http://127.0.0.1:5000`, with the configured host and the actual port. */
  readonly url: string;
  readonly port: number;
  /** Ends the server like a first signal. */
  readonly drain: () => void;
  /** Resolves at the end with the exit code: 0 after a drain, 1 if closing failed, 128 + n after a second signal n. */
  readonly ended: Promise<number>;
}

interface SignalHandling {
  /** The source of the signals; by default this process. */
  readonly signals?: SignalSource;
  /** Called on SIGHUP too. */
  readonly reload?: () => Promise<void>;
}

type Settings = Pick<Config, "listen" | "socketMode" | "tls" | "limits" | "trustedProxies"> & {
  readonly metrics?: Pick<Config["metrics"], "listen">;
};

/**
 * Connections that may wait to be accepted; the system may allow fewer. Hundreds of clients may start a pull at once.
 */
const backlog = 4096;
const headersTimeoutMs = 60_000;

/**
 * Listens, and ends on a signal. SIGTERM or SIGINT drains: no new connections, running requests get
 * `limits.drainTimeout`, then the application is closed. A second signal ends at once without closing anything, so
 * the caller must exit. SIGHUP reads the certificate again; an invalid one is logged and the old one stays.
 * @throws Error of node:net if the server cannot listen (EADDRINUSE, EACCES, …), or about the certificate
 */
export async function startServer(
  settings: Settings,
  app: ServerApp,
  logger: Logger,
  { signals = process, reload }: SignalHandling = {},
): Promise<RunningServer> {
  const { listen, tls, limits } = settings;
  const { server, connections } = await createServer(settings, app.metrics, logger);
  answerRequests(server, connections, app, logger);

  const healthAddress = settings.metrics?.listen;
  const health = healthAddress && (await startHealthServer(healthAddress, app, logger));
  const { address, port } = await listenOn(server, settings, logger).catch((error: unknown) => {
    // An open server keeps the process alive.
    health?.close();
    throw error;
  });
  const ending = endOnSignals({
    signals,
    logger,
    drain: async (signal) => {
      logger.info(
        { signal, limitMs: limits.drainTimeout },
        "draining: running requests can finish; a second signal ends the process at once",
      );
      app.drain();
      await connections.drain(limits.drainTimeout);
      await app.close();
      logger.info("ended");
      return 0;
    },
    endNow: async (signal) => {
      logger.warn({ signal }, "second signal: ending at once");
      connections.destroy();
    },
    reload() {
      if (tls && server instanceof https.Server)
        void renewCertificate(server, tls, app.metrics, logger);
      void reload?.();
    },
  });
  void ending.ended.then(() => health?.close().closeAllConnections());
  const scheme = tls === undefined ? "http" : "https";
  const at = formatListenAddress({ ...listen, host: listen.host || address, port });
  const url = listen.path === undefined ? `${scheme}://${at}` : at;
  return { url, port, ...ending };
}

type Server = http.Server | https.Server;

/** Creates the server with its limits of connections and time. It does not listen yet. */
async function createServer(
  { listen, tls, limits, trustedProxies }: Settings,
  metrics: ProcessMetrics,
  logger: Logger,
): Promise<{ readonly server: Server; readonly connections: Connections }> {
  const options = {
    maxHeaderSize: limits.headerSize,
    requireHostHeader: false,
    headersTimeout: headersTimeoutMs,
    requestTimeout: 0,
  };
  const certificate = tls && (await readCertificate(tls));
  showCertificate(metrics, certificate);
  const server =
    certificate === undefined
      ? http.createServer(options)
      : https.createServer({ ...options, cert: certificate.cert, key: certificate.key });
  measureConnections(server, metrics);
  server.timeout = limits.idleTimeout;
  const connections = createConnections(server, tls !== undefined, {
    bytesPerSecond: limits.uploadRate,
    overMs: limits.idleTimeout,
  });
  const limit = connectionLimit(limits.connections);
  limitConnections(server, {
    connections: limit,
    perAddress: addressLimit(limits.connectionsPerAddress, limit),
    idleMs: limits.idleTimeout,
    // The peers of a Unix socket have no address; see `ClientInfo`.
    isProxy: listen.path === undefined ? ipMatcher(trustedProxies) : () => true,
    onRejected: createRejectionLog(logger),
  });
  return { server, connections };
}

async function renewCertificate(
  server: https.Server,
  files: NonNullable<Settings["tls"]>,
  metrics: ProcessMetrics,
  logger: Logger,
): Promise<void> {
  showCertificate(metrics, await reloadCertificate(server, files, logger));
}

/** @param certificate `undefined`: there is none, or not a new one */
function showCertificate(metrics: ProcessMetrics, certificate: Certificate | undefined): void {
  if (certificate !== undefined)
    metrics.gauge("berth_tls_certificate_expiry_timestamp_seconds").value =
      certificate.endsAtMs / 1_000;
}

/** Passes requests to the application, and rejects those that are not valid HTTP. */
function answerRequests(
  server: Server,
  connections: Connections,
  { handle }: ServerApp,
  logger: Logger,
): void {
  server.on("request", (request, response) => {
    connections.begin(request, response);
    takeAbsoluteForm(request);
    const rejection = rejectionOf(request);
    if (rejection === undefined) return handle(request, response);
    logger.info({ status: 400, reason: rejection, peer: request.socket.remoteAddress }, "request");
    reject(response, rejection);
  });
  // Node's default response to an `Expect` other than 100-continue has no body (RFC 9110, 10.1.1).
  server.on("checkExpectation", (_request, response) =>
    reject(response, "the header Expect must be 100-continue or absent", 417),
  );
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    logger.debug({ err: error }, "request could not be read");
    if (error.code === "ECONNRESET" || !socket.writable || connections.isAnswering(socket))
      socket.destroy();
    else rejectRaw(error, socket);
  });
  server.on("tlsClientError", (error) => logger.debug({ err: error }, "TLS handshake failed"));
}

/** Resolves with the actual address when the server listens. Rejects with the error of node:net. */
async function listenOn(
  server: Server,
  { listen, socketMode }: Pick<Settings, "listen"> & Partial<Pick<Settings, "socketMode">>,
  logger: Logger,
): Promise<Pick<AddressInfo, "address" | "port">> {
  const { host, port, path, fd } = listen;
  const tcp = { port, ...(host === "" ? {} : { host }) };
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ backlog, ...(fd === undefined ? (path ? { path } : tcp) : { fd }) }, resolve);
  });
  server.on("error", (error) => logger.error({ err: error }, "listening failed"));
  if (path === undefined) return server.address() as AddressInfo;
  // Until here only the user of this process may connect, by its umask.
  if (fd === undefined && socketMode !== undefined) await chmod(path, socketMode);
  return { address: path, port: 0 };
}

/** Starts a second server on the address of `metrics.listen`, for requests of monitoring: few and short. */
async function startHealthServer(
  listen: ListenAddress,
  { handleHealth }: ServerApp,
  logger: Logger,
): Promise<http.Server> {
  const server = http.createServer(
    { headersTimeout: 10_000, requestTimeout: 10_000 },
    handleHealth,
  );
  server.maxConnections = 64;
  const { port } = await listenOn(server, { listen }, logger).catch(rejectMetricsListen);
  const address = formatListenAddress({ host: listen.host, port });
  logger.info({ address }, "metrics and readiness have a separate address");
  return server;
}

/** At most one log line about rejected connections in this time. */
const rejectionLogMs = 1000;

function createRejectionLog(logger: Logger) {
  let silentUntilMs = 0;
  let rejected = 0;
  return (why: { readonly limit: number; readonly address?: string }): void => {
    rejected += 1;
    if (performance.now() < silentUntilMs) return;
    silentUntilMs = performance.now() + rejectionLogMs;
    const whose = why.address === undefined ? "" : " of this address";
    logger.warn({ ...why, rejected }, `connections rejected: the limit${whose} is reached`);
    rejected = 0;
  };
}
