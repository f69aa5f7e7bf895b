import type { Context, Middleware } from "koa";
import { NotAuthorizedError } from "../auth/policy.ts";
import { createYieldingWork } from "../concurrency/yielding-work.ts";
import type { ReadOnly } from "../maintenance/read-only.ts";
import { OciError } from "../oci/errors.ts";
import { parseRepositoryName, type RepositoryName } from "../oci/name.ts";
import {
  authorize,
  tokenEnded,
  type AuthorizerParts,
  type Client,
  type Target,
} from "./authorize.ts";
import { HubError, notFound } from "./hub/errors.ts";
import { parseBody, parseQuery } from "./hub/requests.ts";
import { streamOf, type BodyReader, type StreamToken } from "./middleware/body.ts";
import type { BudgetKey, Budgets } from "./middleware/budgets.ts";
import { whenClosed } from "./middleware/early-end.ts";
import { demandWritable } from "./middleware/read-only.ts";
import { addToRecord, setErrorFormat, setRoute } from "./middleware/request-state.ts";
import type { RepositoryResolver } from "./middleware/repository-resolver.ts";
import {
  taggedResponse,
  type ResponseCache,
  type TaggedResponse,
} from "./middleware/response-cache.ts";
import { matchesIfNoneMatch, sendNothing } from "./registry/responses.ts";
import { badRequest } from "./token/errors.ts";
import { isHubRoute, type Route } from "./route.ts";
import { createRouteTable } from "./route-table.ts";

export interface RouterParts extends AuthorizerParts {
  readonly repositoryResolver: RepositoryResolver;
  readonly responseCache: ResponseCache;
  readonly bodies: BodyReader;
  readonly budgets: Budgets;
  readonly readOnly: Pick<ReadOnly, "current">;
}

type Params = Readonly<Record<string, string>>;

/**
 * Serves the route table. The router parses the repository name once and uses the same value for the permission check
 * and for the handler.
 * Throws the error of a request that is denied, and 405 for a method or 404 for a path that has no route.
 */
export function createRouter(routes: readonly Route[], parts: RouterParts): Middleware {
  const find = createRouteTable(routes);
  return async (ctx) => {
    const { methods, route, params, isHub } = find(ctx);
    if (isHub) setErrorFormat(ctx, "hub");
    if (route === undefined) throw noRoute(ctx, methods, isHub);
    setRoute(ctx, route.path);
    if (ctx.url.includes("%00")) throw nulError(ctx, "the path or the query", isHub);
    await answer(route, ctx, params, parts);
  };
}

function noRoute(ctx: Context, methods: readonly string[], isHub: boolean): OciError {
  if (methods.length === 0)
    return isHub
      ? new HubError(404, "there is nothing at this path")
      : new OciError("UNSUPPORTED", "there is nothing at this path", { status: 404 });
  const message = `${ctx.method} is not served at this path`;
  const headers = { Allow: methods.join(", ") };
  return isHub
    ? new HubError(405, message, { headers })
    : new OciError("UNSUPPORTED", message, { headers });
}

/**
 * A text with U+0000, which PostgreSQL cannot store or compare. It is rejected before any query, and with SQLite too.
 * `parseBody` rejects all control characters of a JSON body.
 */
function nulError(ctx: Context, where: string, isHub = false): OciError {
  const message = `${where} has the character U+0000`;
  if (isHub) return new HubError(400, message);
  if (ctx.path === "/token") return badRequest("invalid_request", message);
  return new OciError("NAME_INVALID", message);
}

/**
 * Checks the permission before the body and, for a body that the router reads, again after it: a client can take a long
 * time to send the body, and a permission can end meanwhile. If the first check denies the request, the body is not
 * read.
 */
