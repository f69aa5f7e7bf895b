import { randomUUID } from "node:crypto";
import type { Database } from "../database/contract.ts";
import type { Delivery } from "../database/events/deliveries.ts";
import type { DeliveryState, PayloadFormat, WantedEvent } from "../api/event-types.ts";
import type { Webhook } from "../database/events/webhook-reads.ts";
import type { Actor } from "../database/permissions/authority.ts";
import type { AddressCheck } from "../network/addresses.ts";
import { webhooksAtMost } from "../api/limits.ts";
import { WebhookError } from "./errors.ts";
import { defaultEvents, renderPayload, type Teller } from "./payloads.ts";
import { checkEvents, checkUrl } from "./receivers.ts";
import { newSecret, type WebhookSecrets } from "./secrets.ts";

const redeliveredAtOnce = 1_000;
const dayMs = 86_400_000;
/** After a rotation both secrets sign for this time, unless the client says otherwise; and at most this long. */
export const secretOverlapMs = { usual: dayMs, longest: 30 * dayMs } as const;

/**
 * What a webhook hears of: '' is the whole server, a name without a slash is a namespace, and one with a slash is a
 * repository.
 */
export type WebhookScope = string;

export interface NewWebhook {
  readonly url: string;
  readonly format: PayloadFormat;
  /** `undefined`: all that the format can tell of, but pulls. */
  readonly events?: readonly WantedEvent[] | undefined;
  /** `undefined`: a random one. */
  readonly secret?: string | undefined;
  /** The header `Authorization` of deliveries; `undefined`: they have none. */
  readonly authorization?: string | undefined;
}

export interface WebhookChanges {
  readonly url?: string | undefined;
  readonly format?: PayloadFormat | undefined;
  readonly events?: readonly WantedEvent[] | undefined;
  readonly isActive?: boolean | undefined;
  /** `null` removes it. */
  readonly authorization?: string | null | undefined;
}

export type Webhooks = ReturnType<typeof createWebhooks>;

interface WebhookParts {
  readonly database: Pick<Database, "webhooks" | "webhookDeliveries" | "commands">;
  readonly addresses: AddressCheck;
  /** Opened at first use: most servers have no webhook. */
  readonly secrets: () => Promise<WebhookSecrets>;
  readonly teller: Teller;
  readonly clock: () => number;
}

/** The webhooks of the server, of namespaces and of repositories. Methods throw {@link WebhookError}. */
export const createWebhooks = (parts: WebhookParts) => ({
  ...createChanges(parts),
  ...createDeliveryLog(parts),
});

async function findWebhook(
  { database }: WebhookParts,
  scope: WebhookScope,
  id: string,
): Promise<Webhook> {
  const found = await database.webhooks.find(scope, id);
  if (found === undefined) throw unknownWebhook(id);
  return found;
}

