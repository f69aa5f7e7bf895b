import { readFileSync } from "node:fs";
import type { Server } from "node:http";
import { addressKey, createHeldBudget } from "../concurrency/budgets.ts";

/** What the program and its threads hold open for themselves, with room for what it does besides answering. */
const ownDescriptors = 52;
/** A connection's socket, and the file that its request reads or writes. */
const descriptorsEach = 2;

/** Longer than the 60 s that proxies usually keep a connection, so that it is the proxy who closes it. */
const keepAliveMs = 75_000;
/** So that others get their turn when connections are scarce. The answer tells the client how long. */
const crowdedKeepAliveMs = 5_000;

/**
 * Connections that may be open at one time: as many as were asked for, and with 0 as many as the system's limit of open
 * files carries, so that a push that was let in never finds that there is no descriptor left for its file.
 */
export function connectionLimit(asked: number, openFiles = openFileLimit()): number {
  if (asked > 0) return asked;
  return Math.max(1, Math.floor((openFiles - ownDescriptors) / descriptorsEach));
}

/** However few connections there may be, one address gets this many: what a CI machine opens at once. */
const addressAtLeast = 64;
/** However many there may be, one address gets no more. */
const addressAtMost = 10_000;

/** Connections that one address may have open: as many as were asked for, and with 0 half of all. */
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
  /** Addresses of trusted proxies, whose connections are those of many clients. */
  readonly isProxy: (address: string) => boolean;
  readonly onRejected: (why: { readonly limit: number; readonly address?: string }) => void;
}

/** Refuses connections beyond the limits, and sees to it that idle ones do not hold the last places for long. */
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
  // Not `maxConnections`: a worker that refuses a connection so has it handed to it again, and again.
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

/** Open files that this process may have; Infinity where the system does not say. */
function openFileLimit(): number {
  try {
    return parseOpenFileLimit(readFileSync("/proc/self/limits", "utf8"));
  } catch {
    return Infinity;
  }
}

/** The soft limit in the text of `/proc/PID/limits`; Infinity if there is none, or none that can be read. */
export function parseOpenFileLimit(limits: string): number {
  const soft = /^Max open files\s+(\d+)\s/m.exec(limits)?.[1];
  return soft === undefined ? Infinity : Number(soft);
}
