import { teamGrammar, teamGrammarInWords } from "../api/organisations.ts";
import type { Actor } from "../database/permissions/authority.ts";
import type { Database } from "../database/contract.ts";
import type { RepositoryRole } from "../database/accounts/schema.ts";
import type { TeamPermission, Team } from "../database/accounts/teams.ts";
import { parseRepositoryName } from "../oci/name.ts";
import { asAccountError } from "./account-lifecycle.ts";
import { AccountError, notAMember, teamExists, unknownAccount, unknownTeam } from "./errors.ts";
import { findOrganisation } from "./organisations.ts";

/** The name of a team with that of its organisation. */
interface TeamName {
  readonly organisation: string;
  readonly team: string;
}

export type Teams = ReturnType<typeof createTeams>;

/** Teams of organisations. Methods throw AccountError. */
export function createTeams(parts: {
  readonly database: Pick<Database, "accounts" | "teams" | "commands">;
  readonly clock: () => number;
}) {
  const { database, clock } = parts;

  const find = async ({ organisation, team }: TeamName): Promise<Team> => {
    const { id } = await findOrganisation(database, organisation);
    const found = (await database.teams.list(id)).find(({ name }) => name === team);
    if (found === undefined) throw unknownTeam(organisation, team);
    return found;
  };

  return {
    async add(actor: Actor, name: TeamName, description: string): Promise<void> {
      const team = parseTeamName(name.team);
      const input = { ...name, team, description, actor, nowMs: clock() };
      const outcome = await database.commands.createTeam(input);
      if (outcome === "unknown-organisation")
        throw unknownAccount("organisation", name.organisation);
      if (outcome === "exists") throw teamExists(name.organisation, team);
    },
    async list(organisation: string): Promise<readonly Team[]> {
      return database.teams.list((await findOrganisation(database, organisation)).id);
    },
    async delete(actor: Actor, name: TeamName): Promise<void> {
      const outcome = await database.commands.deleteTeam({ ...name, actor, nowMs: clock() });
      if (outcome === "unknown-team") throw unknownTeam(name.organisation, name.team);
    },

    async members(name: TeamName): Promise<readonly string[]> {
      return database.teams.members((await find(name)).id);
    },
    async addMember(actor: Actor, name: TeamName, user: string): Promise<void> {
      const outcome = await database.commands.addTeamMember({
        ...name,
        user,
        actor,
        nowMs: clock(),
      });
      if (outcome === "unknown-team") throw unknownTeam(name.organisation, name.team);
      if (outcome === "not-a-member")
        throw new AccountError(
          "unknown",
          `${user} is not a member of ${name.organisation}: add the user to the organisation first`,
        );
    },
    async removeMember(actor: Actor, name: TeamName, user: string): Promise<void> {
      const input = { ...name, user, actor, nowMs: clock() };
      const outcome = await database.commands.removeTeamMember(input);
      if (outcome === "unknown-team") throw unknownTeam(name.organisation, name.team);
      if (outcome === "not-a-member") throw notAMember(user, `the team ${name.team}`);
    },

    async permissions(name: TeamName): Promise<readonly TeamPermission[]> {
      return database.teams.permissions((await find(name)).id);
    },
    /** `undefined` removes the permission. */
    async setPermission(
      actor: Actor,
      name: TeamName,
      repositoryText: string,
      permission: RepositoryRole | undefined,
    ): Promise<void> {
      const repository = asAccountError(() => parseRepositoryName(repositoryText));
      const input = { ...name, repository, permission, actor, nowMs: clock() };
      const outcome = await database.commands.setTeamPermission(input);
      if (outcome === "unknown-team") throw unknownTeam(name.organisation, name.team);
      if (outcome === "unknown-repository")
        throw new AccountError("unknown", `${name.organisation} has no repository ${repository}`);
    },
  };
}

/** Checks the name of a new team. Throws AccountError. */
export function parseTeamName(text: string): string {
  if (teamGrammar.test(text)) return text;
  throw new AccountError("invalid", `invalid team name: ${teamGrammarInWords}`);
}
