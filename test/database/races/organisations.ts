import type { CommandInput } from "../../../src/database/commands.ts";
import { by, change } from "../contract/support.ts";
import type { Race, Trial } from "./race.ts";

/* Changes of the members of an organisation. */

interface Ids {
  readonly organisation: string;
  /** Ids of the users by their letters. */
  readonly users: Readonly<Record<"a" | "b", number>>;
}

export const nameOf = ({ name }: Trial, letter: string): string => `${letter}-${name}`;

/** An organisation, and two users with roles in it; `undefined`: no member. */
export async function makeOrganisation(
  trial: Trial,
  roles: readonly [CommandInput<"setMember">["role"] | undefined, ...("owner" | "member")[]],
): Promise<Ids> {
  const { commands, name: organisation, nowMs } = trial;
  const at = { ...change, nowMs };
  const make = async (name: string, kind: "user" | "organisation"): Promise<number> => {
    const made = await commands.createAccount({ ...at, name, kind });
    if (typeof made !== "number") throw new Error(`${name} exists`);
    return made;
  };
  await make(organisation, "organisation");
  const users = {
    a: await make(nameOf(trial, "a"), "user"),
    b: await make(nameOf(trial, "b"), "user"),
  };
  for (const [i, role] of roles.entries()) {
    const user = nameOf(trial, i === 0 ? "a" : "b");
    if (role !== undefined)
      await commands.setMember({ ...at, organisation, user, role, newcomers: "add" });
  }
  return { organisation, users };
}

async function findOwnerless({ rows, name }: Trial): Promise<string | undefined> {
  const owners = await rows<object>(`
    SELECT user_id FROM members JOIN accounts ON accounts.id = members.organisation_id
    WHERE accounts.name = '${name}' AND members.role = 'owner'`);
  return owners.length === 0 ? "the organisation has no owner" : undefined;
}

const removeMember = (trial: Trial, letter: string) =>
  trial.commands.removeMember({
    ...{ ...change, nowMs: trial.nowMs, organisation: trial.name, user: nameOf(trial, letter) },
  });

export const organisationRaces: readonly Race[] = [
  {
    name: "both owners leave an organisation: one stays",
    async prepare(trial) {
      await makeOrganisation(trial, ["owner", "owner"]);
      return {
        first: () => removeMember(trial, "a"),
        second: () => removeMember(trial, "b"),
        check: () => findOwnerless(trial),
      };
    },
  },
  {
    name: "two owners make each other members: one stays an owner",
    async prepare(trial) {
      const { organisation } = await makeOrganisation(trial, ["owner", "owner"]);
      const demote = (letter: string) =>
        trial.commands.setMember({
          ...{ ...change, nowMs: trial.nowMs, organisation, user: nameOf(trial, letter) },
          ...{ role: "member", newcomers: "refuse" },
        });
      return {
        first: () => demote("a"),
        second: () => demote("b"),
        check: () => findOwnerless(trial),
      };
    },
  },
  {
    name: "the accounts of both owners are deleted: one stays",
    async prepare(trial) {
      await makeOrganisation(trial, ["owner", "owner"]);
      const remove = (letter: string) =>
        trial.commands.deleteAccount({
          ...{ ...change, nowMs: trial.nowMs, name: nameOf(trial, letter), kind: "user" },
        });
      return {
        first: () => remove("a"),
        second: () => remove("b"),
        check: () => findOwnerless(trial),
      };
    },
  },
  {
    name: "an owner leaves while the account of the other one is deleted: one stays",
    async prepare(trial) {
      await makeOrganisation(trial, ["owner", "owner"]);
      const deletion = {
        ...change,
        nowMs: trial.nowMs,
        name: nameOf(trial, "a"),
        kind: "user",
      } as const;
      return {
        first: () => trial.commands.deleteAccount(deletion),
        second: () => removeMember(trial, "b"),
        check: () => findOwnerless(trial),
      };
    },
  },
  {
    name: "a member leaves and is put into a team: the team has only members of its organisation",
    async prepare(trial) {
      const { commands, nowMs, rows, name } = trial;
      const { organisation } = await makeOrganisation(trial, ["owner", "member"]);
      const team = { ...change, nowMs, organisation, team: "devs" };
      await commands.createTeam({ ...team, description: "" });
      return {
        first: () => removeMember(trial, "b"),
        second: () => commands.addTeamMember({ ...team, user: nameOf(trial, "b") }),
        check: async () => {
          const strangers = await rows<object>(`
            SELECT team_members.user_id FROM team_members JOIN teams ON teams.id = team_members.team_id
            JOIN accounts ON accounts.id = teams.organisation_id
            WHERE accounts.name = '${name}' AND NOT EXISTS (SELECT 1 FROM members
              WHERE members.organisation_id = teams.organisation_id AND members.user_id = team_members.user_id)`);
          return strangers.length === 0 ? undefined : "a stranger is in the team";
        },
      };
    },
  },
  {
    name: "an invite is accepted and cancelled: one of both happens",
    async prepare(trial) {
      const { commands, nowMs, database } = trial;
      const { organisation, users } = await makeOrganisation(trial, ["owner"]);
      const id = `invite ${trial.name}`;
      const sender = by(users.a, nameOf(trial, "a"));
      const invite = {
        ...sender,
        nowMs,
        id,
        organisation,
        user: nameOf(trial, "b"),
        role: "member",
      } as const;
      await commands.createInvite(invite);
      return {
        first: () => commands.acceptInvite({ ...by(users.b, nameOf(trial, "b")), nowMs, id }),
        second: () => commands.deleteInvite({ ...sender, nowMs, id }),
        check: async ([accepted, cancelled]) => {
          const role = await database.memberships.roleIn(organisation, users.b);
          return accepted !== cancelled && (role === "member") === accepted
            ? undefined
            : `accepted: ${String(accepted)}, cancelled: ${String(cancelled)}, role: ${role}`;
        },
      };
    },
  },
];
