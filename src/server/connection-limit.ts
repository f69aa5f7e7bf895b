import { readFileSync } from "node:fs";
import type { Server } from "node:http";
import { addressKey, createHeldBudget } from "../concurrency/budgets.ts";

/** File descriptors that the program and its threads keep for work other than requests. */
const ownDescriptors = 52;
/** Descriptors per connection: its socket, and the file that its request reads or writes. */
const descriptorsEach = 2;

/** Longer than the usual 60 s of proxies, so that the proxy closes the connection, not this server. */
const keepAliveMs = 75_000;
/** While more than half of the connections are open, so that new clients can connect. Sent with each response. */
const crowdedKeepAliveMs = 5_000;

/**
 * The limit of open connections: `asked`, or with 0 the number that the system's limit of open files allows, so that an
 * accepted push always has a descriptor for its file.
 */
export function connectionLimit(asked: number, openFiles = openFileLimit()): number {
  if (asked > 0) return asked;
  return Math.max(1, Math.floor((openFiles - ownDescriptors) / descriptorsEach));
}

/** The minimum for one address: the connections that a CI machine opens at once. */
const addressAtLeast = 64;
/** The maximum for one address. */
const addressAtMost = 10_000;

/** The limit of open connections of one address: `asked`, or with 0 half of `connections`, from 64 to 10,000. */
export function addressLimit(asked: number, connections: number): number {
  if (asked > 0) return asked;
  return Math.min(addressAtMost, Math.max(addressAtLeast, Math.ceil(connections / 2)));
}

export interface ConnectionLimits {
  /** Of all clients together. */
  readonly connections: number;
  /** Of one address; see `addressKey`. */
  readonly perAddress: number;
  /** Milliseconds. */
  readonly idleMs: number;
  /**
   * Whether the address is a trusted proxy. A proxy carries connections of many clients, so it has no limit per
   * address.
   */
  readonly isProxy: (address: string) => boolean;
  readonly onRejected: (why: { readonly limit: number; readonly address?: string }) => void;
}

/**
 * Closes connections above the limits. Shortens the keep-alive time while more than half of the connections are open.
 */
export function limitConnections(server: Server, limits: ConnectionLimits): void {
  const { connections, perAddress, idleMs, isProxy, onRejected } = limits;
  const patient = Math.min(keepAliveMs, idleMs);
  const crowded = Math.min(crowdedKeepAliveMs, idleMs);
  const addresses = createHeldBudget(perAddress);
  let open = 0;
  const count = (by: 1 | -1): void => {
    open += by;
    server.keepAliveTimeout = open > connections / 2 ? crowded : patient;
  };
  server.keepAliveTimeout = patient;
  // Not `maxConnections`: the cluster module offers a connection that a worker rejects to the worker again and again.
  server.on("connection", (socket) => {
    const { remoteAddress = "" } = socket;
    const key = isProxy(remoteAddress) ? undefined : addressKey(remoteAddress);
    if (open >= connections) {
      socket.destroy();
      onRejected({ limit: connections });
      return;
    }
    if (key !== undefined && !addresses.acquire(key)) {
      socket.destroy();
      onRejected({ limit: perAddress, address: key });
      return;
    }
    count(1);
    socket.once("close", () => {
      count(-1);
      if (key !== undefined) addresses.release(key);
    });
  });
}

/** The limit of open files of this process; Infinity if the system does not report it. */
function openFileLimit(): number {
  try {
    return parseOpenFileLimit(readFileSync("/proc/self/limits", "utf8"));
  } catch {
    return Infinity;
  }
}

/** The soft limit in the text of `/proc/PID/limits`; Infinity if it is missing or not a number. */
export function parseOpenFileLimit(limits: string): number {
  const soft = /^Max open files\s+(\d+)\s/m.exec(limits)?.[1];
  return soft === undefined ? Infinity : Number(soft);
}
