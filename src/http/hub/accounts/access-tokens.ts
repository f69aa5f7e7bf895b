import * as z from "zod";
import type { HubCatalog } from "../hub.ts";
import type { TokenWithOrigin } from "../../../accounts/access-tokens.ts";
import { printableLine } from "../../../observability/printable.ts";
import { route, type Route } from "../../route.ts";
import { userOf } from "../requests.ts";
import { pageOf, pageQuery, type Pager } from "../pages.ts";
import { time, timeOf, timeOrNull } from "../times.ts";

const scope = z.enum(["repo:admin", "repo:write", "repo:read", "repo:public_read"]);
const highestFirst = scope.options;
const label = z.string().min(1).max(100);

const tokenSchema = z.object({
  uuid: z.string(),
  client_id: z.literal("HUB"),
  creator_ip: z.string(),
  creator_ua: z.string(),
  created_at: time,
  last_used: time.nullable(),
  generated_by: z.literal("manual"),
  is_active: z.boolean(),
  token: z.string().describe("Shown by the request that makes it, and empty ever after."),
  token_label: z.string(),
  scopes: z.array(scope),
  expires_at: time.nullable(),
});

/**
 * Requires a login with the password. Otherwise an access token could create another token with a later expiry or more
 * permissions.
 */
const requires = { of: "password" } as const;

export function personalTokenRoutes(parts: {
  readonly hub: Pick<HubCatalog, "tokens">;
  readonly pager: Pager;
}): readonly Route[] {
  const { tokens } = parts.hub;
  // The second path is older; there a token without scopes gets full access (`repo:admin`).
  return [
    { path: "/v2/access-tokens", deleted: 204, scopes: z.array(scope).min(1) },
    { path: "/v2/api_tokens", deleted: 202, scopes: z.array(scope).min(1).default(["repo:admin"]) },
  ].flatMap(({ path, deleted, scopes }) => [
    route({
      method: "post",
      path,
      requires,
      summary: "Makes a personal access token",
      body: z.object({
        token_label: label,
        scopes,
        expires_at: z.iso.datetime({ offset: true }).nullish(),
      }),
      answer: tokenSchema,
      status: 201,
      handle: async (call) => {
        const { ctx, actor, body } = call;
        const expiresAtMs = body.expires_at ? Date.parse(body.expires_at) : undefined;
        const issued = await tokens.issue(actor, {
          account: userOf(call).name,
          label: body.token_label,
          // A higher scope includes the lower scopes.
          scope: highestFirst.find((one) => body.scopes.includes(one)),
          expiresAtMs,
          agent: printableLine(ctx.get("User-Agent")),
        });
        ctx.set("Cache-Control", "no-store");
        return presentToken(issued, issued.secret);
      },
    }),
    route({
      method: "get",
      path,
      requires,
      summary: "The personal access tokens of the user",
      query: z.object(pageQuery),
      answer: pageOf(tokenSchema).extend({ active_count: z.number().int() }),
      handle: async (call) => {
        const { ctx, query } = call;
        const all = await tokens.list(userOf(call).name);
        const shown = all.slice((query.page - 1) * query.page_size, query.page * query.page_size);
        const page = parts.pager.envelope(
          ctx,
          query,
          all.length,
          shown.map((token) => presentToken(token)),
        );
        return { ...page, active_count: all.filter(({ isActive }) => isActive).length };
      },
    }),
    route({
      method: "get",
      path: `${path}/:id`,
      requires,
      summary: "A personal access token",
      answer: tokenSchema,
      handle: async (call) =>
        presentToken(await tokens.find(userOf(call).name, call.params["id"] ?? "")),
    }),
    route({
      method: "patch",
      path: `${path}/:id`,
      requires,
      summary: "Renames a personal access token, or turns it off or on",
      body: z.object({ token_label: label.optional(), is_active: z.boolean().optional() }),
      answer: tokenSchema,
      handle: async (call) => {
        const { actor, body, params } = call;
        const change = { label: body.token_label, isActive: body.is_active };
        return presentToken(
          await tokens.update(actor, userOf(call).name, params["id"] ?? "", change),
        );
      },
    }),
    route({
      method: "delete",
      path: `${path}/:id`,
      requires,
      summary: "Ends a personal access token",
      status: deleted,
      handle: async (call) => {
        await tokens.revoke(call.actor, userOf(call).name, call.params["id"] ?? "");
      },
    }),
  ]);
}

function presentToken(token: TokenWithOrigin, secret = ""): z.infer<typeof tokenSchema> {
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
    scopes: highestFirst.filter((one) => token.scopes.includes(one)),
    expires_at: timeOrNull(token.expiresAtMs),
  };
}
