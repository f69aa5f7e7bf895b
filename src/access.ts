import type { Authenticator } from "./auth/authenticate.ts";
import { createBearer } from "./auth/bearer.ts";
import { createGrants, type LiveRights } from "./auth/grants.ts";
import { openKeys } from "./auth/keys.ts";
import { createOpenPolicy, createPolicy } from "./auth/policy.ts";
import type { Config } from "./config/schema.ts";
import type { AppParts } from "./http/app.ts";
import { createCallers, createOpenCallers } from "./http/authenticate.ts";
import { createChallenger } from "./http/challenge.ts";
import { createOrigins } from "./http/origins.ts";
import type { Metadata } from "./metadata/metadata.ts";
import type { Logger } from "./observability/logger.ts";
import { keysFolder } from "./stores.ts";

type AccessParts = Pick<AppParts, "callers" | "policy" | "challenger" | "tokens" | "origins">;

/** Who is let in, and to what. Makes the keys that tokens are signed with, if there are none. */
export async function openAccess(
  config: Config,
  parts: {
    readonly accounts: { readonly authenticator: Authenticator; readonly rights: LiveRights };
    readonly metadata: Metadata;
    readonly clock: () => number;
    readonly logger: Logger;
  },
): Promise<AccessParts> {
  const { metadata, clock, logger } = parts;
  const { authenticator, rights } = parts.accounts;
  const { removals } = metadata;
  const service = serviceOf(config);
  const origins = createOrigins(config.trustedProxies, config.publicUrl);
  const challenger = createChallenger({ origins, service });
  if (config.auth.open) {
    const [callers, policy] = [createOpenCallers(), createOpenPolicy()];
    return { origins, challenger, callers, policy, tokens: undefined };
  }

  const keys = await openKeys({
    folder: keysFolder(config),
    algorithm: config.auth.algorithm,
    clock,
    report: (error) => logger.error({ err: error }, "the keys can't be read; those known stay"),
  });
  const bearer = createBearer({ keys, issuer: service, service, clock });
  const grants = createGrants({ rights, removals });
  return {
    origins,
    challenger,
    callers: createCallers({ bearer, authenticator, rights, removals, origins, clock }),
    policy: createPolicy({ factsOf: (name) => metadata.hotRepositories.factsOf(name), rights }),
    tokens: { authenticator, grants, bearer, origins, service, keys },
  };
}

/** Names the token service in every challenge, and issuer and audience in every token. */
const serviceOf = ({ publicUrl }: Config): string =>
  publicUrl === undefined ? "berth" : new URL(publicUrl).host;
