import type { IncomingMessage } from "node:http";
import { createHeldBudget } from "../../concurrency/budgets.ts";
import { OciError } from "../../oci/errors.ts";
import { tooMany, type BudgetKey } from "./budgets.ts";
import { HubError } from "../hub/errors.ts";
import { badRequest } from "../token/errors.ts";

/*
 * The only place that takes bytes out of a request. A small body (a manifest, JSON, a form) is read as a whole before
 * the permission is authorized; a stream (a blob) is handed to the handler of a route that declares it.
 */

/** Length of a request's body in bytes; `undefined` if only its end will tell (chunked transfer coding). */
function bodyLength(request: IncomingMessage): number | undefined {
  const declared = request.headers["content-length"];
  if (declared !== undefined) return Number(declared);
  return request.headers["transfer-encoding"] === undefined ? 0 : undefined;
}

/** A body that does not fit into memory. */
export interface StreamBody {
  readonly source: IncomingMessage;
  /** `undefined` with chunked transfer coding. */
  readonly lengthBytes: number | undefined;
  /**
   * To be asked when the last byte is here, by requests that record something. Throws if the token has ended while the
   * body was on its way, unless the bytes kept coming: a layer of many GB takes longer than a token lives.
   */
  demandToken(): void;
}

/** On average over the request, so that a client that holds a byte back does not extend its token. */
const keptComingBytesPerSecond = 16 * 1024;

/** When the token of a request ends, and what the client is told then. */
export interface StreamToken {
  readonly expiresAtMs: number | undefined;
  readonly ended: () => OciError;
}

export function streamOf(request: IncomingMessage, token: StreamToken): StreamBody {
  const { socket } = request;
  const [startedAtMs, before] = [Date.now(), socket.bytesRead];
  return {
    source: request,
    lengthBytes: bodyLength(request),
    demandToken() {
      const nowMs = Date.now();
      if ((token.expiresAtMs ?? Infinity) > nowMs) return;
      const seconds = (nowMs - startedAtMs) / 1000;
      if (socket.bytesRead - before < seconds * keptComingBytesPerSecond) throw token.ended();
    },
  };
}

export type SmallBody = "manifest" | "json" | "form";

export interface BodyReader {
  /**
   * Reads a small body as a whole. Rejects with 413 (too large), 408 (not here in time, or too slow), 503 (all bodies
   * of the kind together hold too much), 429 (those of the client do), in the error format of the kind, and with ECONNRESET if the client goes away.
   */
  read(request: IncomingMessage, kind: SmallBody, client: BudgetKey): Promise<Buffer>;
}

export interface BodyLimits {
  /** Bytes of one manifest. */
  readonly manifestSize: number;
  /** Manifests of that size that may be in memory at once. */
  readonly manifestsInFlight: number;
  /** Milliseconds in which a small body has to be here. */
  readonly bodyTimeout: number;
}

/** After `afterMs` a body must have come at `bytesPerSecond` on average, counted from there. */
export interface BodyRate {
  readonly afterMs: number;
  readonly bytesPerSecond: number;
}

const KiB = 1024;
/** A full description of 25,000 characters, each of them six bytes of JSON, and some more. */
const jsonBytes = 256 * KiB;
/** Credentials, scopes and the name of a service are a few KiB. */
const formBytes = 64 * KiB;
/** JSON bodies and forms of that size that may be in memory at once. */
const othersInFlight = 256;
/** One client may hold this part of what all may: `1 / clientShare`. */
const clientShare = 4;
const defaultRate: BodyRate = { afterMs: 5000, bytesPerSecond: 256 };

interface Kind {
  readonly limitBytes: number;
  /** Of all bodies of the kind together. */
  readonly budgetBytes: number;
  /** The media types that are read, if not all; what a body of another type, or of none, is answered with. */
  readonly type?: { readonly matches: RegExp; readonly refuse: () => OciError };
  readonly error: (status: 400 | 408 | 413 | 503, message: string) => OciError;
}

