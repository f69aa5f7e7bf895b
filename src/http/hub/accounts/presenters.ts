import { createHash } from "node:crypto";
import type * as z from "zod";
import type { Account, MemberDetails } from "../../../accounts/account-catalog.ts";
import type { organisationSchema, ownUserSchema, userSchema } from "../../../api/accounts.ts";
import { timeOf } from "../../../api/fields.ts";
import type { memberSchema } from "../../../api/organisations.ts";

/** A stable id of 32 hex digits, for clients that expect a UUID. */
export function uuidOf(kind: "account" | "team", id: number): string {
  return createHash("sha256").update(`${kind}:${id}`).digest("hex").slice(0, 32);
}

interface AccountFields {
  readonly id: number;
  readonly name: string;
  readonly fullName: string;
  readonly createdAtMs: number;
}

const presentAccount = ({
  id,
  fullName,
  createdAtMs,
}: AccountFields): Omit<z.input<typeof userSchema>, "username" | "type"> => ({
  id: uuidOf("account", id),
  uuid: uuidOf("account", id),
  full_name: fullName,
  location: "",
  company: "",
  profile_url: "",
  gravatar_url: "",
  gravatar_email: "",
  date_joined: timeOf(createdAtMs),
});

export const presentUser = (person: AccountFields): z.input<typeof userSchema> => ({
  ...presentAccount(person),
  username: person.name,
  type: "User",
});

export const presentOwnUser = (user: Account): z.input<typeof ownUserSchema> => ({
  ...presentUser(user),
  is_staff: user.isAdmin,
  is_admin: user.isAdmin,
  email: user.email ?? "",
});

export const presentOrganisation = (person: AccountFields): z.input<typeof organisationSchema> => ({
  ...presentAccount(person),
  orgname: person.name,
  type: "Org",
  badge: "",
  is_active: true,
});

const roles = { owner: "Owner", editor: "Editor", member: "Member" } as const;

export const presentRole = (role: keyof typeof roles): (typeof roles)[keyof typeof roles] =>
  roles[role];

/** @param mayContact whether the caller may see email addresses */
export function presentMember(
  member: MemberDetails,
  mayContact: boolean,
): z.input<typeof memberSchema> {
  const email = mayContact ? (member.email ?? "") : "";
  return {
    ...presentUser(member),
    email,
    role: roles[member.role],
    groups: [...(member.role === "owner" ? ["owners"] : []), ...member.teams],
    is_guest: false,
    primary_email: email,
    last_logged_in_at: null,
    last_seen_at: null,
    last_desktop_version: "",
  };
}