async function answer(
  route: Route,
  ctx: Context,
  params: Params,
  parts: RouterParts,
): Promise<void> {
  const asked = { route, target: await targetOf(route, ctx, params, parts.repositoryResolver) };
  const { repository } = asked.target;
  if (repository !== undefined) addToRecord(ctx, { repository });
  let client = await authorize(ctx, asked, parts);
  if (asked.target.resolved?.mirrored !== undefined && route.method !== "get")
    throw new OciError(
      "UNSUPPORTED",
      "this repository mirrors another registry: it accepts no push and no delete",
    );
  await demandWritable(route, parts.readOnly);
  const budget = parts.budgets.enter(ctx, route, client.accountId);
  const admitMiss = (): void => parts.budgets.admitMiss(budget);
  const parsedQuery = () =>
    route.query === undefined ? undefined : parseQuery(route.query, ctx.query);
  const requestOf = (query: unknown, body: unknown) =>
    isHubRoute(route)
      ? { ...{ ctx, params, query, body }, ...hubFieldsOf(ctx, asked.target, client) }
      : { ...{ ctx, params, query, body, admitMiss }, ...repositoryFieldsOf(asked.target, client) };
  if (route.cacheable) {
    const response = await parts.responseCache.of(
      responseKey(route, ctx, client, parts),
      async () => route.handle(requestOf(parsedQuery(), undefined)),
    );
    return sendTagged(route, ctx, response);
  }
  const query = parsedQuery();
  const token = {
    expiresAtMs: client.grant?.expiresAtMs,
    ended: () => tokenEnded(ctx, asked, parts),
  };
  const body = await bodyOf(route, ctx, parts.bodies, { budget, token });
  if (route.body !== undefined && route.body !== "stream")
    client = await authorize(ctx, asked, parts, client);
  try {
    const answered = await route.handle(requestOf(query, body));
    if (route.revalidates) sendTagged(route, ctx, taggedResponse(answered));
    else if (route.status !== undefined) send(route, ctx, answered);
  } catch (error) {
    // The command checks the permission again in its transaction.
    if (!(error instanceof NotAuthorizedError) || isHubRoute(route)) throw error;
    throw error.decision === "login" ? token.ended() : new OciError("DENIED", error.message);
  }
}

/** Parses the repository name of the path. Throws 404 for an invalid name on a Hub-shaped route, else NAME_INVALID. */
async function targetOf(
  route: Route,
  ctx: Context,
  params: Params,
  repositoryResolver: RepositoryResolver,
): Promise<Target> {
  if (isHubRoute(route)) {
    const namespace = params["namespace"] ?? params["org"] ?? params["account"] ?? "";
    return { namespace, repository: hubRepositoryOf(params), resolved: undefined };
  }
  if (route.requires.kind !== "repository")
    return { namespace: "", repository: undefined, resolved: undefined };
  const resolved = await repositoryResolver.resolve(ctx, params["name"] ?? "");
  return { namespace: "", repository: resolved.repository, resolved };
}

function hubRepositoryOf({ namespace, repository }: Params): RepositoryName | undefined {
  if (repository === undefined) return undefined;
  try {
    return parseRepositoryName(namespace === undefined ? repository : `${namespace}/${repository}`);
  } catch (error) {
    if (error instanceof OciError) throw notFound();
    throw error;
  }
}

async function bodyOf(
  { body }: Route,
  ctx: Context,
  bodies: BodyReader,
  { budget, token }: { readonly budget: BudgetKey; readonly token: StreamToken },
): Promise<unknown> {
  switch (body) {
    case undefined:
      return undefined;
    case "form": {
      const text = (await bodies.read(ctx.req, "form", budget)).toString("utf8");
      if (/%00|\0/.test(text)) throw nulError(ctx, "the body");
      return new URLSearchParams(text);
    }
    case "manifest":
      return bodies.read(ctx.req, "manifest", budget);
    case "stream":
      return streamOf(ctx.req, token);
    default:
      return parseBody(body, await bodies.read(ctx.req, "json", budget));
  }
}

const repositoryFieldsOf = ({ resolved }: Target, { repositoryFacts }: Client) => ({
  target: resolved,
  facts: repositoryFacts,
});

function hubFieldsOf(ctx: Context, { namespace, repository }: Target, client: Client) {
  let isGone = false;
  whenClosed(ctx.res, () => {
    isGone = true;
  });
  return {
    ...{ session: client.session, actor: client.actor, work: createYieldingWork(() => isGone) },
    ...{ namespace, repository: repository ?? ("" as RepositoryName) },
  };
}

/** Each principal sees different repositories, and the links in a list have the origin. */
const responseKey = (
  { varies }: Route,
  ctx: Context,
  { session, grant }: Client,
  { clientInfo }: RouterParts,
): string =>
  JSON.stringify([
    session?.principal ?? grant?.principal,
    clientInfo.originOf(ctx.req),
    ctx.url,
    varies && ctx.req.headers[varies],
  ]);

const jsonType = "application/json; charset=utf-8";

/** Sends 304 in place of a response that the client has (RFC 9110, section 13.1.2). */
function sendTagged(route: Route, ctx: Context, { body, entityTag }: TaggedResponse): void {
  ctx.res.setHeader("ETag", `"${entityTag}"`);
  const known = ctx.req.headers["if-none-match"];
  if (known !== undefined && matchesIfNoneMatch(known, entityTag)) sendNothing(ctx, 304);
  else send(route, ctx, body);
}

/** Sends the result of the handler. */
function send(route: Route, ctx: Context, answered: unknown): void {
  // `ctx.type` would look the type up for each response.
  if (Buffer.isBuffer(answered)) ctx.res.setHeader("Content-Type", jsonType);
  ctx.body = route.answer === undefined ? null : answered;
  ctx.status = route.status ?? 200;
}
