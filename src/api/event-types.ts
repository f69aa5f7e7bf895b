/* What webhooks may be told, and how: for the database, the domain, the API and its clients. */

/** In the order of the documentation. */
export const eventTypes = [
  "push",
  "pull",
  "tag.moved",
  "tag.deleted",
  "repository.created",
  "repository.deleted",
  "repository.visibility",
  "quota.near",
  "quota.over",
  "mirror.failing",
  "mirror.working",
] as const;
export type WantedEvent = (typeof eventTypes)[number];
/** A `ping` is sent only on request. */
export type EventType = WantedEvent | "ping";

export const payloadFormats = ["hub", "distribution", "cloudevents"] as const;
export type PayloadFormat = (typeof payloadFormats)[number];

export const deliveryStates = ["waiting", "delivered", "dead"] as const;
export type DeliveryState = (typeof deliveryStates)[number];
