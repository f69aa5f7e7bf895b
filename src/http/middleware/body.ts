import type { IncomingMessage } from "node:http";
import { createHeldBudget } from "../../concurrency/budgets.ts";
import { OciError } from "../../oci/errors.ts";
import { tooMany, type BudgetKey } from "./budgets.ts";
import { HubError } from "../hub/errors.ts";
import type { StreamBody } from "../route.ts";
import { badRequest } from "../token/errors.ts";

/*
 * Only this module reads request bodies. It reads a small body (a manifest, JSON or a form) completely before the final
 * permission check. It passes a stream (a blob) to the handler of a route that declares `body: "stream"`.
 */

/** Length of the request body in bytes; `undefined` with chunked transfer coding. */
function bodyLength(request: IncomingMessage): number | undefined {
  const declared = request.headers["content-length"];
  if (declared !== undefined) return Number(declared);
  return request.headers["transfer-encoding"] === undefined ? 0 : undefined;
}

/** Minimum average over the whole request, so that a client cannot extend its token by withholding the last byte. */
const keptComingBytesPerSecond = 16 * 1024;

/** The expiry of the token of a request, and the error for the client after it. */
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
   * Reads a small body completely. Rejects with 413 (too large; 400 for a form), 415 (JSON with another media type; 400
   * for a form), 408 (too late or too slow), 503 (all bodies of the kind exceed their memory budget) or 429 (the bodies
   * of this client exceed its share), in the error format of the kind; with ECONNRESET if the client disconnects.
   */
  read(request: IncomingMessage, kind: SmallBody, client: BudgetKey): Promise<Buffer>;
}

export interface BodyLimits {
  /** Maximum size of one manifest, in bytes. */
  readonly manifestSize: number;
  /** Memory budget of all manifests: this number of manifests of the maximum size. */
  readonly manifestsInFlight: number;
  /** Milliseconds within which a small body must arrive. */
  readonly bodyTimeout: number;
}

/** From `afterMs` on, a body must arrive at `bytesPerSecond` on average, counted from `afterMs`. */
export interface BodyRate {
  readonly afterMs: number;
  readonly bytesPerSecond: number;
}

const KiB = 1024;
/**
 * A full description has at most 25,000 characters, each up to 6 bytes of JSON (150,000 bytes); the rest is reserve.
 */
const jsonBytes = 256 * KiB;
/** Credentials, scopes and a service name take a few KiB. */
const formBytes = 64 * KiB;
/** Memory budget of JSON bodies, and of forms: this number of bodies of the maximum size each. */
const othersInFlight = 256;
/** One client may hold at most `1 / clientShare` of the memory budget of each kind. */
const clientShare = 4;
const defaultRate: BodyRate = { afterMs: 5000, bytesPerSecond: 256 };

interface Kind {
  readonly limitBytes: number;
  /** Of all bodies of the kind together. */
  readonly budgetBytes: number;
  /**
   * The accepted media types, and the error for another or a missing media type. Without `type`, all media types are
   * accepted.
   */
  readonly type?: { readonly matches: RegExp; readonly refuse: () => OciError };
  readonly error: (status: 400 | 408 | 413 | 503, message: string) => OciError;
}

function kindsOf({
  manifestSize,
  manifestsInFlight,
}: BodyLimits): Readonly<Record<SmallBody, Kind>> {
  return {
    manifest: {
      limitBytes: manifestSize,
      budgetBytes: manifestSize * manifestsInFlight,
      error: manifestError,
    },
    json: {
      limitBytes: jsonBytes,
      budgetBytes: jsonBytes * othersInFlight,
      // A page of another origin can send a form or plain text without a CORS preflight, but not JSON.
      type: {
        matches: /^application\/(?:[\w.-]+\+)?json$/,
        refuse: () =>
          new HubError(
            415,
            "the body must be JSON, with the header Content-Type: application/json",
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
          badRequest(
            "invalid_request",
            "the body must be a form: application/x-www-form-urlencoded",
          ),
      },
      // RFC 6749, 5.2: a malformed request is 400.
      error: (status, message) =>
        badRequest("invalid_request", message, status === 413 ? 400 : status),
    },
  };
}

export function createBodyReader(limits: BodyLimits, rate: BodyRate = defaultRate): BodyReader {
  const { bodyTimeout } = limits;
  const kinds = kindsOf(limits);
  // Bytes held in memory per kind: of all clients, and of each client.
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
      // One body of the maximum size is always allowed, so that each client can push.
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

/** Interval of the checks of the body rate and the body timeout. */
const checkEveryMs = 250;

/**
 * Collects the bytes of a request. `take` and `check` reject the request by throwing; then `early-end.ts` sends the
 * error and closes the connection.
 */
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
      // A later abort emits an error event, which would end the process if it had no listener.
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

const gone = (): Error =>
  Object.assign(new Error("the client disconnected"), { code: "ECONNRESET" });

const mediaTypeOf = ({ headers }: IncomingMessage): string =>
  headers["content-type"]?.split(";", 1)[0]?.trim().toLowerCase() ?? "";

function manifestError(status: 400 | 408 | 413 | 503, message: string): OciError {
  return status === 503
    ? new OciError("UNAVAILABLE", message, { headers: { "Retry-After": "1" } })
    : new OciError("MANIFEST_INVALID", message, { status });
}
