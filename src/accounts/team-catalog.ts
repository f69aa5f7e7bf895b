import type { Account } from "../database/accounts/accounts.ts";
import type { MemberDetails } from "../database/accounts/memberships.ts";
import type { Database } from "../database/contract.ts";
import type { VisibilityFilter } from "../database/catalog/visibility-filter.ts";
import type { RepositoryRole } from "../database/accounts/schema.ts";
import { pageOf, type Page } from "../database/query-parts.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { Actor } from "../database/permissions/authority.ts";
import { windowOf, type Listing, type NumberedPage } from "../oci/page.ts";
import type { Accounts } from "./accounts.ts";
import { AccountError, teamExists, unknownTeam } from "./errors.ts";
import type { Invites } from "./invites.ts";
import { findOrganisation } from "./organisations.ts";
import { parseTeamName } from "./teams.ts";

/** A team, in the terms of Docker Hub's API ("group"). */
export interface TeamSummary {
  readonly id: number;
  readonly name: string;
  readonly description: string;
  readonly members: number;
}

interface TeamCatalogParts {
  readonly database: Database;
  readonly accounts: Pick<Accounts, "teams" | "organisations">;
  readonly invites: Pick<Invites, "send">;
  readonly clock: () => number;
}

interface TeamRepository {
  readonly name: RepositoryName;
  readonly permission: RepositoryRole;
}
interface TeamRepositoryPage {
  readonly visibility: VisibilityFilter;
  readonly last?: string | undefined;
  readonly limit: number;
}

/** Docker Hub has a team "owners"; in Berth it is the role "owner". The team cannot be changed, deleted or emptied. */
const owners = "owners";
/** The id of the team "owners" is this number plus the organisation's id; no other team has such an id. */
const ownersBase = 1_000_000_000;

/**
 * Teams as the Hub-shaped API shows them: the team "owners" first, and then those of `teams.ts`. A team is named by its
 * name or by its id. Methods throw AccountError.
 */
export class TeamCatalog {
  readonly #parts: TeamCatalogParts;

  constructor(parts: TeamCatalogParts) {
    this.#parts = parts;
  }

  async find(organisation: string, team: string): Promise<TeamSummary> {
    const found = (await this.#all(organisation)).find(
      (one) => one.name === team || String(one.id) === team,
    );
    if (found === undefined) throw unknownTeam(organisation, team);
    return found;
  }

