import type { Context } from "koa";
import type * as z from "zod";
import {
  passwordForm,
  registryTokenForm,
  registryTokenQuery,
  registryTokenSchema,
} from "../../api/tokens.ts";
import type { Authenticator } from "../../auth/authenticate.ts";
import type { Keys } from "../../auth/signing-keys/keys.ts";
import type { Bearer } from "../../auth/tokens/bearer.ts";
import type { GrantIssuer } from "../../auth/tokens/grants.ts";
import type { Principal } from "../../auth/principal.ts";
import {
  formatScope,
  parseScopes,
  TooManyScopesError,
  type Scope,
} from "../../auth/tokens/scope.ts";
import { readAuthorization } from "../middleware/authenticate.ts";
import { queryValues } from "../links.ts";
import type { ClientInfo } from "../middleware/client-info.ts";
import { addToRecord } from "../middleware/request-state.ts";
import { route, type Route } from "../route.ts";
import { badRequest, invalidGrant, wrongCredentials } from "./errors.ts";
import { unavailableOnDatabaseError } from "../middleware/unavailable.ts";

export interface TokenParts {
  readonly authenticator: Authenticator;
  readonly grantIssuer: GrantIssuer;
  readonly bearer: Bearer;
  readonly clientInfo: ClientInfo;
  readonly service: string;
}

type TokenAnswer = z.input<typeof registryTokenSchema>;

/**
 * The token endpoint. It authenticates the client, reduces the requested scopes to the granted ones and signs them into
 * a token that is valid for 5 minutes.
 */
export function tokenRoutes(parts: TokenParts): readonly Route[] {
  const requires = { kind: "none" } as const;
  return [
    route({
      method: "get",
      path: "/token",
      requires,
      summary: "A token for the registry",
      query: registryTokenQuery,
      answer: registryTokenSchema,
      handle: ({ ctx }) => tokenByHeader(parts, ctx),
    }),
    route({
      method: "post",
      path: "/token",
      requires,
      summary: "A token for the registry",
      body: "form",
      form: registryTokenForm,
      answer: registryTokenSchema,
      handle: ({ ctx, body }) => tokenByForm(parts, ctx, body),
    }),
  ];
}

/** The public keys as a JWK set (RFC 7517), for other services that verify the tokens, such as `distribution`. */
export function jwksRoutes({ keys }: { readonly keys: Pick<Keys, "published"> }): readonly Route[] {
  return [
    route({
      method: "get",
      path: "/.well-known/jwks.json",
      requires: { kind: "none" },
      handle: async ({ ctx }) => {
        ctx.set("Cache-Control", "public, max-age=60");
        ctx.body = { keys: await keys.published() };
      },
    }),
  ];
}

async function tokenByHeader(parts: TokenParts, ctx: Context): Promise<TokenAnswer> {
  ctx.set("Cache-Control", "no-store");
  demandService(queryValues(ctx, "service"), parts.service);
  // Parse the scopes first, so that a malformed request causes no password hashing.
  const scopes = scopesOf(queryValues(ctx, "scope"));
  return (await issue(parts, await identifyByHeader(parts, ctx), scopes)).answer;
}

async function tokenByForm(
  parts: TokenParts,
  ctx: Context,
  form: URLSearchParams,
): Promise<TokenAnswer> {
  ctx.set("Cache-Control", "no-store");
  const fields = demanded(registryTokenForm, form);
  demandService([fields.service], parts.service);
  const scopes = scopesOf(form.getAll("scope"));
  switch (fields.grant_type) {
    case "password": {
      const { username, password } = demanded(passwordForm, form);
      const principal = await identify(parts, ctx, username, password);
      const { answer, granted } = await issue(parts, principal, scopes);
      return { ...answer, token_type: "bearer", scope: granted };
    }
    case "refresh_token":
      // The server issues no refresh tokens: with one, docker would drop the password, which always works.
      throw invalidGrant("this server issues no refresh tokens: log in again");
    default:
      throw badRequest("unsupported_grant_type", "grant_type must be password");
  }
}

/** Wrong credentials never give an anonymous token: clients detect a failed login by the 401. */
async function identifyByHeader(parts: TokenParts, ctx: Context): Promise<Principal> {
  const authorization = readAuthorization(ctx.get("Authorization"));
  if (authorization.kind === "none") return { kind: "anonymous" };
  if (authorization.kind !== "basic") throw wrongCredentials();
  return identify(parts, ctx, authorization.name, authorization.secret);
}

async function identify(
  { authenticator, clientInfo }: TokenParts,
  ctx: Context,
  name: string,
  secret: string,
): Promise<Principal> {
  const peer = clientInfo.peerOf(ctx.req);
  const principal = await unavailableOnDatabaseError(() =>
    authenticator.authenticate({ name, secret }, peer),
  );
  if (principal === undefined) throw wrongCredentials();
  addToRecord(ctx, { principal });
  return principal;
}

/** Signs a token with those of the scopes that the principal has; `granted` lists them as text. */
async function issue(
  { grantIssuer, bearer }: TokenParts,
  principal: Principal,
  scopes: readonly Scope[],
): Promise<{ readonly answer: TokenAnswer; readonly granted: string }> {
  const grantedScopes = await unavailableOnDatabaseError(() =>
    grantIssuer.issue(principal, scopes),
  );
  const { token, expiresInSeconds, issuedAtMs } = await bearer.sign(principal, grantedScopes);
  return {
    answer: {
      token,
      access_token: token,
      expires_in: expiresInSeconds,
      issued_at: new Date(issuedAtMs).toISOString().replace(/\.\d+Z$/, "Z"),
    },
    granted: grantedScopes.entries.map(formatScope).join(" "),
  };
}

function demandService(given: readonly string[], service: string): void {
  if (given.some((name) => name !== "" && name !== service))
    throw badRequest("invalid_request", `the service must be ${service}`);
}

function scopesOf(parameters: readonly string[]): readonly Scope[] {
  try {
    return parseScopes(parameters);
  } catch (error) {
    if (error instanceof TooManyScopesError) throw badRequest("invalid_scope", error.message);
    throw error;
  }
}

function demanded<S extends z.ZodObject>(schema: S, form: URLSearchParams): z.output<S> {
  const parsed = schema.safeParse(Object.fromEntries(form));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw badRequest("invalid_request", `the field ${issue?.path.join(".")} ${issue?.message}`);
}
