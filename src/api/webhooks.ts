import * as z from "zod";
import { deliveryStates, eventTypes, payloadFormats } from "./event-types.ts";
import { pageFields, time } from "./fields.ts";
import { deliveryBodyAtMost, receiverAnswerAtMost, webhooksAtMost } from "./limits.ts";

/* Webhooks of the server, of a namespace or of a repository, and their deliveries. */

const event = z.enum(eventTypes);
const events = z.array(event).min(1).max(eventTypes.length);
const format = z.enum(payloadFormats);
const url = z.string().min(1).max(2_048).describe("An absolute http:// or https:// URL.");
const secret = z
  .string()
  .min(16)
  .max(255)
  .regex(/^[\x21-\x7e]+$/, "must be of ASCII characters without spaces");

const authorization = z
  .string()
  .min(1)
  .max(4_096)
  .regex(/^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/, "must be of words of ASCII characters");

export const webhookSchema = z.object({
  id: z.string(),
  url: z.string(),
  format,
  events: z.array(event).max(eventTypes.length),
  is_active: z.boolean().describe("False: it gets no new events, and its deliveries wait."),
  created_by: z.string(),
  created_at: time,
  old_secret_until: time.nullable().describe("The secret before signs deliveries until then too."),
  has_authorization: z
    .boolean()
    .describe("Deliveries have the header Authorization, which no answer has."),
  waiting: z.int().describe("Deliveries that wait; at most 10000 are counted."),
  dead: z.int().describe("Deliveries that were given up; at most 10000 are counted."),
});
export type WebhookAnswer = z.output<typeof webhookSchema>;
export const webhookListSchema = z.object({
  results: z.array(webhookSchema).max(webhooksAtMost),
});
export type WebhookListAnswer = z.output<typeof webhookListSchema>;

export const createWebhookBody = z.object({
  url,
  format: format.default("cloudevents"),
  events: events.optional().describe("Without it: all that the format can tell of, but pulls."),
  secret: secret.optional().describe("Without it: a random one."),
  authorization: authorization
    .optional()
    .describe(
      "The header Authorization of deliveries, such as `Bearer TOKEN`; it is kept encrypted.",
    ),
});
export const createdWebhookSchema = webhookSchema.extend({
  secret: z.string().describe("Only in this answer."),
});
export const changeWebhookBody = z.object({
  url: url.optional(),
  format: format.optional(),
  events: events.optional(),
  is_active: z.boolean().optional(),
  authorization: authorization
    .nullable()
    .optional()
    .describe(
      "The header Authorization of deliveries; null removes it, as a url of another origin does.",
    ),
});

export const rotateWebhookSecretBody = z.object({
  secret: secret.optional().describe("Without it: a random one."),
  overlap_seconds: z
    .int()
    .min(0)
    .max(2_592_000)
    .default(86_400)
    .describe("The secret before signs deliveries for this time too."),
});
export const rotatedWebhookSecretSchema = z.object({
  secret: z.string().describe("Only in this answer."),
  old_secret_until: time,
});

const deliveryFields = {
  id: z.int(),
  event: z.enum([...eventTypes, "ping"]),
  event_id: z.string().describe("The same for all webhooks and all attempts."),
  subject: z.string().describe("A tag, a manifest, a repository or a namespace."),
  state: z.enum(deliveryStates),
  occurred_at: time,
  attempts: z.int(),
  next_attempt: time.nullable(),
  ended_at: time.nullable(),
  status: z.int().nullable().describe("Of the last answer."),
  answer: z
    .string()
    .max(receiverAnswerAtMost)
    .nullable()
    .describe("The begin of the last answer, or why there was none."),
  duration_ms: z.int().nullable(),
};
export const deliverySchema = z.object(deliveryFields);
export type DeliveryAnswer = z.output<typeof deliverySchema>;
export const deliveryListQuery = z.object({
  page_size: pageFields.page_size,
  state: z.enum(deliveryStates).optional(),
  last: z.coerce.number().int().min(1).optional().describe("The last id of the previous page."),
});
export const deliveryListSchema = z.object({
  results: z.array(deliverySchema),
  next: z.url().nullable(),
});
export type DeliveryListAnswer = z.output<typeof deliveryListSchema>;
export const deliveryDetailsSchema = deliverySchema.extend({
  content_type: z.string(),
  body: z.string().max(deliveryBodyAtMost).describe("As it would be sent now."),
});
export const sentDeliverySchema = z.object({ delivery: z.int() });
export const redeliveredSchema = z.object({ count: z.int() });
