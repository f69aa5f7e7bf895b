import * as z from "zod";
import { time } from "./fields.ts";
import { lookedUpAtMost } from "./limits.ts";

/* Users, and organisations as accounts. */

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
/** The calling user. */
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
/** An organisation of the calling user, with the user's role. */
export const ownOrganisationSchema = organisationSchema.extend({
  user_role: z.string(),
  user_groups: z.array(z.string()),
  org_groups_count: z.number().int(),
  plan_name: z.string(),
  parent_name: z.string(),
});

export const namespacesSchema = z.object({ namespaces: z.array(z.string()) });

/** Docker Hub's subscription of an account. */
export const planSchema = z.object({
  name: z.string(),
  legacy: z.boolean(),
  duration: z.string(),
  seats: z.int(),
  teams: z.int(),
  private_repos: z.int(),
  collaborators: z.int(),
  parallel_builds: z.int(),
});

const credential = z.string().min(1).max(4096);

export const loginBody = z.object({ username: credential, password: credential });
export const loginSchema = z.object({ token: z.string() });
export const sessionTokenBody = z.object({ identifier: credential, secret: credential });
export const sessionTokenSchema = z.object({ access_token: z.string() });

const fullName = z.string().trim().max(100);

/** The calling user in Berth's own API. */
export const profileSchema = z.object({
  username: z.string(),
  full_name: z.string(),
  /** `null`: none. */
  email: z.string().nullable(),
  is_admin: z.boolean(),
  created: time,
});
export type ProfileAnswer = z.output<typeof profileSchema>;
/** An absent field stays unchanged; an empty or null `email` removes the address. */
export const profileBody = z.object({
  full_name: fullName.optional(),
  email: z
    .union([
      z
        .string()
        .max(254)
        .regex(/^[!-?A-~]+@[!-?A-~]+$/, "is not an email address"),
      z.literal(""),
    ])
    .nullable()
    .optional(),
});
export const newPasswordBody = z.object({ current: credential, new: credential });

export const userLookupQuery = z.object({
  prefix: z.string().min(2).max(255).describe("The first characters of the name; at least 2."),
});
export const userLookupSchema = z.object({
  users: z.array(z.object({ username: z.string(), full_name: z.string() })).max(lookedUpAtMost),
});
export type UserLookupAnswer = z.output<typeof userLookupSchema>;

/** A namespace: a user, an organisation, a mirror, or repositories without an account. */
export const namespaceSchema = z.object({
  name: z.string(),
  /** `null`: no account has the name. */
  kind: z.enum(["user", "organisation"]).nullable(),
  full_name: z.string(),
  is_mirror: z.boolean(),
  /** Of the repositories that the caller sees. */
  repository_count: z.int(),
  /** `null`: no quota, or the caller is neither a member nor an administrator. */
  quota: z
    .object({
      used_bytes: z.int(),
      /** `null`: no limit. */
      limit_bytes: z.int().nullable(),
    })
    .nullable(),
});
export type NamespaceAnswer = z.output<typeof namespaceSchema>;
export const changeOrganisationBody = z.object({ full_name: fullName });
export const createOrganisationBody = z.object({
  name: z.string().max(255),
  full_name: fullName.default(""),
  /** A user; without an owner only administrators manage the organisation. */
  owner: z.string().max(255).optional(),
  /** The organisation gets the repositories of its namespace that no account has. */
  take_over: z.boolean().default(false),
});
