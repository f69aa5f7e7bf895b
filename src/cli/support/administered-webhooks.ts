import type { DeliveryState } from "../../api/event-types.ts";
import {
  createdWebhookSchema,
  deliveryListSchema,
  redeliveredSchema,
  rotatedWebhookSecretSchema,
  sentDeliverySchema,
  webhookListSchema,
  webhookSchema,
  type DeliveryAnswer,
  type WebhookAnswer,
} from "../../api/webhooks.ts";
import type { Actor } from "../../database/permissions/authority.ts";
import { presentDelivery, presentWebhook } from "../../events/presenters.ts";
import type { NewWebhook, WebhookChanges, Webhooks } from "../../events/webhooks.ts";
import type { Remote } from "./remote.ts";

/* What `berth webhook` does, on a data folder or on a running server, for the webhooks of one scope. */

export interface AdministeredWebhooks {
  readonly list: () => Promise<readonly WebhookAnswer[]>;
  readonly create: (given: NewWebhook) => Promise<WebhookAnswer & { readonly secret: string }>;
  readonly change: (id: string, changes: WebhookChanges) => Promise<WebhookAnswer>;
  readonly delete: (id: string) => Promise<void>;
  readonly rotateSecret: (
    id: string,
    given: { readonly secret?: string | undefined; readonly overlapMs: number },
  ) => Promise<{ readonly secret: string; readonly old_secret_until: string }>;
  /** Resolves with the number of the delivery. */
  readonly ping: (id: string) => Promise<number>;
  readonly deliveries: (
    id: string,
    query: { readonly state: DeliveryState | undefined; readonly limit: number },
  ) => AsyncIterable<DeliveryAnswer>;
  readonly redeliver: (id: string, delivery: number) => Promise<void>;
  /** Resolves with their number. */
  readonly redeliverDead: (id: string) => Promise<number>;
}

/** The webhooks of a data folder, changed by `actor`. */
export function localWebhooks(
  webhooks: Webhooks,
  actor: Actor,
  scope: string,
): AdministeredWebhooks {
  return {
    list: async () => (await webhooks.list(scope)).map(presentWebhook),
    async create(given) {
      const { webhook, secret } = await webhooks.create(actor, scope, given);
      return { ...presentWebhook(webhook), secret };
    },
    change: async (id, changes) => presentWebhook(await webhooks.change(actor, scope, id, changes)),
    delete: (id) => webhooks.delete(actor, scope, id),
    async rotateSecret(id, given) {
      const { secret, oldUntilMs } = await webhooks.rotateSecret(actor, scope, id, given);
      return { secret, old_secret_until: new Date(oldUntilMs).toISOString() };
    },
    ping: (id) => webhooks.ping(actor, scope, id),
    async *deliveries(id, query) {
      for (const one of await webhooks.deliveries(scope, id, query)) yield presentDelivery(one);
    },
    redeliver: (id, delivery) => webhooks.redeliver(actor, scope, id, delivery),
    redeliverDead: (id) => webhooks.redeliverDead(actor, scope, id),
  };
}

/** The webhooks of a running server, by its API. */
export function remoteWebhooks(remote: Remote, scope: string): AdministeredWebhooks {
  const path = pathOf(scope);
  const one = (id: string): string => `${path}/${encodeURIComponent(id)}`;
  return {
    list: async () => (await remote.get(webhookListSchema, path)).results,
    create: (given) => remote.post(createdWebhookSchema, path, given),
    change: (id, { isActive, ...changes }) =>
      remote.patch(webhookSchema, one(id), { ...changes, is_active: isActive }),
    delete: (id) => remote.delete(one(id)),
    rotateSecret: (id, { secret, overlapMs }) =>
      remote.post(rotatedWebhookSecretSchema, `${one(id)}/secret`, {
        ...{ secret, overlap_seconds: Math.round(overlapMs / 1000) },
      }),
    ping: async (id) => (await remote.post(sentDeliverySchema, `${one(id)}/ping`, {})).delivery,
    async *deliveries(id, { state, limit }) {
      let [left, last] = [limit, undefined as number | undefined];
      while (left > 0) {
        const query = { state, last, page_size: Math.min(left, 100) };
        const page = await remote.get(deliveryListSchema, `${one(id)}/deliveries`, query);
        yield* page.results;
        left -= page.results.length;
        if (page.next === null) return;
        last = page.results.at(-1)?.id;
      }
    },
    redeliver: (id, delivery) => remote.send(`${one(id)}/deliveries/${delivery}/redeliver`, {}),
    redeliverDead: async (id) =>
      (await remote.post(redeliveredSchema, `${one(id)}/redeliver`, {})).count,
  };
}

function pathOf(scope: string): string {
  if (scope === "") return "/admin/webhooks";
  if (scope.includes("/")) return `/repositories/${scope}/-/webhooks`;
  return `/namespaces/${encodeURIComponent(scope)}/webhooks`;
}
