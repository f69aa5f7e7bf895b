import process from "node:process";
import { pino, type DestinationStream, type Logger } from "pino";
import pretty from "pino-pretty";
import { printableJson, withoutEscapedControls } from "./printable.ts";

export type { Logger };

export interface LoggerSettings {
  readonly level: "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";
  /** `auto`: pretty if standard error is a terminal. */
  readonly format: "auto" | "pretty" | "json";
}

const secrets = [
  "authorization",
  "proxy-authorization",
  "cookie",
  "set-cookie",
  "password",
  "token",
  "secret",
  "secretAccessKey",
  // On a parse error Node attaches the raw bytes of the request, including its headers.
  "rawPacket",
];
const places = ["", "*.", "headers.", "*.headers."];

/**
 * Creates the log of the program. It writes to standard error, because standard output carries the results of commands,
 * and it writes asynchronously. It redacts credentials in the usual fields, at the top level, one level down, and in
 * `headers`.
 * @param destination receives the lines instead, for tests
 */
export function createLogger(
  { level, format }: LoggerSettings,
  destination?: DestinationStream,
): Logger {
  const isPretty = format === "pretty" || (format === "auto" && process.stderr.isTTY);
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: {
      paths: places.flatMap((place) => secrets.map((name) => pathOf(place, name))),
      censor: "[redacted]",
    },
    // The lines contain paths, user agents and messages from other servers, and operators read them in a terminal.
    hooks: { streamWrite: isPretty ? withoutEscapedControls : printableJson },
  };
  // Writes of up to 4,096 bytes to a pipe are not mixed with those of other processes (POSIX, `PIPE_BUF`).
  const sink =
    destination ?? pino.destination({ dest: process.stderr.fd, sync: false, maxWrite: 4_096 });
  if (!isPretty) return pino(options, sink);
  // `hasColors` is false with NO_COLOR (no-color.org).
  const colorize = process.stderr.isTTY && process.stderr.hasColors();
  const settings = { colorize, translateTime: "SYS:HH:MM:ss.l", sync: false };
  return pino(options, pretty({ ...settings, destination: destination ?? process.stderr.fd }));
}

/** `headers.` and `set-cookie` → `headers["set-cookie"]`. */
function pathOf(place: string, name: string): string {
  return name.includes("-") ? `${place.replace(/\.$/, "")}["${name}"]` : `${place}${name}`;
}