export function createBodyReader(limits: BodyLimits, rate: BodyRate = defaultRate): BodyReader {
  const { manifestSize, manifestsInFlight, bodyTimeout } = limits;
  const kinds: Readonly<Record<SmallBody, Kind>> = {
    manifest: {
      limitBytes: manifestSize,
      budgetBytes: manifestSize * manifestsInFlight,
      error: manifestError,
    },
    json: {
      limitBytes: jsonBytes,
      budgetBytes: jsonBytes * othersInFlight,
      // A page of another site can send a form or plain text without asking, but no JSON.
      type: {
        matches: /^application\/(?:[\w.-]+\+)?json$/,
        refuse: () =>
          new HubError(
            415,
            "the body is JSON: send it with the header Content-Type: application/json",
          ),
      },
      error: (status, message) => new HubError(status, message),
    },
    form: {
      limitBytes: formBytes,
      budgetBytes: formBytes * othersInFlight,
      type: {
        matches: /^application\/x-www-form-urlencoded$/,
        refuse: () =>
          badRequest("invalid_request", "the body is application/x-www-form-urlencoded"),
      },
      // RFC 6749, 5.2: a request that can't be read is 400.
      error: (status, message) =>
        badRequest("invalid_request", message, status === 413 ? 400 : status),
    },
  };
  // Bytes held in memory, by kind: of all clients, and of each.
  const held: Record<SmallBody, number> = { manifest: 0, json: 0, form: 0 };
  const ofClient = createHeldBudget(Infinity);

  const readWhole = async (
    request: IncomingMessage,
    name: SmallBody,
    client: BudgetKey,
  ): Promise<Buffer> => {
    const { limitBytes, budgetBytes, type, error } = kinds[name];
    const isRead = bodyLength(request) === 0 || type?.matches.test(mediaTypeOf(request)) !== false;
    if (type !== undefined && !isRead) throw type.refuse();
    const tooLarge = () => error(413, `the body is larger than ${limitBytes} bytes`);
    if ((bodyLength(request) ?? 0) > limitBytes) throw tooLarge();
    let size = 0;
    const key = `${name} ${client}`;
    const take = (bytes: number): void => {
      size += bytes;
      held[name] += bytes;
      ofClient.acquire(key, bytes);
      if (size > limitBytes) throw tooLarge();
      // One body is always let in, so that a client can push at all.
      const mostBytes = Math.max(limitBytes, budgetBytes / clientShare);
      if (ofClient.held(key) > mostBytes)
        throw tooMany("too many bodies of this client are being read: try again later", 1000);
      if (held[name] > budgetBytes)
        throw error(503, "too many bodies are being read at once: try again in a second");
    };
    const check = (elapsedMs: number): void => {
      const overMs = elapsedMs - rate.afterMs;
      if (overMs > 0 && size < (overMs / 1000) * rate.bytesPerSecond)
        throw error(408, `the body came at less than ${rate.bytesPerSecond} bytes a second`);
      if (elapsedMs >= bodyTimeout)
        throw error(408, `the body did not arrive within ${bodyTimeout / 1000} s`);
    };
    try {
      return await gather(request, take, check);
    } finally {
      held[name] -= size;
      ofClient.release(key, size);
    }
  };

  return { read: readWhole };
}

/** How often a body is compared with its deadline. */
const checkEveryMs = 250;

/** The bytes of a request. `take` and `check` refuse by throwing; then `early-end.ts` ends the connection with the answer. */
function gather(
  request: IncomingMessage,
  take: (bytes: number) => void,
  check: (elapsedMs: number) => void,
): Promise<Buffer> {
  const pieces: Buffer[] = [];
  const startedAtMs = performance.now();
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void): void => {
      clearInterval(timer);
      request.off("data", onData).off("end", onEnd).off("error", onClose).off("close", onClose);
      // An abort after this is an error event that would end the process if it had no listener.
      request.on("error", () => undefined);
      settle();
    };
    const orFail = (work: () => void): void => {
      try {
        work();
      } catch (error) {
        finish(() => reject(error));
      }
    };
    const onData = (piece: Buffer): void =>
      orFail(() => {
        take(piece.length);
        pieces.push(piece);
      });
    const onEnd = (): void =>
      finish(() => resolve(pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces)));
    const onClose = (): void => finish(() => reject(gone()));
    const timer = setInterval(
      () => orFail(() => check(performance.now() - startedAtMs)),
      checkEveryMs,
    );
    request.on("data", onData).on("end", onEnd).on("error", onClose).on("close", onClose);
    if (request.destroyed && !request.readableEnded) onClose();
  });
}

const gone = (): Error => Object.assign(new Error("the client went away"), { code: "ECONNRESET" });

const mediaTypeOf = ({ headers }: IncomingMessage): string =>
  headers["content-type"]?.split(";", 1)[0]?.trim().toLowerCase() ?? "";

function manifestError(status: 400 | 408 | 413 | 503, message: string): OciError {
  return status === 503
    ? new OciError("UNAVAILABLE", message, { headers: { "Retry-After": "1" } })
    : new OciError("MANIFEST_INVALID", message, { status });
}
