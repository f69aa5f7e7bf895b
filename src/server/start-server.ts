import http, { type RequestListener } from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import process from "node:process";
import type { ServerApp } from "../app/server-app.ts";
import { formatListenAddress } from "../config/addresses.ts";
import type { Config } from "../config/schema.ts";
import type { Logger } from "../observability/logger.ts";
import { readCertificate } from "./certificate.ts";
import { ipMatcher } from "../http/middleware/client-info.ts";
import { addressLimit, connectionLimit, limitConnections } from "./connection-limit.ts";
import { createConnections, type Connections } from "./connections.ts";
import { rejectionOf, reject, rejectRaw, takeAbsoluteForm } from "./early-rejections.ts";
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

type Settings = Pick<Config, "listen" | "tls" | "limits" | "trustedProxies"> & {
  readonly metrics?: Pick<Config["metrics"], "listen">;
};

/**
 * Connections that may wait to be accepted; the system may allow fewer. Hundreds of clients may start a pull at once.
 */
const backlog = 4096;
const headersTimeoutMs = 60_000;

/**
 * Listens, and ends on a signal. SIGTERM or SIGINT drains: no new connections, running requests get
 * `limits.drainTimeout`, then the assembled parts are closed. A second signal ends at once without closing anything, so
 * the caller must exit. SIGHUP reads the certificate again; an invalid one is logged and the old one stays.
 * @param signals the source of the signals
 * @throws Error of node:net if the server cannot listen (EADDRINUSE, EACCES, …), or about the certificate
 */
export async function startServer(
  settings: Settings,
  app: ServerApp,
  logger: Logger,
  signals: SignalSource = process,
): Promise<RunningServer> {
  const { listen, tls, limits, trustedProxies } = settings;
  const options = {
    maxHeaderSize: limits.headerSize,
    requireHostHeader: false,
    headersTimeout: headersTimeoutMs,
    requestTimeout: 0,
  };
  const certificate = tls && (await readCertificate(tls));
  const server = certificate
    ? https.createServer({ ...options, ...certificate })
    : http.createServer(options);
  const connections = createConnections(server, certificate !== undefined, {
    bytesPerSecond: limits.uploadRate,
    overMs: limits.idleTimeout,
  });

  server.timeout = limits.idleTimeout;
  const limit = connectionLimit(limits.connections);
  limitConnections(server, {
    connections: limit,
    perAddress: addressLimit(limits.connectionsPerAddress, limit),
    idleMs: limits.idleTimeout,
    isProxy: ipMatcher(trustedProxies),
    onRejected: createRejectionLog(logger),
  });
  server.on("request", requestListener(app.handle, connections));
  // Node's default response to an `Expect` other than 100-continue has no body (RFC 9110, 10.1.1).
  server.on("checkExpectation", (_request, response) =>
    reject(response, "the only expectation that this server meets is 100-continue", 417),
  );
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    logger.debug({ err: error }, "request could not be read");
    if (error.code === "ECONNRESET" || !socket.writable || connections.isAnswering(socket))
      socket.destroy();
    else rejectRaw(error, socket);
  });
  server.on("tlsClientError", (error) => logger.debug({ err: error }, "TLS handshake failed"));

  const opsAddress = settings.metrics?.listen;
  const health = opsAddress && (await listenForOperators(opsAddress, app, logger));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    const host = listen.host === "" ? {} : { host: listen.host };
    server.listen({ port: listen.port, backlog, ...host }, resolve);
  }).catch((error: unknown) => {
    // An open server keeps the process alive.
    health?.close();
    throw error;
  });
  server.on("error", (error) => logger.error({ err: error }, "listening failed"));

  const { address, port } = server.address() as AddressInfo;
  const url = `${certificate ? "https" : "http"}://${formatListenAddress({ host: listen.host || address, port })}`;
  const reload = async (): Promise<void> => {
    if (tls === undefined || !(server instanceof https.Server)) return;
    try {
      const renewed = await readCertificate(tls);
      server.setSecureContext(renewed);
      logger.info({ validTo: renewed.validTo }, "certificate read again");
    } catch (error) {
      logger.error({ err: error }, "the new certificate is not used, the old one stays");
    }
  };
  const ending = endOnSignals({
    signals,
    connections,
    app,
    logger,
    drainMs: limits.drainTimeout,
    reload: tls && reload,
  });
  void ending.ended.then(() => health?.close().closeAllConnections());
  return { url, port, ...ending };
}

/** A second server on the address of `metrics.listen`, for requests of monitoring: few and short. */
async function listenForOperators(
  { host, port }: Config["listen"],
  { handleHealth }: ServerApp,
  logger: Logger,
): Promise<http.Server> {
  const server = http.createServer(
    { headersTimeout: 10_000, requestTimeout: 10_000 },
    handleHealth,
  );
  server.maxConnections = 64;
  await new Promise<void>((resolve, reject) => {
    server.once("error", ({ message }) => reject(new Error(`metrics.listen: ${message}`)));
    server.listen({ port, ...(host === "" ? {} : { host }) }, resolve);
  });
  server.on("error", (error) => logger.error({ err: error }, "listening failed"));
  const { port: taken } = server.address() as AddressInfo;
  const address = formatListenAddress({ host, port: taken });
  logger.info({ address }, "metrics and readiness are at an address of their own");
  return server;
}

function requestListener(handle: ServerApp["handle"], connections: Connections): RequestListener {
  return (request, response) => {
    connections.begin(request, response);
    takeAbsoluteForm(request);
    const rejection = rejectionOf(request);
    if (rejection === undefined) handle(request, response);
    else reject(response, rejection);
  };
}

/** At most one log line about rejected connections in this time. */
const rejectionLogMs = 1000;

function createRejectionLog(logger: Logger) {
  let silentUntilMs = 0;
  let refused = 0;
  return (why: { readonly limit: number; readonly address?: string }): void => {
    refused += 1;
    if (performance.now() < silentUntilMs) return;
    silentUntilMs = performance.now() + rejectionLogMs;
    const whose = why.address === undefined ? "" : " by this address";
    logger.warn(
      { ...why, refused },
      `connections refused: the most that may be open${whose} are open`,
    );
    refused = 0;
  };
}