function createChanges(parts: WebhookParts) {
  const { database, addresses, secrets, clock } = parts;
  const { commands, webhooks } = database;
  const find = (scope: WebhookScope, id: string) => findWebhook(parts, scope, id);

  /** Encrypted for its new URL; `null`: it is removed; `undefined`: it stays. */
  const changedAuthorization = async (
    before: Webhook,
    { url = before.url, authorization: header }: WebhookChanges,
  ): Promise<Buffer | null | undefined> => {
    if (typeof header === "string")
      return (await secrets()).sealAuthorization({ id: before.id, url }, header);
    const isElsewhere = new URL(url).origin !== new URL(before.url).origin;
    return header === null || (isElsewhere && before.hasAuthorization) ? null : undefined;
  };

  return {
    find,

    list: (scope: WebhookScope): Promise<readonly Webhook[]> =>
      webhooks.list(scope, webhooksAtMost),

    /** Resolves with the webhook and its secret, which cannot be read later. */
    async create(actor: Actor, scope: WebhookScope, given: NewWebhook) {
      const { format, events = defaultEvents(format), secret = newSecret() } = given;
      const url = checkUrl(given.url, addresses);
      checkEvents(format, events);
      const id = randomUUID();
      const sealing = await secrets();
      const { authorization: header } = given;
      const authorization =
        header === undefined ? null : sealing.sealAuthorization({ id, url }, header);
      const made = await commands.createWebhook({
        ...{ actor, nowMs: clock(), id, scope, url, format, events: [...new Set(events)] },
        ...{ secret: sealing.seal(id, secret), authorization, atMost: webhooksAtMost },
      });
      if (made === "absent") throw new WebhookError("unknown", `there is no ${nameOf(scope)}`);
      if (made === "too many")
        throw new WebhookError(
          "conflict",
          `${nameOf(scope)} has ${webhooksAtMost} webhooks, which is the limit: delete one first`,
        );
      return { webhook: await find(scope, id), secret };
    },

    /** A URL of another origin removes the header `Authorization`, unless it is given too. */
    async change(actor: Actor, scope: WebhookScope, id: string, changes: WebhookChanges) {
      const before = await find(scope, id);
      const { format, isActive } = changes;
      const url = changes.url === undefined ? undefined : checkUrl(changes.url, addresses);
      const events = changes.events && [...new Set(changes.events)];
      checkEvents(format ?? before.format, events ?? before.events);
      const authorization = await changedAuthorization(before, { ...changes, url });
      const change = { actor, nowMs: clock(), scope, id, url, format, events, isActive };
      if (!(await commands.changeWebhook({ ...change, authorization }))) throw unknownWebhook(id);
      return find(scope, id);
    },

    async delete(actor: Actor, scope: WebhookScope, id: string): Promise<void> {
      if (!(await commands.deleteWebhook({ actor, nowMs: clock(), scope, id })))
        throw unknownWebhook(id);
    },

    /** Resolves with the new secret, and with the time until which the one before signs too. */
    async rotateSecret(
      actor: Actor,
      scope: WebhookScope,
      id: string,
      given: { readonly secret?: string | undefined; readonly overlapMs?: number | undefined } = {},
    ) {
      const { secret = newSecret(), overlapMs = secretOverlapMs.usual } = given;
      const nowMs = clock();
      const oldUntilMs = nowMs + overlapMs;
      const sealed = (await secrets()).seal(id, secret);
      const change = { actor, nowMs, scope, id, secret: sealed, oldUntilMs };
      if (!(await commands.rotateWebhookSecret(change))) throw unknownWebhook(id);
      return { secret, oldUntilMs };
    },
  };
}

/** What was sent to a webhook, and what will be. */
function createDeliveryLog(parts: WebhookParts) {
  const { database, teller, clock } = parts;
  const { commands, webhookDeliveries } = database;

  return {
    /** Sends a `ping`; resolves with the id of its delivery, before the receiver answers. */
    async ping(actor: Actor, scope: WebhookScope, id: string): Promise<number> {
      const sent = await commands.pingWebhook({ actor, nowMs: clock(), scope, webhookId: id });
      if (sent === undefined) throw unknownWebhook(id);
      return sent;
    },

    /** The deliveries of a webhook, the newest first. */
    async deliveries(
      scope: WebhookScope,
      id: string,
      query: {
        readonly state?: DeliveryState | undefined;
        readonly before?: number | undefined;
        readonly limit: number;
      },
    ): Promise<readonly Delivery[]> {
      await findWebhook(parts, scope, id);
      const { state, before, limit } = query;
      return webhookDeliveries.list(id, { state, before, limit });
    },

    /** A delivery with its body, as it would be sent now. */
    async delivery(scope: WebhookScope, id: string, deliveryId: number) {
      const webhook = await findWebhook(parts, scope, id);
      const delivery = await webhookDeliveries.find(id, deliveryId);
      if (delivery === undefined) throw unknownDelivery(deliveryId);
      return { delivery, payload: renderPayload(webhook.format, delivery.event, teller) };
    },

    async redeliver(actor: Actor, scope: WebhookScope, webhookId: string, deliveryId: number) {
      const again = { actor, nowMs: clock(), scope, webhookId, deliveryId };
      if (!(await commands.redeliver(again))) throw unknownDelivery(deliveryId);
    },

    /** Sends all dead deliveries again; resolves with their number. */
    async redeliverDead(actor: Actor, scope: WebhookScope, webhookId: string): Promise<number> {
      await findWebhook(parts, scope, webhookId);
      let sum = 0;
      for (let count = redeliveredAtOnce; count === redeliveredAtOnce; sum += count) {
        const again = { actor, nowMs: clock(), scope, webhookId, limit: redeliveredAtOnce };
        count = await commands.redeliverDead(again);
      }
      return sum;
    },
  };
}

const unknownWebhook = (id: string): WebhookError =>
  new WebhookError("unknown", `there is no webhook ${id}`);

const unknownDelivery = (id: number): WebhookError =>
  new WebhookError("unknown", `there is no delivery ${id} of this webhook`);

const nameOf = (scope: WebhookScope): string => {
  if (scope === "") return "the server";
  return scope.includes("/") ? `repository ${scope}` : `account ${scope}`;
};
