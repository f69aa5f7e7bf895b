import { createAccounts } from "../accounts/accounts.ts";
import { createBearer } from "../auth/tokens/bearer.ts";
import { createGrantIssuer } from "../auth/tokens/grants.ts";
import {
  createHubPolicy,
  createOpenHubPolicy,
  denyHubChangesToMirrored,
} from "../auth/hub-policy.ts";
import { openKeys } from "../auth/signing-keys/keys.ts";
import { createOpenPolicy, createPolicy } from "../auth/policy.ts";
import { rateLimitsOf } from "../auth/rate-limit.ts";
import { createSessions } from "../auth/sessions.ts";
import type { Config } from "../config/schema.ts";
import type { AppParts } from "../http/app.ts";
import {
  createRequestAuthenticator,
  createOpenRequestAuthenticator,
} from "../http/middleware/authenticate.ts";
import { createWwwAuthenticate } from "../http/token/www-authenticate.ts";
import type { HubParts } from "../http/hub/routes.ts";
import { createClientInfo } from "../http/middleware/client-info.ts";
import type { Database } from "../database/database.ts";
import type { Mirrors } from "../mirror/mirrors.ts";
import type { Logger } from "../observability/logger.ts";
import { OciError } from "../oci/errors.ts";
import type { RepositoryName } from "../oci/name.ts";
import { keysFolder } from "./stores.ts";

/** An administrator account, for the startup banner; open mode has none. */
export interface Administrator {
  readonly name: string;
  /** `false` after a first start, until `berth user password` sets one. */
  readonly hasPassword: boolean;
}

export interface AuthContext {
  readonly parts: Pick<
    AppParts,
    "requestAuthenticator" | "policy" | "wwwAuthenticate" | "tokens" | "clientInfo"
  >;
  /** The same for the Hub-shaped API. */
  readonly hub: Omit<HubParts, "hub">;
  readonly administrator: Administrator | undefined;
}

/**
 * Opens authentication and permissions. The first start creates an administrator and the key that signs tokens.
 */
export async function openAuthContext(
  config: Config,
  parts: {
    readonly database: Database;
    readonly clock: () => number;
    readonly logger: Logger;
    readonly mirrors: Pick<Mirrors, "byName"> | undefined;
  },
): Promise<AuthContext> {
  const { database, clock, logger, mirrors } = parts;
  const service = serviceOf(config);
  const clientInfo = createClientInfo(config.trustedProxies, config.publicUrl);
  const wwwAuthenticate = createWwwAuthenticate({ clientInfo, service });
  const { createOnPush, defaultVisibility } = config.repositories;
  const visibilities = new Map(config.mirrors.map((one) => [one.namespace, one.visibility]));
  const mirrored = new Set(visibilities.keys());
  const rateLimits = rateLimitsOf(config.workers);
  const accounts = createAccounts({
    ...{ database, clock, createOnPush, rateLimits },
    mirrors: visibilities,
  });
  if (config.auth.open) {
    const [requestAuthenticator, policy] = [createOpenRequestAuthenticator(), createOpenPolicy()];
    return {
      parts: { clientInfo, wwwAuthenticate, requestAuthenticator, policy, tokens: undefined },
      hub: {
        accounts,
        policy: denyHubChangesToMirrored(createOpenHubPolicy(), mirrored),
        sessions: undefined,
        defaultVisibility,
      },
      administrator: undefined,
    };
  }

  const { authenticator, permissionReader } = accounts;
  const { removals } = database;
  await accounts.bootstrap(config.auth.adminPassword);
  const administrator = await findAdministrator(database);
  const keys = await openKeys({
    folder: keysFolder(config),
    algorithm: config.auth.algorithm,
    clock,
    report: (error) => logger.error({ err: error }, "the keys can't be read; those known stay"),
  });
  const bearer = createBearer({ keys, issuer: service, service, clock });
  const grantIssuer = createGrantIssuer({
    permissionReader,
    removals,
    behind: mirrors && behindOf(mirrors),
  });
  return {
    administrator,
    hub: {
      accounts,
      defaultVisibility,
      policy: denyHubChangesToMirrored(createHubPolicy({ database }), mirrored),
      sessions: createSessions({ keys, issuer: service, authenticator, database, clock }),
    },
    parts: {
      clientInfo,
      wwwAuthenticate,
      requestAuthenticator: createRequestAuthenticator({
        bearer,
        authenticator,
        permissionReader,
        removals,
        clientInfo,
      }),
      policy: createPolicy({
        factsOf: (name) => database.repositoryCache.factsOf(name),
        permissionReader,
      }),
      tokens: { authenticator, grantIssuer, bearer, clientInfo, service, keys },
    },
  };
}

function behindOf(mirrors: Pick<Mirrors, "byName">) {
  return (repository: RepositoryName, asked: string): RepositoryName | undefined => {
    try {
      return mirrors.byName(repository, asked)?.mirrorRepository.repository;
    } catch (error) {
      if (error instanceof OciError) return undefined;
      throw error;
    }
  };
}

async function findAdministrator({ accounts }: Database): Promise<Administrator | undefined> {
  const { items } = await accounts.list({ kind: "user", limit: 100 });
  const found = items.find(({ isAdmin, disabled }) => isAdmin && !disabled);
  if (found === undefined) return undefined;
  const login = await accounts.login(found.name);
  return { name: found.name, hasPassword: login?.passwordHash != null };
}

/** The token service in each challenge, and issuer and audience in each token. */
const serviceOf = ({ publicUrl }: Config): string =>
  publicUrl === undefined ? "berth" : new URL(publicUrl).host;
