import * as z from "zod";
import { auditFormat } from "./audit.ts";
import { anyTime, pageFields, time } from "./fields.ts";

/* Users, organisations, access tokens, quotas and the audit log, as administrators see them. */

const name = z.string().min(1).max(255);
const fullName = z.string().max(255);
const password = z.string().min(1).max(1024);

export const accountListQuery = z.object({
  ...pageFields,
  search: z.string().max(255).default("").describe("A part of the name, full name or email."),
});

export const adminUserSchema = z.object({
  username: z.string(),
  full_name: z.string(),
  email: z.string().nullable(),
  is_admin: z.boolean(),
  is_disabled: z.boolean(),
  created_at: time,
});
/** What must be changed before an account can be deleted; the number is limited by its reasons. */
const preventsDeletion = z.array(z.string()).max(3);
export const adminUserDetailsSchema = adminUserSchema.extend({
  prevents_deletion: preventsDeletion.describe("Empty: the user can be deleted."),
});
export const createUserBody = z.object({
  username: name,
  password,
  full_name: fullName.optional(),
  email: z.string().max(255).optional(),
  is_admin: z.boolean().default(false),
  take_over: z
    .boolean()
    .default(false)
    .describe("The user gets the repositories of the namespace that have no account."),
});
export const changeUserBody = z.object({
  is_admin: z.boolean().optional(),
  is_disabled: z.boolean().optional(),
});
export const changedUserSchema = adminUserSchema.extend({
  changed: z.boolean().describe("False: the user was so already."),
});
export const setPasswordBody = z.object({ password });
export type AdminUserAnswer = z.output<typeof adminUserSchema>;

export const adminOrganisationSchema = z.object({
  name: z.string(),
  full_name: z.string(),
  created_at: time,
});
export const adminOrganisationDetailsSchema = adminOrganisationSchema.extend({
  prevents_deletion: preventsDeletion.describe("Empty: the organisation can be deleted."),
});
export type AdminOrganisationAnswer = z.output<typeof adminOrganisationSchema>;

const role = z.enum(["owner", "editor", "member"]);
export const addMemberBody = z.object({ role: role.default("member") });
export const adminMemberSchema = z.object({ username: z.string(), role, since: time });
export const memberListQuery = z.object({
  page_size: pageFields.page_size,
  last: z.string().max(255).optional().describe("The last name of the previous page."),
});
/** The next page begins after `last`. */
export const adminMemberListSchema = z.object({
  results: z.array(adminMemberSchema),
  last: z.string().nullable(),
});

const resource = z.object({
  type: z.enum(["TYPE_REPO", "TYPE_ORG"]),
  path: z.string().min(1).max(255),
  scopes: z.array(z.string()).min(1).max(50),
});
export const adminTokenSchema = z.object({
  id: z.string(),
  label: z.string(),
  description: z.string(),
  scopes: z.array(z.string()).describe("Of a user's token."),
  resources: z.array(resource).describe("Of an organisation's token."),
  is_active: z.boolean(),
  created_at: time,
  expires_at: time.nullable(),
  last_used: time.nullable(),
});
export const issueTokenBody = z.object({
  label: z.string().min(1).max(100),
  description: z.string().max(1000).optional(),
  scope: z.string().max(100).optional().describe("For a user."),
  resources: z.array(resource).max(50).optional().describe("For an organisation."),
  expires_at: anyTime.nullish(),
});
export const issuedTokenSchema = adminTokenSchema.extend({
  token: z.string().describe("Only in this answer."),
});
export type AdminTokenAnswer = z.output<typeof adminTokenSchema>;

export const quotaSchema = z.object({
  namespace: z.string(),
  used: z.int(),
  limit: z.int().nullable(),
  is_own: z.boolean().describe("False: the limit is that of `quotas.default`."),
});
export const setQuotaBody = z.object({
  limit: z.int().min(0).describe("Bytes; also below the current use."),
});
export type QuotaAnswer = z.output<typeof quotaSchema>;

export const adminAuditQuery = z.object({
  page_size: pageFields.page_size,
  account: z.string().max(255).optional().describe("Of the changed object; `berth`: the server."),
  actor: z.string().max(255).optional(),
  action: z.string().max(100).optional().describe("An action or a group of them: `repo.tag`."),
  from: anyTime.optional().describe("Inclusive."),
  to: anyTime.optional().describe("Exclusive."),
  last: z
    .string()
    .regex(/^\d{1,15}-\d{1,15}$/)
    .optional()
    .describe("The position in `next` of the previous page."),
  format: auditFormat,
});
export const adminAuditSchema = z
  .object({
    results: z.array(
      z.object({
        at: time,
        actor: z.string(),
        account: z.string(),
        action: z.string(),
        subject: z.string(),
        data: z.record(z.string(), z.string()),
        address: z.string(),
      }),
    ),
    next: z
      .url()
      .nullable()
      .describe(
        "A page may have no results, and others after it: it reads 10,000 entries at most.",
      ),
    kept_seconds: z
      .number()
      .nullable()
      .describe("The age at which entries are deleted (audit.keep). Null: never."),
  })
  .meta({ alsoAs: "text/csv" });
export type AdminAuditAnswer = z.output<typeof adminAuditSchema>;
