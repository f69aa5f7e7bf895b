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
  // What Node could not parse of a request, as bytes, with every header that came before.
  "rawPacket",
];
const places = ["", "*.", "headers.", "*.headers."];

/**
 * The program's log, on standard error: standard output belongs to what a command answers. Written without making the
 * caller wait. Credentials are blotted out wherever they usually stand, at the top or one level down.
 * @param destination takes the lines instead, for tests
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
    // Paths, user agents and messages of other servers are in the lines, and the lines are read at a terminal.
    hooks: { streamWrite: isPretty ? withoutEscapedControls : printableJson },
  };
  const sink = destination ?? pino.destination({ dest: process.stderr.fd, sync: false });
  if (!isPretty) return pino(options, sink);
  const settings = { colorize: process.stderr.isTTY, translateTime: "SYS:HH:MM:ss.l", sync: false };
  return pino(options, pretty({ ...settings, destination: destination ?? process.stderr.fd }));
}

/** `headers.` and `set-cookie` → `headers["set-cookie"]`. */
function pathOf(place: string, name: string): string {
  return name.includes("-") ? `${place.replace(/\.$/, "")}["${name}"]` : `${place}${name}`;
}
