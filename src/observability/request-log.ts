import process from "node:process";
import { symbols, type DestinationStream } from "pino";
import type { Logger } from "./logger.ts";

/*
 * The log line of each request. It takes 1 to 2 µs. By pino, with the redaction of the other lines, it would take over 100 µs
 * (Node 20), and a manifest request takes 30. Its fields are fixed and none can have a credential, so nothing is redacted.
 */

/** @property code `undefined`: the answer has none, as in the Hub-shaped API */
export interface Rejection {
  readonly code: string | undefined;
  readonly reason: string;
}

/** What the line of a request says. */
export interface LoggedRequest {
  /** Letters, digits and the characters `-_.:=+/@`. */
  readonly requestId: string;
  readonly traceId?: string | undefined;
  readonly method: string;
  /** Without the query, which may contain secrets. */
  readonly path: string;
  readonly repository?: string | undefined;
  /** `undefined`: the client left before the answer. */
  readonly status: number | undefined;
  readonly account?: string | undefined;
  /** The label of the access token. */
  readonly token?: string | undefined;
  /** Why the request was refused: the code and the message that the client got. */
  readonly rejection?: Rejection | undefined;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly durationMs: number;
  readonly peer: string;
  readonly agent?: string | undefined;
}

const levels = { debug: 20, info: 30, warn: 40 } as const;
export type RequestLevel = keyof typeof levels;

/**
 * Lines wait for at most this time, or until they have this many characters, and are written together: a write wakes a
 * thread, which takes 20 µs. Writes of up to 4,096 bytes to a pipe are not mixed with those of other processes (POSIX,
 * `PIPE_BUF`).
 */
const waitMs = 100;
const charactersAtMost = { alone: 64_000, shared: 4_000 };

/** Quoted texts that are kept, because clients and accounts send many requests; at most 1 MB. */
const quotedAtMost = 1_000;
const quotedCharactersAtMost = 256;

/** The logs whose lines wait. A process that ends by an error or a second signal does not close them. */
const waiting = new Set<RequestLog>();
// Before the listener of pino, which writes what its stream has.
process.prependListener("exit", () => waiting.forEach((log) => log.close()));

/** Monitoring asks for them again and again. */
const monitoringPaths = new Set(["/healthz", "/readyz", "/metrics"]);

export class RequestLog {
  readonly #logger: Logger;
  readonly #isOn: boolean;
  readonly #stream: DestinationStream;
  /** The members of each line of this logger, such as `,"worker":1`. */
  readonly #bindings: string;
  readonly #json: (text: string) => string;
  readonly #quoted = new Map<string, string>();
  #lines = "";
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  readonly #charactersAtMost: number;

  /**
   * @param settings.isOn `log.requests`; otherwise only refused and failed requests have a line at info or above
   * @param settings.output whether other processes write to the same pipe
   */
  constructor(
    logger: Logger,
    { isOn, output }: { readonly isOn: boolean; readonly output: "alone" | "shared" },
  ) {
    const parts = logger as unknown as {
      readonly [symbols.streamSym]: DestinationStream;
      readonly [symbols.chindingsSym]: string;
      readonly [symbols.hooksSym]: { readonly streamWrite?: (line: string) => string };
    };
    const clean = parts[symbols.hooksSym].streamWrite ?? ((line) => line);
    this.#logger = logger;
    this.#isOn = isOn;
    this.#charactersAtMost = charactersAtMost[output];
    this.#stream = parts[symbols.streamSym];
    this.#bindings = parts[symbols.chindingsSym];
    this.#json = (text) => clean(JSON.stringify(text));
  }

  /** Whether a successful request of the distribution API has a line. */
  get logsSuccess(): boolean {
    return this.#logger.isLevelEnabled(this.#isOn ? "info" : "debug");
  }

  /**
   * The level of the line of a request; `undefined`: it has none.
   * @param request.hasCredentials it had an `Authorization` header
   */
  levelOf(request: {
    readonly status: number | undefined;
    readonly path: string;
    readonly hasCredentials: boolean;
  }): RequestLevel | undefined {
    const level = this.#levelOf(request);
    return this.#logger.isLevelEnabled(level) ? level : undefined;
  }

