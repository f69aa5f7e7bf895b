import type { PayloadFormat, WantedEvent } from "../api/event-types.ts";
import { createAddressCheck, type AddressCheck } from "../network/addresses.ts";
import { WebhookError } from "./errors.ts";
import { eventsOfFormats } from "./payloads.ts";

/* The receivers that a webhook may have, and the events that they may hear of. */

/** The addresses that receivers may have. `allowed`: `webhooks.allowedNetworks`. */
export const receiverAddresses = (allowed: readonly string[]): AddressCheck =>
  createAddressCheck("webhooks.allowedNetworks can allow it", allowed);

const urlBytesAtMost = 2_048;

/** Returns the URL in its usual form. Throws {@link WebhookError}. */
export function checkUrl(text: string, addresses: AddressCheck): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (
    url === undefined ||
    (url.protocol !== "https:" && url.protocol !== "http:") ||
    text.length > urlBytesAtMost
  )
    throw new WebhookError("invalid", "url: must be an absolute http:// or https:// URL");
  if (url.username !== "" || url.password !== "" || url.hash !== "")
    throw new WebhookError("invalid", "url: may have no user, password or fragment");
  try {
    addresses.checkLiteral(url);
  } catch (error) {
    const { message } = error as Error;
    throw new WebhookError("invalid", `url: ${message}`, { cause: error });
  }
  return url.href;
}

/** Throws {@link WebhookError} if the format cannot tell of one of the events. */
export function checkEvents(format: PayloadFormat, events: readonly WantedEvent[]): void {
  if (events.length === 0) throw new WebhookError("invalid", "events: name at least one");
  const wrong = events.find((type) => !eventsOfFormats[format].includes(type));
  if (wrong !== undefined)
    throw new WebhookError(
      "invalid",
      `events: the format ${format} cannot tell of ${wrong}, only of ${eventsOfFormats[format].join(", ")}`,
    );
}
