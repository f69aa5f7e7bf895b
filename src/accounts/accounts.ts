import type { Database } from "../database/contract.ts";
import { createAccountDirectory, type AccountDirectory } from "./account-directory.ts";
import { AccessTokens } from "./access-tokens.ts";
import { createAuthenticator, type Authenticator } from "../auth/authenticate.ts";
import { bootstrapAdministrator, createUsers, type Users } from "./users.ts";
import { createOrganisations, type Organisations } from "./organisations.ts";
import { createPasswords } from "../auth/passwords.ts";
import { createRateLimit, createSharedAttempts, rateLimitsOf } from "../auth/rate-limit.ts";
import {
  createPermissionReader,
  type MirrorVisibility,
  type PermissionReader,
} from "../auth/permission-reader.ts";
import { createProfiles, type Profiles } from "./profiles.ts";
import { createTeams, type Teams } from "./teams.ts";

/** Accounts, permissions and the audit log of one database. */
export interface Accounts {
  readonly authenticator: Authenticator;
  readonly permissionReader: PermissionReader;
  readonly users: Users;
  readonly organisations: Organisations;
  readonly profiles: Profiles;
  readonly teams: Teams;
  readonly accessTokens: AccessTokens;
  readonly audit: Database["audit"];
  /** The same of all accounts, for administrators. */
  readonly auditLog: Database["auditLog"];
  readonly directory: AccountDirectory;
  /** Call it before the server accepts requests; see {@link bootstrapAdministrator}. */
  readonly bootstrap: (configuredPassword: string | undefined) => Promise<void>;
}

export function createAccounts(parts: {
  readonly database: Database;
  readonly clock: () => number;
  /** `repositories.createOnPush`. */
  readonly createOnPush: boolean;
  /**
   * How many processes answer requests: each has its share of the limit of wrong passwords. `replicas`: any number, and
   * they count the wrong passwords in the database.
   */
  readonly processes?: number | "replicas";
  readonly mirrors?: MirrorVisibility | undefined;
}): Accounts {
  const { database, clock, createOnPush, processes = 1 } = parts;
  const passwords = createPasswords({ clock });
  const rateLimit =
    processes === "replicas"
      ? createRateLimit(clock, rateLimitsOf(1), createSharedAttempts(database, clock))
      : createRateLimit(clock, rateLimitsOf(processes));
  return {
    authenticator: createAuthenticator({ database, passwords, rateLimit, clock }),
    permissionReader: createPermissionReader({ database, createOnPush, mirrors: parts.mirrors }),
    users: createUsers({ database, passwords, clock }),
    organisations: createOrganisations({ database, clock }),
    profiles: createProfiles({ database, clock }),
    teams: createTeams({ database, clock }),
    accessTokens: new AccessTokens({ database, clock }),
    audit: database.audit,
    auditLog: database.auditLog,
    directory: createAccountDirectory({ database }),
    bootstrap: (configured) => bootstrapAdministrator({ database, passwords, clock, configured }),
  };
}
