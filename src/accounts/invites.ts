import { randomUUID } from "node:crypto";
import { AccountError, unknownAccount } from "./errors.ts";
import type { Actor } from "../database/permissions/authority.ts";
import type { Invite } from "../database/accounts/invites.ts";
import type { Database } from "../database/contract.ts";
import type { MemberRole } from "../database/accounts/schema.ts";

export type { Invite };

interface Invitation {
  readonly organisation: string;
  readonly invitees: readonly string[];
  readonly team?: string | undefined;
  readonly role: MemberRole;
  /** Returns the statuses without creating invites. */
  readonly dryRun: boolean;
}

interface Invited {
  readonly invitee: string;
  readonly status: "invited" | "existing_org_member" | "invalid_email_or_docker_id";
  readonly invite?: Invite | undefined;
}

export type Invites = ReturnType<typeof createInvites>;

/** Invites of users to organisations. Methods throw AccountError. */
export function createInvites(parts: {
  readonly database: Database;
  readonly clock: () => number;
}) {
  const { database, clock } = parts;

  const find = async (id: string): Promise<Invite> => {
    const found = await database.invites.find(id);
    if (found === undefined) throw unknownInvite();
    return found;
  };

  const inviteOne = async (
    actor: Actor,
    { organisation, team, role, dryRun }: Invitation,
    invitee: string,
  ): Promise<Invited> => {
    const user = await database.accounts.find(invitee.toLowerCase());
    if (user?.kind !== "user") return { invitee, status: "invalid_email_or_docker_id" };
    if ((await database.memberships.roleIn(organisation, user.id)) !== undefined)
      return { invitee, status: "existing_org_member" };
    if (dryRun) return { invitee, status: "invited" };
    const id = randomUUID();
    const invite = { id, organisation, team, role, user: user.name };
    const outcome = await database.commands.createInvite({ ...invite, actor, nowMs: clock() });
    switch (outcome) {
      case "invited":
        return { invitee, status: "invited", invite: await find(id) };
      case "existing-member":
        return { invitee, status: "existing_org_member" };
      case "unknown-user":
        return { invitee, status: "invalid_email_or_docker_id" };
      case "unknown-team":
        throw new AccountError("invalid", `there is no team ${team} in ${organisation}`);
      case "unknown-organisation":
        throw unknownAccount("organisation", organisation);
    }
  };

  return {
    find,
    ofOrganisation: (name: string): Promise<readonly Invite[]> =>
      database.invites.ofOrganisation(name),
    ofUser: (userId: number): Promise<readonly Invite[]> => database.invites.ofUser(userId),

    async send(actor: Actor, invitation: Invitation): Promise<readonly Invited[]> {
      const invited: Invited[] = [];
      for (const invitee of new Set(invitation.invitees))
        invited.push(await inviteOne(actor, invitation, invitee));
      return invited;
    },

    async cancel(actor: Actor, id: string): Promise<void> {
      if (!(await database.commands.deleteInvite({ id, actor, nowMs: clock() })))
        throw unknownInvite();
    },

    /**
     * Makes the actor, who must be the invitee, a member of the organisation, and of the team if the invite names one.
     */
    async accept(actor: Actor, id: string): Promise<void> {
      if (!(await database.commands.acceptInvite({ id, actor, nowMs: clock() })))
        throw unknownInvite();
    },
  };
}

/** The message is that of Docker Hub. */
const unknownInvite = () => new AccountError("unknown", "object not found");
