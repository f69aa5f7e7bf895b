import { timeOf, timeOrNull } from "../api/fields.ts";
import type { DeliveryAnswer, WebhookAnswer } from "../api/webhooks.ts";
import type { Delivery } from "../database/events/deliveries.ts";
import type { Webhook } from "../database/events/webhook-reads.ts";
import { subjectOfEvent } from "./payloads.ts";

/* Webhooks and deliveries as the API and the command line show them. */

export const presentWebhook = (webhook: Webhook): WebhookAnswer => ({
  id: webhook.id,
  url: webhook.url,
  format: webhook.format,
  events: [...webhook.events],
  is_active: webhook.isActive,
  created_by: webhook.creator,
  created_at: timeOf(webhook.createdAtMs),
  old_secret_until: timeOrNull(webhook.oldSecretUntilMs),
  has_authorization: webhook.hasAuthorization,
  waiting: webhook.waiting,
  dead: webhook.dead,
});

export const presentDelivery = (delivery: Delivery): DeliveryAnswer => ({
  id: delivery.id,
  event: delivery.event.type,
  event_id: String(delivery.event.id),
  subject: subjectOfEvent(delivery.event),
  state: delivery.state,
  occurred_at: timeOf(delivery.event.atMs),
  attempts: delivery.attempts,
  next_attempt: timeOrNull(delivery.nextAtMs),
  ended_at: timeOrNull(delivery.endedAtMs),
  status: delivery.status,
  answer: delivery.answer,
  duration_ms: delivery.durationMs,
});
