import type { Metadata } from "../database/database.ts";
import { createAccessTokens, type AccessTokens } from "./access-tokens.ts";
import { createAuthenticator, type Authenticator } from "../auth/authenticate.ts";
import { bootstrapAdministrator } from "./bootstrap-admin.ts";
import { createOrganisations, type Organisations } from "./organisations.ts";
import { createPasswords } from "../auth/passwords.ts";
import { createRateLimit, type RateLimits } from "../auth/rate-limit.ts";
import {
  createPermissionReader,
  type MirrorVisibility,
  type PermissionReader,
} from "../auth/permissions.ts";
import { createTeams, type Teams } from "./teams.ts";
import { createUsers, type Users } from "./users.ts";

/** Who people are and what they may do, over one database. */
export interface Accounts {
  readonly authenticator: Authenticator;
  readonly permissionReader: PermissionReader;
  readonly users: Users;
  readonly organisations: Organisations;
  readonly teams: Teams;
  readonly accessTokens: AccessTokens;
  readonly audit: Metadata["audit"];
  /** To be called before anybody is served; see {@link bootstrapAdministrator}. */
  readonly bootstrap: (configuredPassword: string | undefined) => Promise<void>;
}

export function createAccounts(parts: {
  readonly metadata: Metadata;
  readonly clock: () => number;
  /** `repositories.createOnPush`. */
  readonly createOnPush: boolean;
  readonly rateLimits?: RateLimits | undefined;
  readonly mirrors?: MirrorVisibility | undefined;
}): Accounts {
  const { metadata, clock, createOnPush } = parts;
  const passwords = createPasswords({ clock });
  const rateLimit = createRateLimit(clock, parts.rateLimits);
  return {
    authenticator: createAuthenticator({ metadata, passwords, rateLimit, clock }),
    permissionReader: createPermissionReader({ metadata, createOnPush, mirrors: parts.mirrors }),
    users: createUsers({ metadata, passwords, clock }),
    organisations: createOrganisations({ metadata, clock }),
    teams: createTeams({ metadata, clock }),
    accessTokens: createAccessTokens({ metadata, clock }),
    audit: metadata.audit,
    bootstrap: (configured) => bootstrapAdministrator({ metadata, passwords, clock, configured }),
  };
}
