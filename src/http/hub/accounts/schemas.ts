import { createHash } from "node:crypto";
import * as z from "zod";
import type { Account, MemberDetails } from "../../../accounts/account-catalog.ts";
import { time, timeOf } from "../times.ts";

/** A stable id of 32 hex digits, for clients that expect a UUID. */
export function uuidOf(kind: "account" | "team", id: number): string {
  return createHash("sha256").update(`${kind}:${id}`).digest("hex").slice(0, 32);
}

const accountSchema = z.object({
  id: z.string(),
  uuid: z.string(),
  full_name: z.string(),
  location: z.string(),
  company: z.string(),
  profile_url: z.string(),
  gravatar_url: z.string(),
  gravatar_email: z.string(),
  date_joined: time,
});

export const userSchema = accountSchema.extend({ username: z.string(), type: z.literal("User") });
export const ownUserSchema = userSchema.extend({
  is_staff: z.boolean(),
  is_admin: z.boolean(),
  email: z.string(),
});
export const organisationSchema = accountSchema.extend({
  orgname: z.string(),
  type: z.literal("Org"),
  badge: z.string(),
  is_active: z.boolean(),
});
export const memberSchema = userSchema.extend({
  email: z.string(),
  role: z.enum(["Owner", "Editor", "Member", "Invitee"]),
  groups: z.array(z.string()),
  is_guest: z.boolean(),
  primary_email: z.string(),
  last_logged_in_at: time.nullable(),
  last_seen_at: time.nullable(),
  last_desktop_version: z.string(),
});

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
}: AccountFields): z.infer<typeof accountSchema> => ({
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

export const presentUser = (person: AccountFields): z.infer<typeof userSchema> => ({
  ...presentAccount(person),
  username: person.name,
  type: "User",
});

export const presentOwnUser = (user: Account): z.infer<typeof ownUserSchema> => ({
  ...presentUser(user),
  is_staff: user.isAdmin,
  is_admin: user.isAdmin,
  email: user.email ?? "",
});

export const presentOrganisation = (person: AccountFields): z.infer<typeof organisationSchema> => ({
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
): z.infer<typeof memberSchema> {
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
