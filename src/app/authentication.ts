import { createRepositoryAccess } from "../accounts/repository-access.ts";
import { createBrowserSessions } from "../auth/browser-sessions.ts";
import {
  createHubPolicy,
  createOpenHubPolicy,
  denyHubChangesToMirrored,
} from "../auth/hub-policy.ts";
import { createOpenPolicy, createPolicy } from "../auth/policy.ts";
import { createSessions } from "../auth/sessions.ts";
import { createBearer } from "../auth/tokens/bearer.ts";
import { createGrantIssuer } from "../auth/tokens/grants.ts";
import type { Config } from "../config/schema.ts";
import type { AppParts } from "../http/app.ts";
import type { HubParts } from "../http/hub/routes.ts";
import {
  createOpenRequestAuthenticator,
  createRequestAuthenticator,
} from "../http/middleware/authenticate.ts";
import { createClientInfo } from "../http/middleware/client-info.ts";
import { createWwwAuthenticate } from "../http/token/www-authenticate.ts";
import type { LiveMirrors } from "../mirror/live-mirrors.ts";
import { OciError } from "../oci/errors.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { AppContext } from "./context.ts";
import { measuredAuthenticator, measuredBearer } from "./measured-parts.ts";

/** What requests are authenticated and authorized with. */
interface Authentication {
  readonly parts: Pick<
    AppParts,
    "requestAuthenticator" | "policy" | "wwwAuthenticate" | "tokens" | "clientInfo"
  >;
  /** The same for the Hub-shaped API. */
  readonly hub: Omit<HubParts, "hub" | "administration" | "webhooks" | "retention">;
}

/** Makes the authentication of a server from the parts of its context: with accounts, or in open mode. */
export async function openAuthentication(context: AppContext): Promise<Authentication> {
  const { config } = context;
  const { defaultVisibility, createOnPush } = config.repositories;
  const clientInfo = createClientInfo(
    config.trustedProxies,
    config.publicUrl,
    config.listen.path !== undefined,
  );
  const wwwAuthenticate = createWwwAuthenticate({ clientInfo, service: serviceOf(config) });
  const accounts = await context.accounts();
  const facts = (await context.database()).facts.repositories;
  const { mirrored } = context;
  const hasMirrors = (): boolean => mirrored.size > 0;
  const sessionFacts = { isOpen: config.auth.open, hasMirrors, createOnPush };
  const quotas = await context.quotas();
  const access = createRepositoryAccess({ database: await context.database() });
  const collaborators = await context.collaborators();
  const settings = {
    ...{ defaultVisibility, sessionFacts, quotas, access, collaborators, mirrored },
  };
  if (!config.auth.open) {
    const { parts, hubPolicy, ...logins } = await openTokens(context, clientInfo);
    const policy = denyHubChangesToMirrored(hubPolicy, mirrored);
    return {
      parts: { ...parts, clientInfo, wwwAuthenticate },
      hub: { accounts, policy, ...logins, ...settings },
    };
  }
  return {
    parts: {
      clientInfo,
      wwwAuthenticate,
      requestAuthenticator: createOpenRequestAuthenticator(),
      policy: createOpenPolicy(facts),
      tokens: undefined,
    },
    hub: {
      accounts,
      policy: denyHubChangesToMirrored(createOpenHubPolicy(), mirrored),
      sessions: undefined,
      browserSessions: undefined,
      ...settings,
    },
  };
}

/** The authentication of a registry with accounts: tokens, sessions, and policies that read the database. */
async function openTokens(context: AppContext, clientInfo: AppParts["clientInfo"]) {
  const { config, clock, metrics } = context;
  const service = serviceOf(config);
  const database = await context.database();
  const { authenticator: unmeasured, permissionReader } = await context.accounts();
  const authenticator = measuredAuthenticator(unmeasured, metrics);
  const keys = await context.keys();
  const behind = mirrorRepositoryOf(await context.mirrors());
  const { removals } = database;
  const bearer = measuredBearer(createBearer({ keys, issuer: service, service, clock }), metrics);
  const grantIssuer = createGrantIssuer({ permissionReader, removals, behind });
  return {
    hubPolicy: createHubPolicy({ database }),
    sessions: createSessions({ keys, issuer: service, authenticator, database, clock }),
    browserSessions: createBrowserSessions({
      ...{ database, clock },
      times: { idleMs: config.web.sessionIdle, lifetimeMs: config.web.sessionLifetime },
    }),
    parts: {
      requestAuthenticator: createRequestAuthenticator({
        bearer,
        authenticator,
        permissionReader,
        removals,
        clientInfo,
      }),
      policy: createPolicy({
        facts: database.facts.repositories,
        permissionReader,
      }),
      tokens: { authenticator, grantIssuer, bearer, clientInfo, service, keys },
    },
  };
}

/** The token service in each challenge, and issuer and audience in each token. */
const serviceOf = ({ publicUrl }: Config): string =>
  publicUrl === undefined ? "berth" : new URL(publicUrl).host;

/** Finds the repository of a mirror that answers for a requested name. */
function mirrorRepositoryOf(mirrors: Pick<LiveMirrors, "current">) {
  return async (
    repository: RepositoryName,
    requested: string,
  ): Promise<RepositoryName | undefined> => {
    try {
      const found = await mirrors.current?.byName(repository, requested);
      return found?.mirrorRepository.repository;
    } catch (error) {
      if (error instanceof OciError) return undefined;
      throw error;
    }
  };
}
