import type * as z from "zod";
import type { TokenWithOrigin } from "../../../accounts/access-tokens.ts";
import { pageQuery, timeOf, timeOrNull } from "../../../api/fields.ts";
import {
  createOrganisationTokenBody,
  issuedOrganisationTokenSchema,
  type listedOrganisationTokenSchema,
  organisationTokenPage,
  organisationTokenSchema,
  updateOrganisationTokenBody,
} from "../../../api/tokens.ts";
import { printableLine } from "../../../observability/printable.ts";
import { route, type HubRequest, type Route } from "../../route.ts";
import type { HubCatalog } from "../hub.ts";
import type { Pager } from "../pages.ts";

interface Parts {
  readonly hub: Pick<HubCatalog, "tokens">;
  readonly pager: Pager;
}

const requires = { of: "organisation", permission: "make tokens" } as const;
const path = "/v2/orgs/:org/access-tokens";

/**
 * Routes of the access tokens of organisations. The caller must be an owner and must have logged in with the password.
 */
export function organisationTokenRoutes(parts: Parts): readonly Route[] {
  const { tokens } = parts.hub;
  return [
    route({
      method: "post",
      path,
      requires,
      summary: "Creates an access token of an organisation",
      body: createOrganisationTokenBody,
      answer: issuedOrganisationTokenSchema,
      status: 201,
      handle: (request) => create(parts, request),
    }),
    route({
      method: "get",
      path,
      requires,
      summary: "The access tokens of an organisation",
      query: pageQuery,
      answer: organisationTokenPage,
      handle: async ({ ctx, namespace, query }) => {
        const all = (await tokens.list(namespace)).map(presentListedToken);
        const { count: total, ...page } = parts.pager.numberedOf(ctx, query, all);
        return { total, ...page };
      },
    }),
    route({
      method: "get",
      path: `${path}/:id`,
      requires,
      summary: "An access token of an organisation",
      answer: organisationTokenSchema,
      handle: async ({ namespace, params }) =>
        presentToken(await tokens.find(namespace, params["id"] ?? "")),
    }),
    route({
      method: "patch",
      path: `${path}/:id`,
      requires,
      summary: "Changes an access token of an organisation",
      body: updateOrganisationTokenBody,
      answer: organisationTokenSchema,
      handle: async ({ actor, namespace, params, body: { is_active: isActive, ...change } }) =>
        presentToken(
          await tokens.update(actor, namespace, params["id"] ?? "", { ...change, isActive }),
        ),
    }),
    route({
      method: "delete",
      path: `${path}/:id`,
      requires,
      summary: "Deletes an access token of an organisation",
      status: 204,
      handle: ({ actor, namespace, params }) => tokens.revoke(actor, namespace, params["id"] ?? ""),
    }),
  ];
}

async function create(
  { hub: { tokens } }: Parts,
  {
    ctx,
    actor,
    namespace,
    body,
  }: HubRequest<unknown, z.output<typeof createOrganisationTokenBody>>,
): Promise<z.input<typeof issuedOrganisationTokenSchema>> {
  const issued = await tokens.issue(actor, {
    account: namespace,
    label: body.label,
    description: body.description,
    resources: body.resources,
    expiresAtMs: body.expires_at ? Date.parse(body.expires_at) : undefined,
    agent: printableLine(ctx.get("User-Agent")),
  });
  ctx.set("Cache-Control", "no-store");
  return { ...presentToken(issued), token: issued.secret };
}

function presentListedToken(token: TokenWithOrigin): z.input<typeof listedOrganisationTokenSchema> {
  return {
    id: token.id,
    label: token.label,
    description: token.description,
    created_by: token.origin?.createdBy ?? "",
    repositories: token.resources
      .filter(({ type }) => type === "TYPE_REPO")
      .map(({ path }) => path),
    is_active: token.isActive,
    created_at: timeOf(token.createdAtMs),
    expires_at: timeOrNull(token.expiresAtMs),
    last_used_at: timeOrNull(token.lastUsedAtMs),
  };
}

function presentToken(token: TokenWithOrigin): z.input<typeof organisationTokenSchema> {
  const resources = token.resources.map((one) => ({ ...one, scopes: [...one.scopes] }));
  return { ...presentListedToken(token), resources };
}
