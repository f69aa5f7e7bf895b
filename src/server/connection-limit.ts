import { readFileSync } from "node:fs";
import type { Server } from "node:http";

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

/** Refuses connections beyond the limit, and sees to it that idle ones do not hold the last places for long. */
export function limitConnections(
  server: Server,
  {
    connections,
    idleMs,
    onRefused,
  }: {
    readonly connections: number;
    readonly idleMs: number;
    readonly onRefused: () => void;
  },
): void {
  const patient = Math.min(keepAliveMs, idleMs);
  const crowded = Math.min(crowdedKeepAliveMs, idleMs);
  let open = 0;
  const count = (by: 1 | -1): void => {
    open += by;
    server.keepAliveTimeout = open > connections / 2 ? crowded : patient;
  };
  server.keepAliveTimeout = patient;
  // Not `maxConnections`: a worker that refuses a connection so has it handed to it again, and again.
  server.on("connection", (socket) => {
    if (open >= connections) {
      socket.destroy();
      onRefused();
      return;
    }
    count(1);
    socket.once("close", () => count(-1));
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