  async list(
    organisation: string,
    asked: NumberedPage & {
      readonly search?: string | undefined;
      /** Only teams of this user. */
      readonly username?: string | undefined;
    },
  ): Promise<Listing<TeamSummary>> {
    const search = asked.search?.toLowerCase() ?? "";
    const named = (await this.#all(organisation)).filter(({ name }) => name.includes(search));
    const found = asked.username ? await this.#ofUser(organisation, asked.username, named) : named;
    const { limit, offset } = windowOf(asked);
    return { count: found.length, items: found.slice(offset, offset + limit) };
  }

  async create(
    actor: Actor,
    organisation: string,
    team: string,
    description: string,
  ): Promise<TeamSummary> {
    denyOwners(organisation, team);
    await this.#parts.accounts.teams.add(actor, { organisation, team }, description);
    return this.find(organisation, team);
  }

  async update(
    actor: Actor,
    organisation: string,
    team: string,
    change: { readonly name?: string | undefined; readonly description?: string | undefined },
  ): Promise<TeamSummary> {
    const { database, clock } = this.#parts;
    const found = await this.#findChangeable(organisation, team);
    const name = change.name === undefined ? undefined : parseTeamName(change.name);
    if (name !== undefined) denyOwners(organisation, name);
    const outcome = await database.commands.updateTeam({
      organisation,
      team: found.name,
      name,
      description: change.description,
      actor,
      nowMs: clock(),
    });
    if (outcome === "exists") throw teamExists(organisation, name ?? found.name);
    if (outcome === "unknown-team") throw unknownTeam(organisation, team);
    return this.find(organisation, name ?? found.name);
  }

  async delete(actor: Actor, organisation: string, team: string): Promise<void> {
    const { name } = await this.#findChangeable(organisation, team);
    await this.#parts.accounts.teams.delete(actor, { organisation, team: name });
  }

  async members(
    organisation: string,
    team: string,
    asked: NumberedPage & { readonly search?: string | undefined },
  ): Promise<Listing<MemberDetails>> {
    const { id } = await this.#organisation(organisation);
    const found = await this.find(organisation, team);
    const which = found.name === owners ? ({ role: "owner" } as const) : { teamId: found.id };
    const { memberships } = this.#parts.database;
    return memberships.list(id, { ...which, search: asked.search, ...windowOf(asked) });
  }

  /** The repositories on which a team has a permission and that are visible, by name, after `last`. */
  async repositories(
    organisation: string,
    team: string,
    { visibility, last, limit }: TeamRepositoryPage,
  ): Promise<Page<TeamRepository> & { readonly total: number }> {
    const { repositoryAccess } = this.#parts.database;
    const { id } = await this.find(organisation, team);
    const rows = await repositoryAccess.ofTeam(id, visibility, { last, limit: limit + 1 });
    return { ...pageOf(rows, limit), total: await repositoryAccess.countOfTeam(id, visibility) };
  }

  async addMember(actor: Actor, organisation: string, team: string, user: string): Promise<void> {
    const { name } = await this.find(organisation, team);
    if (name === owners) await this.#addOwner(actor, organisation, user);
    else await this.#parts.accounts.teams.addMember(actor, { organisation, team: name }, user);
  }

  async removeMember(
    actor: Actor,
    organisation: string,
    team: string,
    user: string,
  ): Promise<void> {
    const { teams, organisations } = this.#parts.accounts;
    const { name } = await this.find(organisation, team);
    if (name === owners) await organisations.changeRole(actor, organisation, user, "member");
    else await teams.removeMember(actor, { organisation, team: name }, user);
  }

  async #all(organisation: string): Promise<readonly TeamSummary[]> {
    const { memberships, teams } = this.#parts.database;
    const { id } = await this.#organisation(organisation);
    const { count } = await memberships.list(id, { role: "owner", limit: 1, offset: 0 });
    const created = (await teams.list(id)).filter((team) => team.name !== owners);
    const description = "Owners of the organisation";
    return [{ id: ownersBase + id, name: owners, description, members: count }, ...created];
  }

  async #ofUser(
    organisation: string,
    username: string,
    teams: readonly TeamSummary[],
  ): Promise<readonly TeamSummary[]> {
    const { accounts, memberships } = this.#parts.database;
    const { id } = await this.#organisation(organisation);
    const user = await accounts.find(username);
    const role = user && (await memberships.roleIn(organisation, user.id));
    const held = await this.#parts.database.teams.namesOfUser(id, username);
    return teams.filter(({ name }) => (name === owners ? role === "owner" : held.has(name)));
  }

  async #findChangeable(organisation: string, team: string): Promise<TeamSummary> {
    const found = await this.find(organisation, team);
    if (found.name === owners)
      throw new AccountError("conflict", `the team ${owners} cannot be changed`);
    return found;
  }

  /** A user who is not a member gets an invite. */
  async #addOwner(actor: Actor, organisation: string, user: string): Promise<void> {
    const { accounts, invites } = this.#parts;
    if (await accounts.organisations.makeOwner(actor, organisation, user)) return;
    const invitation = { organisation, invitees: [user], role: "owner", dryRun: false } as const;
    await invites.send(actor, invitation);
  }

  #organisation(name: string): Promise<Account> {
    return findOrganisation(this.#parts.database, name);
  }
}

function denyOwners(organisation: string, team: string): void {
  if (team.toLowerCase() === owners) throw teamExists(organisation, owners);
}
