import * as z from "zod";
import type { HubCatalog } from "../hub.ts";
import type { TokenWithOrigin } from "../../../accounts/access-tokens.ts";
import { printableLine } from "../../../observability/printable.ts";
import { route, type Route } from "../../route.ts";
import { pageOf, pageQuery, type Pager } from "../pages.ts";
import { time, timeOf, timeOrNull } from "../times.ts";

const resource = z.object({
  type: z.enum(["TYPE_REPO", "TYPE_ORG"]),
  path: z.string().min(1).max(255),
  scopes: z.array(z.string()).min(1).max(50),
});
const label = z.string().min(1).max(100);
const description = z.string().max(1000);

const listedTokenSchema = z.object({
  id: z.string(),
  label: z.string(),
  description: z.string(),
  created_by: z.string(),
  is_active: z.boolean(),
  created_at: time,
  expires_at: time.nullable(),
  last_used_at: time.nullable(),
});
const tokenSchema = listedTokenSchema.extend({ resources: z.array(resource) });
const issuedTokenSchema = tokenSchema.extend({ token: z.string() });

const requires = { of: "organisation", permission: "make tokens" } as const;
const path = "/v2/orgs/:org/access-tokens";

/**
 * Routes of the access tokens of organisations. The caller must be an owner and must have logged in with the password.
 */
export function organisationTokenRoutes(parts: {
  readonly hub: Pick<HubCatalog, "tokens">;
  readonly pager: Pager;
}): readonly Route[] {
  const { tokens } = parts.hub;
  return [
    route({
      method: "post",
      path,
      requires,
      summary: "Makes an access token of an organisation",
      body: z.object({
        label,
        description: description.default(""),
        resources: z.array(resource).min(1).max(50),
        expires_at: z.iso.datetime({ offset: true }).nullish(),
      }),
      answer: issuedTokenSchema,
      status: 201,
      handle: async ({ ctx, actor, namespace, body }) => {
        const made = await tokens.issue(actor, {
          account: namespace,
          label: body.label,
          description: body.description,
          resources: body.resources,
          expiresAtMs: body.expires_at ? Date.parse(body.expires_at) : undefined,
          agent: printableLine(ctx.get("User-Agent")),
        });
        ctx.set("Cache-Control", "no-store");
        return { ...presentToken(made), token: made.secret };
      },
    }),
    route({
      method: "get",
      path,
      requires,
      summary: "The access tokens of an organisation",
      query: z.object(pageQuery),
      answer: pageOf(listedTokenSchema).omit({ count: true }).extend({ total: z.number().int() }),
      handle: async ({ ctx, namespace, query }) => {
        const all = await tokens.list(namespace);
        const some = all.slice((query.page - 1) * query.page_size, query.page * query.page_size);
        const page = parts.pager.envelope(ctx, query, all.length, some.map(presentListedToken));
        const { count, ...rest } = page;
        return { total: count, ...rest };
      },
    }),
    route({
      method: "get",
      path: `${path}/:id`,
      requires,
      summary: "An access token of an organisation",
      answer: tokenSchema,
      handle: async ({ namespace, params }) =>
        presentToken(await tokens.find(namespace, params["id"] ?? "")),
    }),
    route({
      method: "patch",
      path: `${path}/:id`,
      requires,
      summary: "Changes an access token of an organisation",
      body: z.object({
        label: label.optional(),
        description: description.optional(),
        resources: z.array(resource).min(1).max(50).optional(),
        is_active: z.boolean().optional(),
      }),
      answer: tokenSchema,
      handle: async ({ actor, namespace, params, body }) => {
        const { is_active: isActive, ...change } = body;
        const id = params["id"] ?? "";
        return presentToken(await tokens.update(actor, namespace, id, { ...change, isActive }));
      },
    }),
    route({
      method: "delete",
      path: `${path}/:id`,
      requires,
      summary: "Ends an access token of an organisation",
      status: 204,
      handle: ({ actor, namespace, params }) => tokens.revoke(actor, namespace, params["id"] ?? ""),
    }),
  ];
}

function presentListedToken(token: TokenWithOrigin): z.infer<typeof listedTokenSchema> {
  return {
    id: token.id,
    label: token.label,
    description: token.description,
    created_by: token.origin?.createdBy ?? "",
    is_active: token.isActive,
    created_at: timeOf(token.createdAtMs),
    expires_at: timeOrNull(token.expiresAtMs),
    last_used_at: timeOrNull(token.lastUsedAtMs),
  };
}

function presentToken(token: TokenWithOrigin): z.infer<typeof tokenSchema> {
  const resources = token.resources.map((one) => ({ ...one, scopes: [...one.scopes] }));
  return { ...presentListedToken(token), resources };
}
