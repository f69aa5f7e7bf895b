import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import type { Context } from "koa";
import type * as z from "zod";
import type { HubPermission } from "../auth/hub-policy.ts";
import type { RepositoryPermission } from "../database/permissions/hub-permissions.ts";
import type { RegistryPermission } from "../auth/policy.ts";
import type { Session } from "../auth/sessions.ts";
import type { YieldingWork } from "../concurrency/yielding-work.ts";
import type { Mirrored } from "../mirror/mirrors.ts";
import type { AdmitMiss } from "../mirror/repository.ts";
import type { RepositoryFacts } from "../database/facts.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { Actor } from "../database/permissions/authority.ts";

/**
 * A route of the server. Its schemas parse the requests and generate the OpenAPI document.
 * A {@link TokenRoute} is for clients with a token of the token endpoint: the distribution API and the operator's routes.
 * A {@link HubRoute} is for clients with a session: the Hub-shaped API and Berth's own API. It has their error format.
 */
export type Route = TokenRoute | HubRoute;
export type TokenRoute = RouteOf<RegistryPermission, "form" | "manifest" | "stream" | undefined>;
export type HubRoute = RouteOf<HubPermission, z.ZodType | undefined>;

interface RouteOf<Requires, Body> {
  /** A `get` route also serves HEAD. */
  readonly method: "get" | "post" | "put" | "patch" | "delete";
  /** A path pattern of @koa/router; `*name` and `*repository` match a repository name with any number of components. */
  readonly path: string;
  readonly requires: Requires;
  /** Docker Hub's older path for the same route. It rejects access tokens of organisations with 403. */
  readonly legacy: boolean;
  readonly summary: string | undefined;
  readonly query: z.ZodObject | undefined;
  /**
   * How the router reads the body; a schema is one of JSON. A handler never reads the request itself; see
   * `middleware/body.ts`.
   * - `form`, `manifest`, JSON: the router reads and parses the body, then checks the permission again.
   * - `stream`: the handler reads the stream. The command that records the blob checks the permission again.
   */
  readonly body: Body;
  /** The fields of a `form` body, for the OpenAPI document. */
  readonly form: z.ZodObject | undefined;
  /** `undefined`: a response without a body, or with one that the OCI specification defines. */
  readonly answer: z.ZodType | undefined;
  /** The status with which the router sends the result of `handle`; `undefined`: the handler sends the response. */
  readonly status: number | undefined;
  /** A list or a search: its response is cached until the next write (see `middleware/response-cache.ts`). */
  readonly cacheable: boolean;
  /** Clients ask it again and again: its response has an `ETag`, as that of a `cacheable` route. */
  readonly revalidates: boolean;
  /** In read-only mode the route is 503: it changes what a repository has, or creates or deletes one. */
  readonly changesContent: boolean;
  /** The request header in lower case on which a cached response depends; `undefined`: on none. */
  readonly varies: string | undefined;
  readonly handle: (request: RouteRequest) => unknown;
}

/** A body of any size, which is never held in memory as a whole. */
export interface StreamBody {
  readonly source: IncomingMessage;
  /** `undefined` with chunked transfer coding. */
  readonly lengthBytes: number | undefined;
  /**
   * Requests that record something call it after the last byte. Throws if the token has expired during the upload and
   * the body came at less than 16 KiB/s on average: a layer of many GB takes longer than the lifetime of a token.
   */
  demandToken(): void;
}

/** The repository of a request: its name in the domain (`library/alpine`), and the name in the request (`alpine`). */
export interface ResolvedRepository {
  readonly repository: RepositoryName;
  /** Every repository path in a response contains this name: clients compute their token scope from it. */
  readonly requestedName: string;
  /** The mirror that serves the repository; `undefined` for a hosted repository. */
  readonly mirrored: Mirrored | undefined;
}

/** An authorized request with its parsed parameters. */
interface PlainRequest<Query, Body> {
  readonly ctx: Context;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly body: Body;
}

/** A request to a repository of the distribution API. */
export interface RepositoryRequest<Query = unknown, Body = unknown> extends PlainRequest<
  Query,
  Body
