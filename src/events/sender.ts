import { createHmac } from "node:crypto";
import { request, type Dispatcher } from "undici";
import type { StoredEvent } from "../database/events/deliveries.ts";
import type { Receiver } from "../database/events/webhook-secrets.ts";
import type { AddressCheck } from "../network/addresses.ts";
import { openConnections, type ProxySettings } from "../network/connections.ts";
import { receiverAnswerAtMost } from "../api/limits.ts";
import { printableLine } from "../observability/printable.ts";
import { answerMs, reasonOf, SecretError } from "./errors.ts";
import { renderPayload, type Teller } from "./payloads.ts";
import type { WebhookSecrets } from "./secrets.ts";

const connectionsPerReceiver = 16;

/** What a receiver answered. */
export interface Attempt {
  readonly isDelivered: boolean;
  /** The receiver did not answer, or said that it is not available now: other deliveries would fail too. */
  readonly isUnreachable: boolean;
  readonly status: number | null;
  /** The begin of the answer, or why there was none. */
  readonly answer: string;
}

export interface Sender {
  /** Sends an event once. Never rejects. */
  send(receiver: Receiver, event: StoredEvent, deliveryId: number): Promise<Attempt>;
  close(): Promise<void>;
}

export function createSender(parts: {
  readonly addresses: AddressCheck;
  readonly proxies: ProxySettings;
  readonly secrets: () => Promise<WebhookSecrets>;
  readonly teller: Teller;
  readonly clock: () => number;
}): Sender {
  const { addresses, proxies, secrets, teller, clock } = parts;
  const trust = { rejectUnauthorized: true };
  const dispatcher = openConnections(
    { addresses, trust, connections: connectionsPerReceiver, idleMs: answerMs },
    proxies,
  );
  return {
    async send(receiver, event, deliveryId) {
      try {
        addresses.checkLiteral(new URL(receiver.url));
        const nowMs = clock();
        const opened = await secrets();
        const authorization = opened.openAuthorization(receiver);
        if (authorization === undefined && receiver.authorization !== null)
          throw new SecretError("the authorization cannot be decrypted: set a new one");
        const { contentType, body } = renderPayload(receiver.format, event, teller);
        const headers = {
          "content-type": contentType,
          "user-agent": `berth/${teller.version}`,
          "x-berth-event": event.type,
          "x-berth-delivery": String(deliveryId),
          ...signatureHeaders(opened.open(receiver, nowMs), body, nowMs),
          ...(authorization === undefined ? {} : { authorization }),
        };
        const attempt = await post(dispatcher, { url: receiver.url, headers, body });
        return { ...attempt, answer: withoutCredentials(attempt.answer, authorization) };
      } catch (error) {
        const answer = reasonOf(error);
        return { isDelivered: false, isUnreachable: true, status: null, answer };
      }
    },
    close: () => dispatcher.destroy(),
  };
}

/** Administrators of a webhook read the answers of its receiver, which may repeat what it got. */
const withoutCredentials = (answer: string, authorization = ""): string => {
  const credentials = authorization.slice(authorization.indexOf(" ") + 1);
  return credentials === "" ? answer : answer.replaceAll(credentials, "***");
};

/**
 * The signatures of a body, the newest secret first. `X-Berth-Signature-256` signs `TIMESTAMP.BODY`, so that a receiver can
 * reject a repetition of an old request. `X-Signature` signs the body alone with the newest secret, as the
 * generic-hmac receiver of Flux expects.
 */
export function signatureHeaders(
  secrets: readonly string[],
  body: string,
  nowMs: number,
): Readonly<Record<string, string>> {
  const seconds = String(Math.trunc(nowMs / 1000));
  const sign = (secret: string, text: string): string =>
    `sha256=${createHmac("sha256", secret).update(text).digest("hex")}`;
  return {
    "x-berth-timestamp": seconds,
    "x-berth-signature-256": secrets.map((one) => sign(one, `${seconds}.${body}`)).join(", "),
    "x-signature": sign(secrets[0] ?? "", body),
  };
}

/** Gateways that have no receiver, and receivers that want fewer requests. */
const unavailable: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** Sends a body once. Redirects are not followed: they would lead around the check of the URL. */
export async function post(
  dispatcher: Dispatcher,
  asked: {
    readonly url: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
    readonly signal?: AbortSignal;
  },
): Promise<Attempt> {
  const { url, headers, body } = asked;
  const signals = asked.signal === undefined ? [] : [asked.signal];
  const signal = AbortSignal.any([AbortSignal.timeout(answerMs), ...signals]);
  const send = () => request(url, { method: "POST", headers, body, dispatcher, signal });
  // The receiver may close a connection at the moment in which it is used again.
  const response = await send().catch((error: unknown) => {
    if (isClosed(error)) return send();
    throw error;
  });
  const status = response.statusCode;
  const text = await beginOf(response.body);
  const isDelivered = status >= 200 && status < 300;
  return { isDelivered, isUnreachable: unavailable.has(status), status, answer: text };
}

const isClosed = (error: unknown): boolean =>
  error instanceof Error &&
  "code" in error &&
  (error.code === "UND_ERR_SOCKET" || error.code === "ECONNRESET");

async function beginOf(body: Dispatcher.ResponseData["body"]): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of body as AsyncIterable<Buffer>) {
    pieces.push(piece);
    bytes += piece.length;
    if (bytes >= receiverAnswerAtMost) break;
  }
  const text = Buffer.concat(pieces).subarray(0, receiverAnswerAtMost).toString("utf8");
  return printableLine(text.replaceAll("\0", ""));
}
