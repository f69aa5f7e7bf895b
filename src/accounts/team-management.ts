import type { Accounts } from "./accounts.ts";
import { AccountError } from "./errors.ts";
import { parseTeamName } from "./names.ts";
import type { Actor } from "../database/events/audit.ts";
import type { MemberDetails } from "../database/accounts/memberships.ts";
import type { Database } from "../database/database.ts";
import type { Invites } from "./invites.ts";
import { windowOf, type NumberedPage } from "./memberships.ts";
import type { Listing } from "../catalog/repositories.ts";

/** A team, in the terms of Docker Hub's API ("group"). */
export interface TeamSummary {
  readonly id: number;
  readonly name: string;
  readonly description: string;
  readonly members: number;
}

export type TeamCatalog = ReturnType<typeof createTeamCatalog>;

/** Docker Hub has a team "owners"; in Berth it is the role "owner". The team cannot be changed, deleted or emptied. */
export const owners = "owners";
/** The id of the team "owners" is this number plus the organisation's id; no other team has such an id. */
const ownersBase = 1_000_000_000;

/** Teams as the Hub-shaped API shows them. Methods throw AccountError. */
export function createTeamCatalog(parts: {
  readonly database: Database;
  readonly accounts: Pick<Accounts, "teams" | "organisations">;
  readonly invites: Pick<Invites, "send">;
  readonly clock: () => number;
}) {
  const { database, accounts, invites, clock } = parts;
  const { teams, organisations } = accounts;

  const organisation = async (name: string) => {
    const found = await database.accounts.find(name);
    if (found?.kind === "organisation") return found;
    throw new AccountError("unknown", `there is no organisation ${name}`);
  };
  const all = async (name: string): Promise<readonly TeamSummary[]> => {
    const { id } = await organisation(name);
    const first = { role: "owner", limit: 1, offset: 0 } as const;
    const { count } = await database.memberships.list(id, first);
    const made = (await database.teams.list(id)).filter((team) => team.name !== owners);
    const description = "Owners of the organisation";
    return [{ id: ownersBase + id, name: owners, description, members: count }, ...made];
  };
  /** By name or by id. */
  const find = async (name: string, group: string): Promise<TeamSummary> => {
    const found = (await all(name)).find((one) => one.name === group || String(one.id) === group);
    if (found === undefined)
      throw new AccountError("unknown", `there is no team ${group} in ${name}`);
    return found;
  };
  const changeable = (group: TeamSummary): TeamSummary => {
    if (group.name === owners)
      throw new AccountError("conflict", `the team ${owners} can't be changed`);
    return group;
  };

  /** A user who is not a member gets an invite. */
  const addOwner = async (actor: Actor, name: string, user: string): Promise<void> => {
    if (await organisations.makeOwner(actor, name, user)) return;
    const invitation = {
      organisation: name,
      invitees: [user],
      role: "owner",
      dryRun: false,
    } as const;
    await invites.send(actor, invitation);
  };

  return {
    find,
    async list(
      name: string,
      asked: NumberedPage & {
        readonly search?: string | undefined;
        /** Only teams of this user. */
        readonly username?: string | undefined;
      },
    ): Promise<Listing<TeamSummary>> {
      const { search = "", username } = asked;
      let found = (await all(name)).filter((group) => group.name.includes(search.toLowerCase()));
      if (username !== undefined && username !== "") {
        const { id } = await organisation(name);
        const member = await database.accounts.find(username);
        const role = member && (await database.memberships.roleIn(name, member.id));
        const held = await database.teamGrants.ofUser(id, username);
        found = found.filter((group) =>
          group.name === owners ? role === "owner" : held.has(group.name),
        );
      }
      const { limit, offset } = windowOf(asked);
      return { count: found.length, items: found.slice(offset, offset + limit) };
    },

    async create(
      actor: Actor,
      name: string,
      team: string,
      description: string,
    ): Promise<TeamSummary> {
      if (team.toLowerCase() === owners)
        throw new AccountError("exists", `${name} has a team ${owners} already`);
      await teams.add(actor, { organisation: name, team }, description);
      return find(name, team);
    },

    async update(
      actor: Actor,
      name: string,
      group: string,
      change: { readonly name?: string | undefined; readonly description?: string | undefined },
    ): Promise<TeamSummary> {
      const found = changeable(await find(name, group));
      const renamed = change.name === undefined ? undefined : parseTeamName(change.name);
      if (renamed?.toLowerCase() === owners)
        throw new AccountError("exists", `${name} has a team ${owners} already`);
      const outcome = await database.run("updateTeam", {
        ...{ organisation: name, team: found.name, actor, nowMs: clock() },
        ...{ name: renamed, description: change.description },
      });
      if (outcome === "exists")
        throw new AccountError("exists", `${name} has a team ${renamed} already`);
      if (outcome === "unknown-team")
        throw new AccountError("unknown", `there is no team ${group} in ${name}`);
      return find(name, renamed ?? found.name);
    },

    async delete(actor: Actor, name: string, group: string): Promise<void> {
      const { name: team } = changeable(await find(name, group));
      await teams.delete(actor, { organisation: name, team });
    },

    async members(
      name: string,
      group: string,
      asked: NumberedPage & { readonly search?: string | undefined },
    ): Promise<Listing<MemberDetails>> {
      const { id } = await organisation(name);
      const found = await find(name, group);
      const which = found.name === owners ? ({ role: "owner" } as const) : { teamId: found.id };
      return database.memberships.list(id, { ...which, search: asked.search, ...windowOf(asked) });
    },

    async addMember(actor: Actor, name: string, group: string, user: string): Promise<void> {
      const { name: team } = await find(name, group);
      if (team === owners) await addOwner(actor, name, user);
      else await teams.addMember(actor, { organisation: name, team }, user);
    },

    async removeMember(actor: Actor, name: string, group: string, user: string): Promise<void> {
      const { name: team } = await find(name, group);
      if (team === owners) await organisations.changeRole(actor, name, user, "member");
      else await teams.removeMember(actor, { organisation: name, team }, user);
    },
  };
}
