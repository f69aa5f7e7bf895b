import type * as z from "zod";
import type { TokenWithOrigin } from "../../../accounts/access-tokens.ts";
import { pageQuery, timeOf, timeOrNull } from "../../../api/fields.ts";
import {
  createApiTokenBody,
  createPersonalTokenBody,
  personalScope,
  personalTokenPage,
  personalTokenSchema,
  updatePersonalTokenBody,
} from "../../../api/tokens.ts";
import { printableLine } from "../../../observability/printable.ts";
import { route, type HubRequest, type Route } from "../../route.ts";
import type { HubCatalog } from "../hub.ts";
import type { Pager } from "../pages.ts";
import { userOf } from "../requests.ts";

interface Parts {
  readonly hub: Pick<HubCatalog, "tokens">;
  readonly pager: Pager;
}

type CreateBody = z.output<typeof createPersonalTokenBody>;

/**
 * Requires a login with the password. Otherwise an access token could create another token with a later expiry or more
 * permissions.
 */
const requires = { of: "password" } as const;

/** Routes of the personal access tokens of the calling user, under both of Docker Hub's paths. */
export function personalTokenRoutes(parts: Parts): readonly Route[] {
  return [
    ...routesAt(parts, "/v2/access-tokens", { body: createPersonalTokenBody, deleted: 204 }),
    ...routesAt(parts, "/v2/api_tokens", { body: createApiTokenBody, deleted: 202 }),
  ];
}

function routesAt(
  parts: Parts,
  path: string,
  { body, deleted }: { readonly body: z.ZodType<CreateBody>; readonly deleted: number },
): readonly Route[] {
  const { tokens } = parts.hub;
  return [
    route({
      method: "post",
      path,
      requires,
      summary: "Creates a personal access token",
      body,
      answer: personalTokenSchema,
      status: 201,
      handle: (request) => create(parts, request),
    }),
    route({
      method: "get",
      path,
      requires,
      summary: "The personal access tokens of the user",
      query: pageQuery,
      answer: personalTokenPage,
      handle: (request) => list(parts, request),
    }),
    route({
      method: "get",
      path: `${path}/:id`,
      requires,
      summary: "A personal access token",
      answer: personalTokenSchema,
      handle: async ({ session, params }) =>
        presentToken(await tokens.find(userOf({ session }).name, params["id"] ?? "")),
    }),
    route({
      method: "patch",
      path: `${path}/:id`,
      requires,
      summary: "Renames a personal access token, or turns it off or on",
      body: updatePersonalTokenBody,
      answer: personalTokenSchema,
      handle: async ({
        session,
        actor,
        params,
        body: { token_label: label, is_active: isActive },
      }) =>
        presentToken(
          await tokens.update(actor, userOf({ session }).name, params["id"] ?? "", {
            label,
            isActive,
          }),
        ),
    }),
    route({
      method: "delete",
      path: `${path}/:id`,
      requires,
      summary: "Deletes a personal access token",
      status: deleted,
      handle: ({ session, actor, params }) =>
        tokens.revoke(actor, userOf({ session }).name, params["id"] ?? ""),
    }),
  ];
}

async function create(
  { hub: { tokens } }: Parts,
  { ctx, session, actor, body }: HubRequest<unknown, CreateBody>,
): Promise<z.input<typeof personalTokenSchema>> {
  const issued = await tokens.issue(actor, {
    account: userOf({ session }).name,
    label: body.token_label,
    // A higher scope includes the lower scopes.
    scope: personalScope.options.find((one) => body.scopes.includes(one)),
    expiresAtMs: body.expires_at ? Date.parse(body.expires_at) : undefined,
    agent: printableLine(ctx.get("User-Agent")),
  });
  ctx.set("Cache-Control", "no-store");
  return presentToken(issued, issued.secret);
}

async function list(
  { hub: { tokens }, pager }: Parts,
  { ctx, session, query }: HubRequest<z.output<typeof pageQuery>>,
): Promise<z.input<typeof personalTokenPage>> {
  const all = await tokens.list(userOf({ session }).name);
  return {
    ...pager.numberedOf(
      ctx,
      query,
      all.map((token) => presentToken(token)),
    ),
    active_count: all.filter(({ isActive }) => isActive).length,
  };
}

function presentToken(token: TokenWithOrigin, secret = ""): z.input<typeof personalTokenSchema> {
  return {
    uuid: token.id,
    client_id: "HUB",
    creator_ip: token.origin?.peer ?? "",
    creator_ua: token.origin?.agent ?? "",
    created_at: timeOf(token.createdAtMs),
    last_used: timeOrNull(token.lastUsedAtMs),
    generated_by: "manual",
    is_active: token.isActive,
    token: secret,
    token_label: token.label,
    scopes: personalScope.options.filter((one) => token.scopes.includes(one)),
    expires_at: timeOrNull(token.expiresAtMs),
  };
}
