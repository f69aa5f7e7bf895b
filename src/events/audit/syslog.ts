import { createSocket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { connect, type NetConnectOpts } from "node:net";
import { hostname } from "node:os";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import type { AuditEntry } from "../../database/events/audit.ts";
import { shownEntry, type AuditReceiver } from "./forwarder.ts";

/* The audit log for a syslog server: messages of RFC 5424, over UDP (RFC 5426), TCP or a Unix socket (RFC 6587). */

/** Facility 13 (log audit), severity 6 (informational). */
const priority = 13 * 8 + 6;
/** The largest message that rsyslog and syslog-ng take by default. */
const messageBytesAtMost = 8_192;
const msgIdAtMost = 32;

/** An entry as a message. All bytes are ASCII, so that a receiver needs no byte order mark. */
export function syslogMessage(entry: AuditEntry): Buffer {
  const message = messageOf(entry);
  if (message.length <= messageBytesAtMost) return message;
  return messageOf({ ...entry, data: { shortened: "true" } });
}

function messageOf(entry: AuditEntry): Buffer {
  const shown = shownEntry(entry);
  const id = entry.action.slice(0, msgIdAtMost);
  const head = `<${priority}>1 ${shown.at} ${ownName()} berth ${process.pid} ${id} -`;
  return Buffer.from(`${head} ${asciiJson(shown)}`, "latin1");
}

/** The name of this machine; `-` is none (RFC 5424, section 6.2.4). */
function ownName(): string {
  const name = hostname().replaceAll(/[^\x21-\x7e]/g, "");
  return name === "" ? "-" : name.slice(0, 255);
}

const asciiJson = (value: unknown): string =>
  JSON.stringify(value).replaceAll(
    /[^\x20-\x7e]/g,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

/** A burst of more datagrams overflows the buffer of a receiver. */
const datagramsAtOnce = 50;
const betweenBurstsMs = 10;
/** In this time a machine in the same network answers that nothing listens on the port. */
const portClosedMs = 50;

/** A syslog server over UDP, which does not say what has arrived: entries may be lost. */
export function openSyslogDatagrams(address: string, host: string, port: number): AuditReceiver {
  return {
    address,
    async send(entries, signal) {
      const { address: ip, family } = await lookup(host);
      const socket = createSocket(family === 6 ? "udp6" : "udp4");
      const failed = new Promise<never>((_, reject) => void socket.on("error", reject));
      failed.catch(() => undefined);
      try {
        socket.connect(port, ip);
        await once(socket, "connect");
        for (const [at, entry] of entries.entries()) {
          const sent = new Promise<void>((resolve, reject) => {
            socket.send(syslogMessage(entry), (error) => (error ? reject(error) : resolve()));
          });
          await Promise.race([sent, failed]);
          if (at % datagramsAtOnce === datagramsAtOnce - 1)
            await pause(betweenBurstsMs, undefined, { signal });
        }
        // The system reports a closed port to a connected socket.
        await Promise.race([pause(portClosedMs), failed]);
      } finally {
        socket.close();
      }
    },
    close: async () => undefined,
  };
}

/** A connection without progress for this time has failed. */
const usualIdleMs = 10_000;

/**
 * A syslog server over TCP or a Unix socket, with octet counting (RFC 6587). Syslog has no acknowledgement. The connection
 * is closed after the entries, and the receiver closes its end when it has read them: until then they are not sent.
 */
export function openSyslogStream(
  address: string,
  target: NetConnectOpts,
  { idleMs = usualIdleMs } = {},
): AuditReceiver {
  return {
    address,
    send: (entries, signal) => sendAndClose({ ...target, signal }, framesOf(entries), idleMs),
    close: async () => undefined,
  };
}

const framesOf = (entries: readonly AuditEntry[]): Buffer =>
  Buffer.concat(
    entries.flatMap((entry) => {
      const message = syslogMessage(entry);
      return [Buffer.from(`${message.length} `), message];
    }),
  );

function sendAndClose(target: NetConnectOpts, bytes: Buffer, idleMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(target);
    let [isSent, isRead] = [false, false];
    const fail = (reason: string): void => void socket.destroy(new Error(reason));
    socket.setTimeout(idleMs);
    socket.on("timeout", () => {
      // The system takes what it sends to a receiver that hangs, so that it may be lost with the receiver.
      if (isSent) fail(`the receiver did not close the connection in ${idleMs / 1_000} s`);
      else fail(`no progress in ${idleMs / 1_000} s`);
    });
    socket.on("error", reject);
    // What it sends is not read, but its end is seen only then.
    socket.resume();
    socket.on("end", () => {
      if (isSent) isRead = true;
      else fail("the receiver closed the connection");
    });
    socket.on("finish", () => (isSent = true));
    socket.on("close", () => (isRead ? resolve() : reject(new Error("the connection was closed"))));
    socket.end(bytes);
  });
}
