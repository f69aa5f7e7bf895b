import type { Context } from "koa";
import * as z from "zod";
import type { Authenticator } from "../../auth/authenticate.ts";
import type { Bearer } from "../../auth/tokens/bearer.ts";
import type { GrantedScopes, GrantIssuer } from "../../auth/tokens/grants.ts";
import type { Principal } from "../../auth/principal.ts";
import {
  formatScope,
  parseScopes,
  TooManyScopesError,
  type Scope,
} from "../../auth/tokens/scope.ts";
import { readAuthorization } from "../middleware/authorization.ts";
import { queryValues } from "../links.ts";
import type { ClientInfo } from "../middleware/client-info.ts";
import type { Route } from "../route.ts";
import { badRequest, invalidGrant, wrongCredentials } from "./errors.ts";
import { unavailableOnDatabaseError } from "../middleware/unavailable.ts";

export interface TokenParts {
  readonly authenticator: Authenticator;
  readonly grantIssuer: GrantIssuer;
  readonly bearer: Bearer;
  readonly clientInfo: ClientInfo;
  readonly service: string;
}

const given = z.string({ error: "is missing" }).min(1, "is missing");
const tokenForm = z.object({
  service: given,
  client_id: given,
  grant_type: given.describe("password"),
  username: z.string().optional(),
  password: z.string().optional(),
  scope: z.string().optional().describe("May come several times."),
});
const credentials = z.object({ username: given, password: given });
const tokenQuery = z.object({
  service: z.string().optional(),
  scope: z.string().optional().describe("May come several times."),
});
const tokenAnswer = z.object({
  token: z.string(),
  access_token: z.string(),
  expires_in: z.int(),
  issued_at: z.iso.datetime(),
  token_type: z.string().optional(),
  scope: z.string().optional(),
});

/**
 * The token endpoint. It authenticates the client, reduces the requested scopes to the granted ones and signs them into
 * a token that is valid for 5 minutes.
 */
export function tokenRoutes(parts: TokenParts): readonly Route[] {
  const { authenticator, grantIssuer, bearer, clientInfo, service } = parts;

  const identify = async (ctx: Context, name: string, secret: string): Promise<Principal> => {
    const peer = clientInfo.peerOf(ctx.req);
    const principal = await unavailableOnDatabaseError(() =>
      authenticator.authenticate({ name, secret }, peer),
    );
    if (principal === undefined) throw wrongCredentials();
    return principal;
  };

  /** Wrong credentials never give an anonymous token: clients detect a failed login by the 401. */
  const identifyByHeader = async (ctx: Context): Promise<Principal> => {
    const authorization = readAuthorization(ctx.get("Authorization"));
    if (authorization.kind === "none") return { kind: "anonymous" };
    if (authorization.kind !== "basic") throw wrongCredentials();
    return identify(ctx, authorization.name, authorization.secret);
  };

  const answer = async (ctx: Context, principal: Principal, scopes: readonly Scope[]) => {
    const grantedScopes = await unavailableOnDatabaseError(() =>
      grantIssuer.issue(principal, scopes),
    );
    const { token, expiresInSeconds, issuedAtMs } = await bearer.sign(principal, grantedScopes);
    ctx.body = {
      token,
      access_token: token,
      expires_in: expiresInSeconds,
      issued_at: new Date(issuedAtMs).toISOString().replace(/\.\d+Z$/, "Z"),
      ...(ctx.method === "POST" ? { token_type: "bearer", scope: scopeText(grantedScopes) } : {}),
    };
  };

  const get = async (ctx: Context): Promise<void> => {
    demandService(queryValues(ctx, "service"), service);
    // Parse the scopes first, so that a malformed request causes no password hashing.
    const scopes = scopesOf(queryValues(ctx, "scope"));
    await answer(ctx, await identifyByHeader(ctx), scopes);
  };

  const post = async (ctx: Context, form: URLSearchParams): Promise<void> => {
    const fields = demanded(tokenForm, form);
    demandService([fields.service], service);
    const scopes = scopesOf(form.getAll("scope"));
    switch (fields.grant_type) {
      case "password": {
        const { username, password } = demanded(credentials, form);
        return answer(ctx, await identify(ctx, username, password), scopes);
      }
      case "refresh_token":
        // The server issues no refresh tokens: with one, docker would drop the password, which always works.
        throw invalidGrant("there are no refresh tokens here: log in again");
      default:
        throw badRequest("unsupported_grant_type", "grant_type is password");
    }
  };

  const uncached = (ctx: Context): Context => {
    ctx.set("Cache-Control", "no-store");
    return ctx;
  };
  const permission = { kind: "none" } as const;
  return [
    {
      ...{
        method: "get",
        path: "/token",
        permission,
        handle: (ctx: Context) => get(uncached(ctx)),
      },
      schema: { summary: "A token for the registry", query: tokenQuery, answer: tokenAnswer },
    },
    {
      ...{ method: "post", path: "/token", permission },
      body: "form",
      handle: (ctx: Context, form: URLSearchParams) => post(uncached(ctx), form),
      schema: { summary: "A token for the registry", form: tokenForm, answer: tokenAnswer },
    },
  ];
}

function demandService(given: readonly string[], service: string): void {
  if (given.some((name) => name !== "" && name !== service))
    throw badRequest("invalid_request", `this is the token service of ${service}`);
}

function scopesOf(parameters: readonly string[]): readonly Scope[] {
  try {
    return parseScopes(parameters);
  } catch (error) {
    if (error instanceof TooManyScopesError) throw badRequest("invalid_scope", error.message);
    throw error;
  }
}

const scopeText = (grantedScopes: GrantedScopes): string =>
  grantedScopes.entries.map(formatScope).join(" ");

function demanded<S extends z.ZodObject>(schema: S, form: URLSearchParams): z.output<S> {
  const parsed = schema.safeParse(Object.fromEntries(form));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw badRequest("invalid_request", `the field ${issue?.path.join(".")} ${issue?.message}`);
}
