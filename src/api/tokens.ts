import * as z from "zod";
import { anyTime, pageSchema, time } from "./fields.ts";

/* Access tokens of users and organisations, and the token endpoint of the registry. */

const label = z.string().min(1).max(100);

/** The scopes of a personal access token. A higher scope, further left, includes the lower ones. */
export const personalScope = z.enum(["repo:admin", "repo:write", "repo:read", "repo:public_read"]);
const scopes = z.array(personalScope).min(1);

export const personalTokenSchema = z.object({
  uuid: z.string(),
  client_id: z.literal("HUB"),
  creator_ip: z.string(),
  creator_ua: z.string(),
  created_at: time,
  last_used: time.nullable(),
  generated_by: z.literal("manual"),
  is_active: z.boolean(),
  token: z.string().describe("Only in the answer to the request that creates it; otherwise empty."),
  token_label: z.string(),
  scopes: z.array(personalScope),
  expires_at: time.nullable(),
});
export type PersonalTokenAnswer = z.output<typeof personalTokenSchema>;
export const personalTokenPage = pageSchema(personalTokenSchema).extend({
  active_count: z.number().int(),
});
export type PersonalTokenPageAnswer = z.output<typeof personalTokenPage>;
export const createPersonalTokenBody = z.object({
  token_label: label,
  scopes,
  expires_at: anyTime.nullish(),
});
/** On Docker Hub's older path a token without scopes gets all permissions. */
export const createApiTokenBody = createPersonalTokenBody.extend({
  scopes: scopes.default(["repo:admin"]),
});
export const updatePersonalTokenBody = z.object({
  token_label: label.optional(),
  is_active: z.boolean().optional(),
});

const resource = z.object({
  type: z.enum(["TYPE_REPO", "TYPE_ORG"]),
  path: z.string().min(1).max(255),
  scopes: z.array(z.string()).min(1).max(50),
});
const resourcesAtMost = 50;
const resources = z.array(resource).min(1).max(resourcesAtMost);
const description = z.string().max(1000);

export const listedOrganisationTokenSchema = z.object({
  id: z.string(),
  label: z.string(),
  description: z.string(),
  created_by: z.string(),
  repositories: z
    .array(z.string())
    .max(resourcesAtMost)
    .describe(
      "The repositories that the token may reach, such as team/app; team/* are all of team.",
    ),
  is_active: z.boolean(),
  created_at: time,
  expires_at: time.nullable(),
  last_used_at: time.nullable(),
});
export const organisationTokenPage = pageSchema(listedOrganisationTokenSchema)
  .omit({ count: true })
  .extend({ total: z.number().int() });
export type OrganisationTokenPageAnswer = z.output<typeof organisationTokenPage>;
export const organisationTokenSchema = listedOrganisationTokenSchema.extend({
  resources: z.array(resource),
});
export const issuedOrganisationTokenSchema = organisationTokenSchema.extend({ token: z.string() });
export type IssuedOrganisationTokenAnswer = z.output<typeof issuedOrganisationTokenSchema>;
export const createOrganisationTokenBody = z.object({
  label,
  description: description.default(""),
  resources,
  expires_at: anyTime.nullish(),
});
export const updateOrganisationTokenBody = z.object({
  label: label.optional(),
  description: description.optional(),
  resources: resources.optional(),
  is_active: z.boolean().optional(),
});

const given = z.string({ error: "is missing" }).min(1, "is missing");
const scope = z.string().optional().describe("Can be repeated.");

export const registryTokenQuery = z.object({ service: z.string().optional(), scope });
export const registryTokenForm = z.object({
  service: given,
  client_id: given,
  grant_type: given.describe("password"),
  username: z.string().optional(),
  password: z.string().optional(),
  scope,
});
/** The fields of a form whose `grant_type` is `password`. */
export const passwordForm = z.object({ username: given, password: given });
export const registryTokenSchema = z.object({
  token: z.string(),
  access_token: z.string(),
  expires_in: z.int(),
  issued_at: z.iso.datetime(),
  token_type: z.string().optional(),
  scope: z.string().optional(),
});
