import { dialectOf } from "../dialect.ts";
import type { Db } from "../schema.ts";
import type { MemberRole } from "./schema.ts";

/** An organisation in the list of a user's organisations. */
export interface Membership {
  readonly id: number;
  readonly name: string;
  readonly fullName: string;
  readonly createdAtMs: number;
  readonly role: MemberRole;
  readonly teams: number;
}

/** A member of an organisation in a member list. */
export interface MemberDetails {
  readonly id: number;
  readonly name: string;
  readonly fullName: string;
  readonly email: string | null;
  readonly createdAtMs: number;
  readonly role: MemberRole;
  /** Names of the organisation's teams that the member belongs to. */
  readonly teams: readonly string[];
}

interface Window {
  readonly limit: number;
  readonly offset: number;
}

interface MemberQuery extends Window {
  readonly search?: string | undefined;
  readonly role?: MemberRole | undefined;
  readonly teamId?: number | undefined;
}

interface MemberPage {
  /** Number of members on all pages. */
  readonly count: number;
  readonly items: readonly MemberDetails[];
}

export function createMembershipReads(db: Db) {
  return {
    /** The role of an account in an organisation. */
    async roleIn(organisation: string, accountId: number): Promise<MemberRole | undefined> {
      const row = await db
        .selectFrom("members")
        .innerJoin("accounts", "accounts.id", "members.organisation_id")
        .select("members.role as role")
        .where("accounts.name", "=", organisation)
        .where("members.user_id", "=", accountId)
        .executeTakeFirst();
      return row?.role;
    },

    /** Organisations of a user, by name. */
    async ofUser(userId: number, { limit, offset }: Window): Promise<readonly Membership[]> {
      return db
        .selectFrom("members")
        .innerJoin("accounts", "accounts.id", "members.organisation_id")
        .select((query) => [
          "accounts.id as id",
          "accounts.name as name",
          "accounts.full_name as fullName",
          "accounts.created_at as createdAtMs",
          "members.role as role",
          query
            .selectFrom("teams")
            .select(({ fn }) => fn.countAll<number>().as("count"))
            .whereRef("teams.organisation_id", "=", "accounts.id")
            .$asScalar()
            .$notNull()
            .as("teams"),
        ])
        .where("members.user_id", "=", userId)
        .orderBy("accounts.name")
        .limit(limit)
        .offset(offset)
        .execute();
    },

    async countOfUser(userId: number): Promise<number> {
      const row = await db
        .selectFrom("members")
        .select(({ fn }) => fn.countAll<number>().as("count"))
        .where("user_id", "=", userId)
        .executeTakeFirstOrThrow();
      return row.count;
    },

    /** Members by name; with `teamId` only the members of that team. */
    list: (organisationId: number, query: MemberQuery): Promise<MemberPage> =>
      listMembers(db, organisationId, query),
  };
}

async function listMembers(
  db: Db,
  organisationId: number,
  query: MemberQuery,
): Promise<MemberPage> {
  const { search, role, teamId, limit, offset } = query;
  let members = db
    .selectFrom("members")
    .innerJoin("accounts", "accounts.id", "members.user_id")
    .where("members.organisation_id", "=", organisationId);
  if (role !== undefined) members = members.where("members.role", "=", role);
  if (search !== undefined && search !== "") {
    members = members.where((where) =>
      where.or(
        ["accounts.name", "accounts.full_name", "accounts.email"].map((column) =>
          dialectOf(db).containsText(column, search),
        ),
      ),
    );
  }
  if (teamId !== undefined)
    members = members.where("members.user_id", "in", (users) =>
      users.selectFrom("team_members").select("user_id").where("team_id", "=", teamId),
    );
  const { count } = await members
    .select(({ fn }) => fn.countAll<number>().as("count"))
    .executeTakeFirstOrThrow();
  const rows = await members
    .select([
      "accounts.id as id",
      "accounts.name as name",
      "accounts.full_name as fullName",
      "accounts.email as email",
      "accounts.created_at as createdAtMs",
      "members.role as role",
    ])
    .orderBy("accounts.name")
    .limit(limit)
    .offset(offset)
    .execute();
  const teams = await teamsOf(
    db,
    organisationId,
    rows.map(({ id }) => id),
  );
  return { count, items: rows.map((row) => ({ ...row, teams: teams.get(row.id) ?? [] })) };
}

/** Names of the organisation's teams of each user, in order. */
async function teamsOf(
  db: Db,
  organisationId: number,
  userIds: readonly number[],
): Promise<ReadonlyMap<number, readonly string[]>> {
  const rows = await db
    .selectFrom("team_members")
    // A cross join, so that SQLite begins with the few users and not with all teams.
    .crossJoin("teams")
    .select(["team_members.user_id as userId", "teams.name as name"])
    .whereRef("teams.id", "=", "team_members.team_id")
    .where("teams.organisation_id", "=", organisationId)
    .where(dialectOf(db).isOneOf("team_members.user_id", userIds))
    .orderBy("teams.name")
    .execute();
  const teams = new Map<number, string[]>();
  for (const { userId, name } of rows) {
    const names = teams.get(userId);
    if (names === undefined) teams.set(userId, [name]);
    else names.push(name);
  }
  return teams;
}
