import type { Metadata } from "../metadata/metadata.ts";
import { createAuthenticator, type Authenticator } from "./authenticate.ts";
import { createFirstAdministrator, type FirstAdministrator } from "./first-start.ts";
import { createPasswords } from "./passwords.ts";
import { createRateLimit, type RateLimits } from "./rate-limit.ts";
import { createRights, type Rights } from "./rights.ts";

/** Who people are and what they may do, over one database. */
export interface Accounts {
  readonly authenticator: Authenticator;
  readonly rights: Rights;
  /** To be called before anybody is served; see {@link createFirstAdministrator}. */
  firstStart(configuredPassword: string | undefined): Promise<FirstAdministrator | undefined>;
}

export function createAccounts(parts: {
  readonly metadata: Metadata;
  readonly clock: () => number;
  /** `repositories.createOnPush`. */
  readonly createOnPush: boolean;
  readonly rateLimits?: RateLimits | undefined;
}): Accounts {
  const { metadata, clock, createOnPush } = parts;
  const passwords = createPasswords({ clock });
  const rateLimit = createRateLimit(clock, parts.rateLimits);
  return {
    authenticator: createAuthenticator({ metadata, passwords, rateLimit, clock }),
    rights: createRights({ metadata, createOnPush }),
    firstStart: (configured) =>
      createFirstAdministrator({ metadata, passwords, clock, configured }),
  };
}
