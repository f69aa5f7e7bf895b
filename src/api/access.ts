import * as z from "zod";
import { followingFields, pageFields, pageSchema } from "./fields.ts";
import { accessReasonsAtMost, accessTeamsAtMost } from "./limits.ts";

/* Who has which permission on a repository, and why. */

const permission = z.enum(["read", "write", "admin"]);

export const accessSchema = z.object({
  username: z.string(),
  full_name: z.string(),
  level: z.enum(["none", "read", "write", "admin"]),
  /** A disabled account has no permission. */
  is_disabled: z.boolean(),
  /** The highest permission first. */
  because: z
    .array(
      z.object({
        /**
         * `admin`: an administrator of the registry; `owner`: of the namespace; `own`: a permission of the user on this
         * repository; `team`: that of a team; `public`: everyone may pull.
         */
        kind: z.enum(["admin", "owner", "own", "team", "public"]),
        team: z.string().nullable(),
        level: permission,
      }),
    )
    .max(accessReasonsAtMost),
});
export type AccessAnswer = z.output<typeof accessSchema>;

export const accessListQuery = z.object({
  ...pageFields,
  search: z.string().max(255).optional().describe("A part of the name of the user."),
});
/** A page of the users with a permission, besides that of everyone on a public repository. */
export const accessListSchema = pageSchema(accessSchema).extend({
  is_public: z.boolean(),
  teams: z
    .array(z.object({ name: z.string(), level: permission, members: z.int() }))
    .max(accessTeamsAtMost),
});
export type AccessListAnswer = z.output<typeof accessListSchema>;
export const setAccessBody = z.object({ permission });

export const teamRepositoriesQuery = z.object(followingFields);
export const teamRepositorySchema = z.object({ name: z.string(), level: permission });
export type TeamRepositoryAnswer = z.output<typeof teamRepositorySchema>;
