import { createHash } from "node:crypto";
import { z } from "zod";
import type { Account, MemberDetails } from "../../../accounts/memberships.ts";
import { time, timeOf } from "../times.ts";

/** Numbers as UUIDs, for clients that want those: the same for an account for ever. */
export function uuidOf(kind: "account" | "team", id: number): string {
  return createHash("sha256").update(`${kind}:${id}`).digest("hex").slice(0, 32);
}

const account = z.object({
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

export const userObject = account.extend({ username: z.string(), type: z.literal("User") });
export const ownUser = userObject.extend({
  is_staff: z.boolean(),
  is_admin: z.boolean(),
  email: z.string(),
});
export const organisationObject = account.extend({
  orgname: z.string(),
  type: z.literal("Org"),
  badge: z.string(),
  is_active: z.boolean(),
});
export const memberObject = userObject.extend({
  email: z.string(),
  role: z.enum(["Owner", "Editor", "Member", "Invitee"]),
  groups: z.array(z.string()),
  is_guest: z.boolean(),
  primary_email: z.string(),
  last_logged_in_at: time.nullable(),
  last_seen_at: time.nullable(),
  last_desktop_version: z.string(),
});

interface Person {
  readonly id: number;
  readonly name: string;
  readonly fullName: string;
  readonly createdAtMs: number;
}

const accountOf = ({ id, fullName, createdAtMs }: Person): z.infer<typeof account> => ({
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

export const userShown = (person: Person): z.infer<typeof userObject> => ({
  ...accountOf(person),
  username: person.name,
  type: "User",
});

export const ownUserShown = (user: Account): z.infer<typeof ownUser> => ({
  ...userShown(user),
  is_staff: user.isAdmin,
  is_admin: user.isAdmin,
  email: user.email ?? "",
});

export const organisationShown = (person: Person): z.infer<typeof organisationObject> => ({
  ...accountOf(person),
  orgname: person.name,
  type: "Org",
  badge: "",
  is_active: true,
});

const roles = { owner: "Owner", editor: "Editor", member: "Member" } as const;

export const roleShown = (role: keyof typeof roles): (typeof roles)[keyof typeof roles] =>
  roles[role];

/** @param mayContact whether the caller may see addresses */
export function memberShown(
  member: MemberDetails,
  mayContact: boolean,
): z.infer<typeof memberObject> {
  const email = mayContact ? (member.email ?? "") : "";
  return {
    ...userShown(member),
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
