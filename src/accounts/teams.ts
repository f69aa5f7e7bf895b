import type { Actor } from "../database/events/audit.ts";
import type { Database } from "../database/database.ts";
import type { RepositoryRole } from "../database/schema.ts";
import type { TeamPermission } from "../database/accounts/team-permissions.ts";
import type { Team } from "../database/accounts/teams.ts";
import { AccountError } from "./errors.ts";
import { parseRepository, parseTeamName } from "./names.ts";
import { findOrganisation, unknownOrganisation } from "./organisations.ts";

/** The name of a team with that of its organisation. */
export interface TeamName {
  readonly organisation: string;
  readonly team: string;
}

export type Teams = ReturnType<typeof createTeams>;

/** Teams of organisations. Methods throw AccountError. */
export function createTeams(parts: {
  readonly database: Pick<Database, "accounts" | "teams" | "teamPermissions" | "run">;
  readonly clock: () => number;
}) {
  const { database, clock } = parts;

  const find = async ({ organisation, team }: TeamName): Promise<Team> => {
    const { id } = await findOrganisation(database, organisation);
    const found = (await database.teams.list(id)).find(({ name }) => name === team);
    return found ?? refuse({ organisation, team });
  };
  const refuse = ({ organisation, team }: TeamName): never => {
    throw new AccountError("unknown", `there is no team ${team} in ${organisation}`);
  };
  const notAMember = (user: string, of: string, then = ""): AccountError =>
    new AccountError("unknown", `${user} is not a member of ${of}${then}`);

  return {
    async add(actor: Actor, name: TeamName, description: string): Promise<void> {
      const team = parseTeamName(name.team);
      const input = { ...name, team, description, actor, nowMs: clock() };
      const outcome = await database.run("createTeam", input);
      if (outcome === "unknown-organisation") throw unknownOrganisation(name.organisation);
      if (outcome === "exists")
        throw new AccountError("exists", `${name.organisation} has a team ${team} already`);
    },
    async list(organisation: string): Promise<readonly Team[]> {
      return database.teams.list((await findOrganisation(database, organisation)).id);
    },
    async delete(actor: Actor, name: TeamName): Promise<void> {
      const outcome = await database.run("deleteTeam", { ...name, actor, nowMs: clock() });
      if (outcome === "unknown-team") refuse(name);
    },

    async members(name: TeamName): Promise<readonly string[]> {
      return database.teams.members((await find(name)).id);
    },
    async addMember(actor: Actor, name: TeamName, user: string): Promise<void> {
      const outcome = await database.run("addTeamMember", { ...name, user, actor, nowMs: clock() });
      if (outcome === "unknown-team") refuse(name);
      if (outcome === "not-a-member")
        throw notAMember(user, name.organisation, ": make them one first");
    },
    async removeMember(actor: Actor, name: TeamName, user: string): Promise<void> {
      const input = { ...name, user, actor, nowMs: clock() };
      const outcome = await database.run("removeTeamMember", input);
      if (outcome === "unknown-team") refuse(name);
      if (outcome === "not-a-member") throw notAMember(user, `the team ${name.team}`);
    },

    async permissions(name: TeamName): Promise<readonly TeamPermission[]> {
      return database.teamPermissions.list((await find(name)).id);
    },
    /** `undefined` removes the permission. */
    async setPermission(
      actor: Actor,
      name: TeamName,
      repositoryText: string,
      permission: RepositoryRole | undefined,
    ): Promise<void> {
      const repository = parseRepository(repositoryText);
      const input = { ...name, repository, permission, actor, nowMs: clock() };
      const outcome = await database.run("setTeamPermission", input);
      if (outcome === "unknown-team") refuse(name);
      if (outcome === "unknown-repository")
        throw new AccountError("unknown", `${name.organisation} has no repository ${repository}`);
    },
  };
}
