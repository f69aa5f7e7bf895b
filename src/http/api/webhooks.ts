import type * as z from "zod";
import { timeOf } from "../../api/fields.ts";
import {
  changeWebhookBody,
  createWebhookBody,
  createdWebhookSchema,
  deliveryDetailsSchema,
  deliveryListQuery,
  deliveryListSchema,
  redeliveredSchema,
  rotateWebhookSecretBody,
  rotatedWebhookSecretSchema,
  sentDeliverySchema,
  webhookListSchema,
  webhookSchema,
  type DeliveryListAnswer,
} from "../../api/webhooks.ts";
import type { HubPermission } from "../../auth/hub-policy.ts";
import { presentDelivery, presentWebhook } from "../../events/presenters.ts";
import type { Webhooks, WebhookScope } from "../../events/webhooks.ts";
import { parseNamespace } from "../../oci/name.ts";
import { notFound } from "../hub/errors.ts";
import type { Pager } from "../hub/pages.ts";
import { route, type HubRequest, type Route } from "../route.ts";
import { root } from "./repositories.ts";

interface Parts {
  readonly webhooks: Webhooks;
  readonly pager: Pager;
}

/** Where the webhooks of a kind of scope are. */
interface Place {
  readonly path: string;
  readonly requires: HubPermission;
  readonly of: string;
  readonly scopeOf: (request: HubRequest) => WebhookScope;
}

const places: readonly Place[] = [
  {
    path: `${root}/repositories/*repository/-/webhooks`,
    requires: { of: "repository", permission: "manage webhooks" },
    of: "a repository",
    scopeOf: ({ repository }) => repository,
  },
  {
    path: `${root}/namespaces/:namespace/webhooks`,
    requires: { of: "whole-namespace" },
    of: "a namespace",
    scopeOf: ({ namespace }) => parseNamespace(namespace),
  },
  {
    path: `${root}/admin/webhooks`,
    requires: { of: "administrator" },
    of: "the server",
    scopeOf: () => "",
  },
];

/** Routes of webhooks: the same for a repository, a namespace and the server. */
export const webhookRoutes = (parts: Parts): readonly Route[] =>
  places.flatMap((place) => [
    ...routesOfWebhooks(parts, place),
    ...routesOfDeliveries(parts, place),
  ]);

function routesOfWebhooks({ webhooks }: Parts, place: Place): readonly Route[] {
  const { path, requires, of, scopeOf } = place;
  const one = `${path}/:webhook`;
  return [
    route({
      ...{ method: "get", path, requires, summary: `The webhooks of ${of}, the oldest first` },
      answer: webhookListSchema,
      handle: async (request: HubRequest) => ({
        results: (await webhooks.list(scopeOf(request))).map(presentWebhook),
      }),
    }),
    route({
      ...{ method: "post", path, requires, summary: `Creates a webhook of ${of}` },
      body: createWebhookBody,
      answer: createdWebhookSchema,
      status: 201,
      handle: async (request: HubRequest<unknown, z.output<typeof createWebhookBody>>) => {
        const { actor, body } = request;
        const { webhook, secret } = await webhooks.create(actor, scopeOf(request), body);
        return { ...presentWebhook(webhook), secret };
      },
    }),
    route({
      ...{ method: "get", path: one, requires, summary: `A webhook of ${of}` },
      answer: webhookSchema,
      handle: async (request: HubRequest) =>
        presentWebhook(await webhooks.find(scopeOf(request), idOf(request))),
    }),
    route({
      ...{ method: "patch", path: one, requires, summary: `Changes a webhook of ${of}` },
      body: changeWebhookBody,
      answer: webhookSchema,
      handle: async (request: HubRequest<unknown, z.output<typeof changeWebhookBody>>) => {
        const { is_active: isActive, ...body } = request.body;
        const changes = { ...body, isActive };
        return presentWebhook(
          await webhooks.change(request.actor, scopeOf(request), idOf(request), changes),
        );
      },
    }),
    route({
      ...{ method: "delete", path: one, requires, status: 204 },
      summary: `Deletes a webhook of ${of} with its deliveries`,
      handle: (request: HubRequest) =>
        webhooks.delete(request.actor, scopeOf(request), idOf(request)),
    }),
    route({
      ...{ method: "post", path: `${one}/secret`, requires },
      summary: `Replaces the secret of a webhook of ${of}; the one before signs for a while too`,
      body: rotateWebhookSecretBody,
      answer: rotatedWebhookSecretSchema,
      handle: async (request: HubRequest<unknown, z.output<typeof rotateWebhookSecretBody>>) => {
        const { secret, overlap_seconds: seconds } = request.body;
        const given = { secret, overlapMs: seconds * 1000 };
        const [scope, id] = [scopeOf(request), idOf(request)];
        const rotated = await webhooks.rotateSecret(request.actor, scope, id, given);
        return { secret: rotated.secret, old_secret_until: timeOf(rotated.oldUntilMs) };
      },
    }),
  ];
}

