import * as z from "zod";
import type { RoutePermission, HubPolicy } from "../../../auth/hub-policy.ts";
import type { HubCatalog } from "../hub.ts";
import type { Invite } from "../../../accounts/invites.ts";
import type { Actor } from "../../../database/events/audit.ts";
import { route, type HubRequest, type Route } from "../../route.ts";
import { userOf } from "../requests.ts";
import { forbidden, notFound } from "../errors.ts";
import { time, timeOf } from "../times.ts";

const inviteSchema = z.object({
  id: z.string(),
  inviter_username: z.string(),
  invitee: z.string(),
  org: z.string(),
  team: z.string(),
  role: z.enum(["owner", "editor", "member"]),
  created_at: time,
});
const inFull = { of: "user-in-full" } as const;
const inviting = { of: "organisation", permission: "invite" } as const;

/** Routes of invites. A user becomes a member of an organisation only by accepting its invite. */
export function inviteRoutes(parts: {
  readonly hub: Pick<HubCatalog, "invites">;
  readonly policy: HubPolicy;
}): readonly Route[] {
  const { policy } = parts;
  const { invites } = parts.hub;

  /** The caller as the actor, with the permission for the organisation in the body, which the route cannot declare. */
  const as = ({ session, actor }: HubRequest, need: RoutePermission, namespace?: string): Actor =>
    policy.actor(session, need, { namespace, peer: actor.peer });
  const demandInviting = async (call: HubRequest, organisation: string): Promise<void> => {
    const decision = await policy.authorize(call.session, inviting, { namespace: organisation });
    if (decision === "unknown") throw notFound();
    if (decision !== "allowed") throw forbidden();
  };
  /** The invite of the path, if the caller may invite users to its organisation; otherwise throws 404. */
  const ownInvite = async (call: HubRequest): Promise<Invite> => {
    const found = await invites.find(call.params["id"] ?? "");
    const { organisation: namespace } = found;
    if ((await policy.authorize(call.session, inviting, { namespace })) !== "allowed")
      throw notFound();
    return found;
  };

  return [
    route({
      method: "get",
      path: "/v2/orgs/:org/invites",
      requires: { of: "organisation", permission: "see invites" },
      summary: "Who was invited and has not said yes",
      answer: z.object({ data: z.array(inviteSchema) }),
      handle: async ({ namespace }) => ({
        data: (await invites.ofOrganisation(namespace)).map(presentInvite),
      }),
    }),
    route({
      method: "get",
      path: "/v2/user/invites",
      requires: { of: "user" },
      summary: "Where the user that asks was invited to; a path of Berth's own",
      answer: z.object({ data: z.array(inviteSchema) }),
      handle: async (call) => ({
        data: (await invites.ofUser(userOf(call).accountId)).map(presentInvite),
      }),
    }),
    route({
      method: "post",
      path: "/v2/invites/bulk",
      requires: { of: "session" },
      summary: "Invites users by their names",
      body: z.object({
        org: z.string().min(1),
        invitees: z.array(z.string().min(1).max(255)).min(1).max(100),
        team: z.string().nullish(),
        role: z.enum(["owner", "editor", "member"]).default("member"),
        dry_run: z.boolean().default(false),
      }),
      answer: z.object({
        invitees: z.array(
          z.object({
            invitee: z.string(),
            status: z.enum(["invited", "existing_org_member", "invalid_email_or_docker_id"]),
            invite: inviteSchema.optional(),
          }),
        ),
      }),
      status: 202,
      handle: async (call) => {
        const { body } = call;
        await demandInviting(call, body.org);
        const invited = await invites.send(as(call, inviting, body.org), {
          organisation: body.org,
          invitees: body.invitees,
          team: body.team ?? undefined,
          role: body.role,
          dryRun: body.dry_run,
        });
        return {
          invitees: invited.map(({ invite, ...one }) => ({
            ...one,
            ...(invite === undefined ? {} : { invite: presentInvite(invite) }),
          })),
        };
      },
    }),
    route({
      method: "delete",
      path: "/v2/invites/:id",
      requires: { of: "session" },
      summary: "Takes an invite back, or declines it",
      status: 204,
      handle: async (call) => {
        const found = await invites.find(call.params["id"] ?? "");
        const isTheirs = found.user === call.actor.name && isUserInFull(call);
        if (!isTheirs) await ownInvite(call);
        const actor = isTheirs ? as(call, inFull) : as(call, inviting, found.organisation);
        await invites.cancel(actor, found.id);
      },
    }),
    route({
      method: "patch",
      path: "/v2/invites/:id/resend",
      requires: { of: "session" },
      summary: "Does nothing: invites wait until they are answered, and no mail is sent",
      status: 204,
      handle: async (call) => {
        await ownInvite(call);
      },
    }),
    route({
      method: "post",
      path: "/v2/invites/:id/accept",
      requires: { of: "user" },
      summary: "Says yes to an invite; a path of Berth's own",
      status: 204,
      handle: async (call) => {
        const found = await invites.find(call.params["id"] ?? "");
        if (found.user !== userOf(call).name) throw notFound();
        if (!isUserInFull(call)) throw forbidden("this access token is not for that");
        await invites.accept(as(call, inFull), found.id);
      },
    }),
  ];
}

/**
 * Whether the caller is a user with all permissions: logged in with the password, or with a `repo:admin` access token.
 */
function isUserInFull({ session }: HubRequest): boolean {
  const { principal } = session ?? {};
  if (principal?.kind !== "user") return false;
  return principal.scope === undefined || principal.scope === "repo:admin";
}

const presentInvite = (one: Invite): z.infer<typeof inviteSchema> => ({
  id: one.id,
  inviter_username: one.inviter,
  invitee: one.user,
  org: one.organisation,
  team: one.team ?? "",
  role: one.role,
  created_at: timeOf(one.createdAtMs),
});
