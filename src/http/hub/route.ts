import type { Context } from "koa";
import type { z } from "zod";
import type { RoutePermission } from "../../auth/hub-policy.ts";
import type { Session } from "../../auth/sessions.ts";
import type { YieldingWork } from "../../concurrency/yielding-work.ts";
import type { RepositoryName } from "../../oci/name.ts";
import type { Actor } from "../../registry/registry.ts";
import { forbidden, HubError } from "./errors.ts";

/** A call that was let in, with everything of it parsed. */
export interface HubRequest<Query = unknown, Body = unknown> {
  readonly ctx: Context;
  /** `undefined`: nobody that we know. */
  readonly session: Session | undefined;
  readonly actor: Actor;
  /** For what takes many steps: it ends when the client is gone. */
  readonly work: YieldingWork;
  readonly query: Query;
  readonly body: Body;
  readonly params: Readonly<Record<string, string>>;
  /** Where the path has `*repository`, or `:namespace` and `:repository`. */
  readonly repository: RepositoryName;
  /** Where the path has `:namespace`, `:org` or `:account`. */
  readonly namespace: string;
}

/** A route of the Hub-shaped API: what its schemas parse is what the OpenAPI document says. */
export interface HubRoute {
  readonly method: "get" | "post" | "put" | "patch" | "delete";
  readonly path: string;
  readonly permission: { readonly kind: "hub"; readonly requires: RoutePermission };
  /** Docker Hub's older path for the same, which access tokens of organisations do not open. */
  readonly legacy: boolean;
  readonly summary: string;
  readonly query: z.ZodObject | undefined;
  readonly body: z.ZodType | undefined;
  readonly status: number;
  /** A list or a search, which may be answered as before while nothing has changed. */
  readonly cacheable: boolean;
  /** `undefined`: an answer without a body. */
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
  /** 200, or 204 without an answer. */
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

/** The same under both of Docker Hub's paths for a repository. */
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

/** The user that calls; for routes that need one. */
export function userOf({ session }: HubRequest): Extract<Session["principal"], { kind: "user" }> {
  if (session === undefined) throw new HubError(401, "authentication is needed");
  if (session.principal.kind !== "user") throw forbidden("this is for users");
  return session.principal;
}