function routesOfDeliveries(parts: Parts, place: Place): readonly Route[] {
  const { webhooks } = parts;
  const { requires, of, scopeOf } = place;
  const one = `${place.path}/:webhook`;
  return [
    route({
      ...{ method: "post", path: `${one}/ping`, requires, status: 202 },
      summary: `Sends a ping to a webhook of ${of}`,
      answer: sentDeliverySchema,
      handle: async (request: HubRequest) => ({
        delivery: await webhooks.ping(request.actor, scopeOf(request), idOf(request)),
      }),
    }),
    route({
      ...{ method: "get", path: `${one}/deliveries`, requires },
      summary: `The deliveries of a webhook of ${of}, the newest first`,
      query: deliveryListQuery,
      answer: deliveryListSchema,
      handle: (request: HubRequest<z.output<typeof deliveryListQuery>>) =>
        listDeliveries(parts, request, scopeOf(request)),
    }),
    route({
      ...{ method: "get", path: `${one}/deliveries/:delivery`, requires },
      summary: `A delivery of a webhook of ${of} with its body`,
      answer: deliveryDetailsSchema,
      handle: async (request: HubRequest) => {
        const [scope, id, number] = [scopeOf(request), idOf(request), deliveryOf(request)];
        const { delivery, payload } = await webhooks.delivery(scope, id, number);
        const { contentType: content_type, body } = payload;
        return { ...presentDelivery(delivery), content_type, body };
      },
    }),
    route({
      ...{ method: "post", path: `${one}/deliveries/:delivery/redeliver`, requires, status: 202 },
      summary: `Sends a delivery of a webhook of ${of} again`,
      answer: sentDeliverySchema,
      handle: async (request: HubRequest) => {
        const number = deliveryOf(request);
        await webhooks.redeliver(request.actor, scopeOf(request), idOf(request), number);
        return { delivery: number };
      },
    }),
    route({
      ...{ method: "post", path: `${one}/redeliver`, requires, status: 202 },
      summary: `Sends all dead deliveries of a webhook of ${of} again`,
      answer: redeliveredSchema,
      handle: async (request: HubRequest) => ({
        count: await webhooks.redeliverDead(request.actor, scopeOf(request), idOf(request)),
      }),
    }),
  ];
}

async function listDeliveries(
  { webhooks, pager }: Parts,
  request: HubRequest<z.output<typeof deliveryListQuery>>,
  scope: WebhookScope,
): Promise<DeliveryListAnswer> {
  const { page_size: size, state, last } = request.query;
  const query = { state, before: last, limit: size + 1 };
  const found = await webhooks.deliveries(scope, idOf(request), query);
  const items = found.slice(0, size);
  const end = found.length > size ? items.at(-1)?.id : undefined;
  return {
    results: items.map(presentDelivery),
    next: end === undefined ? null : pager.linkTo(request.ctx, "last", String(end)),
  };
}

const idOf = ({ params }: Pick<HubRequest, "params">): string => params["webhook"] ?? "";

function deliveryOf({ params }: Pick<HubRequest, "params">): number {
  const text = params["delivery"] ?? "";
  if (!/^[1-9]\d{0,14}$/.test(text)) throw notFound();
  return Number(text);
}