  /** @param level of {@link levelOf} */
  write(level: RequestLevel, request: LoggedRequest): void {
    this.#add(level, request, this.#json(request.path));
  }

  /** The line of a successful request whose path is a valid name and reference. Call it only if {@link logsSuccess}. */
  writePulled(request: LoggedRequest): void {
    this.#add(this.#isOn ? "info" : "debug", request, `"${request.path}"`);
  }

  /** Writes the lines that wait, and each later one at once. */
  close(): void {
    this.#isClosed = true;
    this.#flush();
  }

  /** An agent, an address or a name as a JSON string. */
  #quote(text: string): string {
    const known = this.#quoted.get(text);
    if (known !== undefined) return known;
    const quoted = this.#json(text);
    if (text.length > quotedCharactersAtMost) return quoted;
    if (this.#quoted.size === quotedAtMost) this.#quoted.clear();
    this.#quoted.set(text, quoted);
    return quoted;
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    waiting.delete(this);
    if (this.#lines !== "") this.#stream.write(this.#lines);
    this.#lines = "";
  }

  /** Every login and pull begins with a 401 without credentials. */
  #levelOf({ status, path, hasCredentials }: Parameters<RequestLog["levelOf"]>[0]): RequestLevel {
    if (status !== undefined && status >= 500) return "warn";
    const isGood = status === undefined || status < 400;
    if (this.#isOn) return isGood && monitoringPaths.has(path) ? "debug" : "info";
    if (isGood || status === 404) return "debug";
    return status === 401 && !hasCredentials ? "debug" : "info";
  }

  #add(level: RequestLevel, request: LoggedRequest, path: string): void {
    const { status, repository, account, token, rejection, agent } = request;
    let line = `{"level":${levels[level]},"time":"${isoTime()}"${this.#bindings},"requestId":"${request.requestId}","method":"${request.method}","path":${path}`;
    if (request.traceId !== undefined) line += `,"traceId":"${request.traceId}"`;
    if (status !== undefined) line += `,"status":${status}`;
    if (repository !== undefined) line += `,"repository":"${repository}"`;
    if (account !== undefined) line += `,"account":${this.#quote(account)}`;
    if (token !== undefined) line += `,"token":${this.#quote(token)}`;
    if (rejection?.code !== undefined) line += `,"error":"${rejection.code}"`;
    if (rejection !== undefined) line += `,"reason":${this.#json(rejection.reason)}`;
    line += `,"receivedBytes":${request.receivedBytes},"sentBytes":${request.sentBytes}`;
    line += `,"ms":${inHundredths(request.durationMs)},"peer":${this.#quote(request.peer)}`;
    if (agent !== undefined) line += `,"agent":${this.#quote(agent)}`;
    this.#lines += `${line},"msg":"request"}\n`;
    if (this.#isClosed || this.#lines.length >= this.#charactersAtMost) this.#flush();
    else if (this.#timer === undefined) {
      this.#timer = setTimeout(() => this.#flush(), waitMs).unref();
      waiting.add(this);
    }
  }
}

/** The endings of a number with at most two decimals: "", ".01", …, ".1", …, ".99". */
const decimals = Array.from({ length: 100 }, (_, hundredths) => `${hundredths / 100}`.slice(1));

/** A number rounded to hundredths. The text of an integer takes V8 a tenth of the time of another number. */
function inHundredths(value: number): string {
  const hundredths = Math.round(value * 100);
  return `${Math.trunc(hundredths / 100)}${decimals[hundredths % 100]}`;
}

let lastMs = 0;
let lastText = "";

/** The time now, as the log has it. Many requests end in one millisecond. */
function isoTime(): string {
  const nowMs = Date.now();
  if (nowMs !== lastMs) {
    lastMs = nowMs;
    lastText = new Date(nowMs).toISOString();
  }
  return lastText;
}
