import type { Account } from "../database/accounts/accounts.ts";
import type { Actor } from "../database/permissions/authority.ts";
import type { Member, MemberRejection, SetMember } from "../database/accounts/members.ts";
import type { Database } from "../database/contract.ts";
import type { Page } from "../database/query-parts.ts";
import type { MemberRole } from "../database/accounts/schema.ts";
import { defaultNamespace } from "../oci/name.ts";
import { addAccount, removeAccount, lastOwner, parseAccountName } from "./account-lifecycle.ts";
import { AccountError, notAMember, unknownAccount } from "./errors.ts";

interface NamePage {
  readonly last?: string | undefined;
  readonly limit: number;
}

export type Organisations = ReturnType<typeof createOrganisations>;

/** Organisations and their members. Methods throw AccountError. */
export function createOrganisations(parts: {
  readonly database: Pick<Database, "accounts" | "members" | "commands">;
  readonly clock: () => number;
}) {
  const { database, clock } = parts;

  const setRole = async (
    actor: Actor,
    member: { readonly organisation: string; readonly user: string; readonly role: MemberRole },
    newcomers: SetMember["newcomers"],
  ): Promise<"added" | "changed" | "unchanged"> => {
    rejectDefault(member.organisation);
    const input = { ...member, newcomers, actor, nowMs: clock() };
    const outcome = await database.commands.setMember(input);
    if (outcome === "added" || outcome === "changed" || outcome === "unchanged") return outcome;
    throw memberError(outcome, member);
  };

  return {
    /** Without an owner, only administrators manage the organisation. */
    async add(
      actor: Actor,
      given: {
        name: string;
        fullName?: string | undefined;
        owner?: string | undefined;
        takeOver?: boolean | undefined;
      },
    ): Promise<void> {
      const name = parseAccountName(given.name);
      const { fullName, owner, takeOver } = given;
      if (owner !== undefined && (await database.accounts.find(owner))?.kind !== "user")
        throw unknownAccount("user", owner);
      const account = { name, kind: "organisation", fullName, takeOver } as const;
      await addAccount(database, { ...account, actor, nowMs: clock() });
      if (owner !== undefined)
        await setRole(actor, { organisation: name, user: owner, role: "owner" }, "add");
    },
    list: (page: NamePage): Promise<Page<Account>> =>
      database.accounts.list({ kind: "organisation", ...page }),
    async delete(actor: Actor, name: string): Promise<void> {
      rejectDefault(name);
      await removeAccount(database, { name, kind: "organisation", actor, nowMs: clock() });
    },

    async members(organisation: string, page: NamePage): Promise<Page<Member>> {
      return database.members.list((await findOrganisation(database, organisation)).id, page);
    },
    /** Makes a user a member without an invite, or changes a member's role. For administrators. */
    addMember: (actor: Actor, organisation: string, user: string, role: MemberRole) =>
      setRole(actor, { organisation, user, role }, "add"),
    changeRole: (actor: Actor, organisation: string, user: string, role: MemberRole) =>
      setRole(actor, { organisation, user, role }, "refuse"),
    /**
     * Makes a member an owner; for an administrator as actor, also a user who is not a member. Returns false if the
     * user needs an invite.
     */
    async makeOwner(actor: Actor, organisation: string, user: string): Promise<boolean> {
      rejectDefault(organisation);
      const newcomers = "add-if-actor-is-administrator";
      const member = { organisation, user, role: "owner" } as const;
      const input = { ...member, newcomers, actor, nowMs: clock() } as const;
      const outcome = await database.commands.setMember(input);
      if (outcome === "not-a-member") return false;
      if (outcome === "added" || outcome === "changed" || outcome === "unchanged") return true;
      throw memberError(outcome, member);
    },
    async removeMember(actor: Actor, organisation: string, user: string): Promise<void> {
      const member = { organisation, user };
      const outcome = await database.commands.removeMember({ ...member, actor, nowMs: clock() });
      if (outcome !== "removed") throw memberError(outcome, member);
    },
  };
}

export async function findOrganisation(
  database: Pick<Database, "accounts">,
  name: string,
): Promise<Account> {
  const found = await database.accounts.find(name);
  if (found?.kind === "organisation") return found;
  throw unknownAccount("organisation", name);
}

function memberError(
  rejection: MemberRejection | "not-a-member",
  { organisation, user }: { readonly organisation: string; readonly user: string },
): AccountError {
  switch (rejection) {
    case "unknown-organisation":
      return unknownAccount("organisation", organisation);
    case "unknown-user":
      return unknownAccount("user", user);
    case "not-a-member":
      return notAMember(user, organisation);
    case "last-owner":
      return lastOwner(user, [organisation]);
  }
}

/** Why the default namespace stays as it is. */
export const defaultStays = `${defaultNamespace} belongs to the administrators; it has no members and cannot be deleted`;

function rejectDefault(organisation: string): void {
  if (organisation !== defaultNamespace) return;
  throw new AccountError("conflict", defaultStays);
}
