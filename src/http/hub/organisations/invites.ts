import type * as z from "zod";
import type { Invite } from "../../../accounts/invites.ts";
import { timeOf } from "../../../api/fields.ts";
import {
  inviteListSchema,
  sendInvitesBody,
  sentInvitesSchema,
  type inviteSchema,
} from "../../../api/organisations.ts";
import type { HubPolicy, HubPermission } from "../../../auth/hub-policy.ts";
import type { Actor } from "../../../database/permissions/authority.ts";
import { route, type HubRequest, type Route } from "../../route.ts";
import { forbidden, notFound } from "../errors.ts";
import type { HubCatalog } from "../hub.ts";
import { userOf } from "../requests.ts";

interface Parts {
  readonly hub: Pick<HubCatalog, "invites">;
  readonly policy: HubPolicy;
}

const invite = { of: "organisation", permission: "invite" } as const;

/**
 * Routes of invites. A user becomes a member of an organisation only by accepting its invite. Where the path names no
 * organisation, the handler checks the permission for the organisation of the body or of the invite.
 */
export function inviteRoutes(parts: Parts): readonly Route[] {
  const { invites } = parts.hub;
  return [
    route({
      method: "get",
      path: "/v2/orgs/:org/invites",
      requires: { of: "organisation", permission: "see invites" },
      summary: "The open invites of an organisation",
      answer: inviteListSchema,
      handle: async ({ namespace }) => ({
        data: (await invites.ofOrganisation(namespace)).map(presentInvite),
      }),
    }),
    route({
      method: "get",
      path: "/v2/user/invites",
      requires: { of: "user" },
      summary: "The open invites of the calling user; Docker Hub does not have this path",
      answer: inviteListSchema,
      handle: async ({ session }) => ({
        data: (await invites.ofUser(userOf({ session }).accountId)).map(presentInvite),
      }),
    }),
    route({
      method: "post",
      path: "/v2/invites/bulk",
      requires: { of: "session" },
      summary: "Invites users by their names",
      body: sendInvitesBody,
      answer: sentInvitesSchema,
      status: 202,
      handle: (request) => send(parts, request),
    }),
    route({
      method: "delete",
      path: "/v2/invites/:id",
      requires: { of: "session" },
      summary: "Cancels an invite, or declines it",
      status: 204,
      handle: (request) => cancel(parts, request),
    }),
    route({
      method: "patch",
      path: "/v2/invites/:id/resend",
      requires: { of: "session" },
      summary:
        "Has no effect: an invite stays open until it is answered, and the server sends no mail",
      status: 204,
      handle: async (request) => {
        await findManaged(parts, request);
      },
    }),
    route({
      method: "post",
      path: "/v2/invites/:id/accept",
      requires: { of: "user" },
      summary: "Accepts an invite; Docker Hub does not have this path",
      status: 204,
      handle: (request) => accept(parts, request),
    }),
  ];
}

async function send(
  { hub: { invites }, policy }: Parts,
  { session, actor, body }: HubRequest<unknown, z.output<typeof sendInvitesBody>>,
): Promise<z.input<typeof sentInvitesSchema>> {
  const decision = await policy.authorize(session, invite, { namespace: body.org });
  if (decision === "unknown") throw notFound();
  if (decision !== "allowed") throw forbidden();
  const sent = await invites.send(actorFor(policy, { session, actor }, invite, body.org), {
    organisation: body.org,
    invitees: body.invitees,
    team: body.team ?? undefined,
    role: body.role,
    dryRun: body.dry_run,
  });
  return {
    invitees: sent.map(({ invite: made, ...one }) => ({
      ...one,
      ...(made === undefined ? {} : { invite: presentInvite(made) }),
    })),
  };
}

/** The invited user declines an invite; a member that may invite users cancels it. */
async function cancel(parts: Parts, call: HubRequest): Promise<void> {
  const { hub, policy } = parts;
  const found = await hub.invites.find(call.params["id"] ?? "");
  const isInvited = found.user === call.actor.name && hasAllPermissions(call);
  if (!isInvited) await findManaged(parts, call);
  const actor = isInvited
    ? actorFor(policy, call, { of: "user-in-full" })
    : actorFor(policy, call, invite, found.organisation);
  await hub.invites.cancel(actor, found.id);
}

async function accept({ hub: { invites }, policy }: Parts, call: HubRequest): Promise<void> {
  const found = await invites.find(call.params["id"] ?? "");
  if (found.user !== userOf(call).name) throw notFound();
  if (!hasAllPermissions(call))
    throw forbidden("an access token needs the scope repo:admin to accept an invite");
  await invites.accept(actorFor(policy, call, { of: "user-in-full" }), found.id);
}

/** The invite of the path, if the caller may invite users to its organisation; otherwise throws 404. */
async function findManaged(
  { hub: { invites }, policy }: Parts,
  { session, params }: HubRequest,
): Promise<Invite> {
  const found = await invites.find(params["id"] ?? "");
  const decision = await policy.authorize(session, invite, { namespace: found.organisation });
  if (decision !== "allowed") throw notFound();
  return found;
}

/** The caller as the actor, with a permission that the route cannot declare. */
function actorFor(
  policy: HubPolicy,
  { session, actor: { peer } }: Pick<HubRequest, "session" | "actor">,
  permission: HubPermission,
  namespace?: string,
): Actor {
  return policy.actor(session, permission, { namespace, peer });
}

/**
 * Whether the caller is a user with all permissions: logged in with the password, or with a `repo:admin` access token.
 */
function hasAllPermissions({ session }: HubRequest): boolean {
  const { principal } = session ?? {};
  if (principal?.kind !== "user") return false;
  return principal.scope === undefined || principal.scope === "repo:admin";
}

function presentInvite(one: Invite): z.input<typeof inviteSchema> {
  return {
    id: one.id,
    inviter_username: one.inviter,
    invitee: one.user,
    org: one.organisation,
    team: one.team ?? "",
    role: one.role,
    created_at: timeOf(one.createdAtMs),
  };
}
