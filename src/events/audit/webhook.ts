import { openConnections, type ProxySettings } from "../../network/connections.ts";
import { answerMs } from "../errors.ts";
import { post, signatureHeaders } from "../sender.ts";
import { shownEntry, type AuditReceiver } from "./forwarder.ts";

/** The receiver got the entries and did not accept them. */
class NotAcceptedError extends Error {
  override readonly name = "NotAcceptedError";
}

/**
 * A webhook that gets entries of the audit log as a JSON array. The operator chose its address, so all addresses are
 * allowed.
 */
export function openAuditWebhook(parts: {
  readonly url: string;
  /** Signs the body as for other webhooks; `undefined`: it is not signed. */
  readonly secret: string | undefined;
  readonly version: string;
  readonly proxies: ProxySettings;
  readonly clock: () => number;
}): AuditReceiver {
  const { url, secret, version, proxies, clock } = parts;
  const trust = { rejectUnauthorized: true };
  const settings = { addresses: undefined, trust, connections: 1, idleMs: answerMs };
  const dispatcher = openConnections(settings, proxies);
  const { origin } = new URL(url);
  return {
    address: origin,
    async send(entries, signal) {
      const body = JSON.stringify(entries.map(shownEntry));
      const headers = {
        "content-type": "application/json",
        "user-agent": `berth/${version}`,
        "x-berth-event": "audit",
        ...(secret === undefined ? {} : signatureHeaders([secret], body, clock())),
      };
      const asked = { url, headers, body, signal };
      const { isDelivered, status, answer } = await post(dispatcher, asked);
      if (!isDelivered) throw new NotAcceptedError(`${origin} answered ${status}: ${answer}`);
    },
    close: () => dispatcher.destroy(),
  };
}
