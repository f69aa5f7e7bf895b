import type * as z from "zod";
import type { Accounts } from "../../../accounts/accounts.ts";
import type { TokenWithOrigin } from "../../../accounts/access-tokens.ts";
import {
  adminTokenSchema,
  issuedTokenSchema,
  issueTokenBody,
  type AdminTokenAnswer,
} from "../../../api/administration.ts";
import { pageQuery, pageSchema, timeOf, timeOrNull } from "../../../api/fields.ts";
import { printableLine } from "../../../observability/printable.ts";
import type { Pager } from "../../hub/pages.ts";
import { route, type HubRequest, type Route } from "../../route.ts";
import { root } from "../repositories.ts";

interface Parts {
  readonly accounts: Pick<Accounts, "accessTokens">;
  readonly pager: Pager;
}

const requires = { of: "administrator" } as const;
const path = `${root}/admin/accounts/:account/tokens`;

/** Routes of the access tokens of users and organisations, for administrators. */
export function adminTokenRoutes(parts: Parts): readonly Route[] {
  const { accessTokens } = parts.accounts;
  return [
    route({
      method: "get",
      path,
      requires,
      summary: "The access tokens of an account, the newest first",
      query: pageQuery,
      answer: pageSchema(adminTokenSchema),
      handle: async ({ ctx, namespace, query }) =>
        parts.pager.numberedOf(ctx, query, (await accessTokens.list(namespace)).map(presentToken)),
    }),
    route({
      method: "post",
      path,
      requires,
      summary: "Creates an access token of an account",
      body: issueTokenBody,
      answer: issuedTokenSchema,
      status: 201,
      handle: (request) => issue(parts, request),
    }),
    route({
      method: "delete",
      path: `${path}/:id`,
      requires,
      summary: "Revokes an access token",
      status: 204,
      handle: ({ actor, namespace, params }) =>
        accessTokens.revoke(actor, namespace, params["id"] ?? ""),
    }),
  ];
}

async function issue(
  { accounts: { accessTokens } }: Parts,
  { ctx, actor, namespace, body }: HubRequest<unknown, z.output<typeof issueTokenBody>>,
) {
  const { label, description, scope, resources, expires_at: expiresAt } = body;
  const issued = await accessTokens.issue(actor, {
    ...{ account: namespace, label, description, scope, resources },
    expiresAtMs: expiresAt ? Date.parse(expiresAt) : undefined,
    agent: printableLine(ctx.get("User-Agent")),
  });
  ctx.set("Cache-Control", "no-store");
  return { ...presentToken(issued), token: issued.secret };
}

const presentToken = (token: TokenWithOrigin): AdminTokenAnswer => ({
  id: token.id,
  label: token.label,
  description: token.description,
  scopes: [...token.scopes],
  resources: token.resources.map((one) => ({ ...one, scopes: [...one.scopes] })),
  is_active: token.isActive,
  created_at: timeOf(token.createdAtMs),
  expires_at: timeOrNull(token.expiresAtMs),
  last_used: timeOrNull(token.lastUsedAtMs),
});
