import type { Context } from "koa";
import type * as z from "zod";
import type { RoutePermission } from "../../auth/hub-policy.ts";
import type { Session } from "../../auth/sessions.ts";
import type { YieldingWork } from "../../concurrency/yielding-work.ts";
import type { RepositoryName } from "../../oci/name.ts";
import type { Actor } from "../../database/events/audit.ts";
import { forbidden, HubError } from "./errors.ts";

/** An authorized request with its parsed parameters. */
export interface HubRequest<Query = unknown, Body = unknown> {
  readonly ctx: Context;
  /** `undefined`: the caller is anonymous. */
  readonly session: Session | undefined;
  readonly actor: Actor;
  /** For work of many steps: it yields to other requests and stops when the client disconnects. */
  readonly work: YieldingWork;
  readonly query: Query;
  readonly body: Body;
  readonly params: Readonly<Record<string, string>>;
  /** Set if the path has `*repository`, or `:namespace` and `:repository`; otherwise empty. */
  readonly repository: RepositoryName;
  /** Set if the path has `:namespace`, `:org` or `:account`; otherwise empty. */
  readonly namespace: string;
}

/** A route of the Hub-shaped API. Its schemas parse the requests and generate the OpenAPI document. */
export interface HubRoute {
  readonly method: "get" | "post" | "put" | "patch" | "delete";
  readonly path: string;
  readonly permission: { readonly kind: "hub"; readonly requires: RoutePermission };
  /** Docker Hub's older path for the same route. It rejects access tokens of organisations with 403. */
  readonly legacy: boolean;
  readonly summary: string;
  readonly query: z.ZodObject | undefined;
  readonly body: z.ZodType | undefined;
  readonly status: number;
  /** A list or a search: its response is cached until the next write (see `middleware/response-cache.ts`). */
  readonly cacheable: boolean;
  /** `undefined`: a response without a body. */
  readonly answer: z.ZodType | undefined;
  handle(call: HubRequest): Promise<unknown>;
}

type Parsed<S> = S extends z.ZodType ? z.output<S> : undefined;
type Answered<S> = S extends z.ZodType ? z.input<S> : void;

interface HubRouteDefinition<Q, B, A> {
  readonly method: HubRoute["method"];
  readonly path: string;
  readonly requires: RoutePermission;
  readonly summary: string;
  readonly legacy?: boolean;
  readonly query?: Q;
  readonly body?: B;
  readonly answer?: A;
  /** Default: 200, or 204 without `answer`. */
  readonly status?: number;
  readonly cacheable?: boolean;
  handle(call: HubRequest<Parsed<Q>, Parsed<B>>): Promise<Answered<A>>;
}

export function hubRoute<
  Q extends z.ZodObject | undefined = undefined,
  B extends z.ZodType | undefined = undefined,
  A extends z.ZodType | undefined = undefined,
>(given: HubRouteDefinition<Q, B, A>): HubRoute {
  const { method, path, requires, summary, legacy = false, query, body, answer } = given;
  return {
    ...{ method, path, summary, legacy, query, body, answer },
    permission: { kind: "hub", requires },
    cacheable: given.cacheable ?? false,
    status: given.status ?? (answer === undefined ? 204 : 200),
    handle: (call) => given.handle(call as HubRequest<Parsed<Q>, Parsed<B>>),
  };
}

/** Defines a route under both of Docker Hub's paths for a repository. */
export function repositoryRoutes<
  Q extends z.ZodObject | undefined = undefined,
  B extends z.ZodType | undefined = undefined,
  A extends z.ZodType | undefined = undefined,
>(
  given: Omit<HubRouteDefinition<Q, B, A>, "path" | "legacy"> & { readonly rest?: string },
): HubRoute[] {
  const { rest = "", ...route } = given;
  return [
    hubRoute({ ...route, path: `/v2/namespaces/:namespace/repositories/:repository${rest}` }),
    hubRoute({ ...route, path: `/v2/repositories/:namespace/:repository${rest}`, legacy: true }),
  ];
}

/** The calling user. Throws 401 for an anonymous caller and 403 for an organisation. */
export function userOf({ session }: HubRequest): Extract<Session["principal"], { kind: "user" }> {
  if (session === undefined) throw new HubError(401, "authentication is needed");
  if (session.principal.kind !== "user") throw forbidden("this is for users");
  return session.principal;
}