> {
  readonly target: ResolvedRepository;
  /** Facts of the repository, read when the permission was checked. */
  readonly facts: RepositoryFacts;
  /** Counts a fetch from the upstream for the client. */
  readonly admitMiss: AdmitMiss;
}

/** A request to the Hub-shaped API or to Berth's own API. */
export interface HubRequest<Query = unknown, Body = unknown> extends PlainRequest<Query, Body> {
  /** `undefined`: the caller is anonymous. */
  readonly session: Session | undefined;
  readonly actor: Actor;
  /** For work of many steps: it yields to other requests and stops when the client disconnects. */
  readonly work: YieldingWork;
  /** Set if the path has `*repository`, or `:namespace` and `:repository`; otherwise empty. */
  readonly repository: RepositoryName;
  /** Set if the path has `:namespace`, `:org` or `:account`; otherwise empty. */
  readonly namespace: string;
}

export type RouteRequest = PlainRequest<unknown, unknown> | RepositoryRequest | HubRequest;

type RequestOf<R, Query, Body> = R extends HubPermission
  ? HubRequest<Query, Body>
  : R extends { readonly kind: "repository" }
    ? RepositoryRequest<Query, Body>
    : PlainRequest<Query, Body>;

/** The value that a schema parses; `undefined` without a schema. */
type Parsed<S> = S extends z.ZodType ? z.output<S> : undefined;

/** The body argument of a handler, by the `body` that its route declares. */
interface Bodies {
  readonly form: URLSearchParams;
  readonly manifest: Buffer;
  readonly stream: StreamBody;
}
type BodyOf<B> = B extends keyof Bodies ? Bodies[B] : Parsed<B>;

/** A `Buffer` is the answer as JSON; a stream is one of the type that the handler has set. */
type AnswerOf<A> = A extends z.ZodType ? z.input<A> | Buffer | Readable : void;

export interface RouteDefinition<R, Q, B, A> {
  readonly method: Route["method"];
  readonly path: string;
  readonly requires: R;
  readonly legacy?: boolean;
  readonly summary?: string;
  readonly query?: Q;
  readonly body?: B;
  readonly form?: z.ZodObject;
  readonly answer?: A;
  /** Default: 200 with `answer`. */
  readonly status?: number;
  readonly cacheable?: boolean;
  readonly revalidates?: boolean;
  /** Default: {@link changesContent}. */
  readonly changesContent?: boolean;
  readonly varies?: string;
  readonly handle: (
    request: RequestOf<R, Parsed<Q>, BodyOf<B>>,
  ) => Promise<AnswerOf<A>> | AnswerOf<A>;
}

/** Defines a route. The types of `requires`, `query` and `body` give the type of the request. */
export function route<
  R extends RegistryPermission | HubPermission,
  Q extends z.ZodObject | undefined = undefined,
  B extends keyof Bodies | z.ZodType | undefined = undefined,
  A extends z.ZodType | undefined = undefined,
>(given: RouteDefinition<R, Q, B, A>): Route {
  return {
    method: given.method,
    path: given.path,
    requires: given.requires,
    legacy: given.legacy ?? false,
    summary: given.summary,
    query: given.query,
    body: given.body,
    form: given.form,
    answer: given.answer,
    status: given.status ?? (given.answer === undefined ? undefined : 200),
    cacheable: given.cacheable ?? false,
    revalidates: given.revalidates ?? false,
    changesContent: given.changesContent ?? changesContent(given.method, given.requires),
    varies: given.varies,
    handle: given.handle as Route["handle"],
  } as Route;
}

/** The permissions of the Hub-shaped API for what a repository has. Access, stars and webhooks are no content. */
const contentPermissions: ReadonlySet<string> = new Set<RepositoryPermission>([
  ...(["describe", "remove", "move tags", "delete tags", "fix tags", "set retention"] as const),
]);

function changesContent(
  method: Route["method"],
  requires: RegistryPermission | HubPermission,
): boolean {
  if (method === "get") return false;
  if (!("of" in requires)) return requires.kind === "repository";
  if (requires.of === "repository") return contentPermissions.has(requires.permission);
  return requires.of === "namespace";
}

export const isHubRoute = (route: Route): route is HubRoute => "of" in route.requires;
