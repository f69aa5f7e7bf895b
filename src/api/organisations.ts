import * as z from "zod";
import { userSchema } from "./accounts.ts";
import { pageSchema, pageFields, time } from "./fields.ts";

/* Members, teams and invites of organisations. */

const role = z.enum(["owner", "editor", "member"]);

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
export type MemberAnswer = z.output<typeof memberSchema>;
export const memberListQuery = z.object({
  ...pageFields,
  search: z.string().max(255).optional(),
  role: role.optional(),
  type: z.enum(["all", "invitee", "member"]).default("member"),
  invites: z.enum(["true", "false"]).optional(),
});
export const memberCsvSchema = z.string().meta({ contentType: "text/csv" });
export const memberRoleBody = z.object({ role });

/** Grammar of a team name. */
export const teamGrammar = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/;
export const teamGrammarInWords = "up to 100 letters, digits and . _ -, a letter or digit first";

const teamName = z.string().regex(teamGrammar, `invalid team name: ${teamGrammarInWords}`);
const teamDescription = z.string().max(1000);

export const teamSchema = z.object({
  id: z.number().int(),
  uuid: z.string(),
  name: z.string(),
  description: z.string(),
  member_count: z.number().int(),
});
export type TeamAnswer = z.output<typeof teamSchema>;
export const teamListQuery = z.object({
  ...pageFields,
  search: z.string().max(255).optional(),
  username: z.string().max(255).optional(),
});
export const createTeamBody = z.object({
  name: teamName,
  description: teamDescription.default(""),
});
export const updateTeamBody = z.object({
  name: teamName.optional(),
  description: teamDescription.optional(),
});
export const teamMemberListQuery = z.object({
  ...pageFields,
  search: z.string().max(255).optional(),
});
export const teamMemberListSchema = z.union([pageSchema(userSchema), z.array(userSchema)]);
export const teamMemberBody = z.object({ member: teamName });
export const teamMemberAddedSchema = z.object({});

export const inviteSchema = z.object({
  id: z.string(),
  inviter_username: z.string(),
  invitee: z.string(),
  org: z.string(),
  team: z.string(),
  role,
  created_at: time,
});
export type InviteAnswer = z.output<typeof inviteSchema>;
export const inviteListSchema = z.object({ data: z.array(inviteSchema) });
export type InviteListAnswer = z.output<typeof inviteListSchema>;
export const sendInvitesBody = z.object({
  org: z.string().min(1),
  invitees: z.array(z.string().min(1).max(255)).min(1).max(100),
  team: z.string().nullish(),
  role: role.default("member"),
  dry_run: z.boolean().default(false),
});
export const sentInvitesSchema = z.object({
  invitees: z.array(
    z.object({
      invitee: z.string(),
      status: z.enum(["invited", "existing_org_member", "invalid_email_or_docker_id"]),
      invite: inviteSchema.optional(),
    }),
  ),
});
export type SentInvitesAnswer = z.output<typeof sentInvitesSchema>;
