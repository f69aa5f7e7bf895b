import * as z from "zod";
import { time } from "./fields.ts";

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
