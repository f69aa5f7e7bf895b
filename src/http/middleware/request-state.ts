import type { Context } from "koa";
import type { Grant, Principal } from "../../auth/principal.ts";
import type { Actor } from "../../database/permissions/authority.ts";
import type { Rejection } from "../../observability/request-log.ts";
import type { RepositoryName } from "../../oci/name.ts";

interface RequestState extends RequestRecord {
  grant?: Grant;
  actor?: Actor;
  peer?: string;
  errorFormat?: "hub";
  route?: string;
}

/** What the log says of a request, as far as it is known. */
export interface RequestRecord {
  /** The client, also of a request that is denied. */
  principal?: Principal;
  repository?: RepositoryName;
  rejection?: Rejection;
}

/** Adds to what the log says of the request. */
export function addToRecord(ctx: Context, record: RequestRecord): void {
  Object.assign(ctx.state, record);
}

export const recordOf = (ctx: Context): Readonly<RequestRecord> => ctx.state;

/** Stores the grant and the actor of a request after the router has authorized it. */
export function setGrant(ctx: Context, grant: Grant, actor: Actor): void {
  Object.assign(ctx.state, { grant, actor } satisfies RequestState);
}

/** Stores the address of the client. */
export function setPeer(ctx: Context, peer: string): void {
  (ctx.state as RequestState).peer = peer;
}

/** The address of the client. */
export const peerOf = (ctx: Context): string => (ctx.state as RequestState).peer ?? "";

/** Stores the path pattern of the route, or a name for what is in no route table. */
export function setRoute(ctx: Context, route: string): void {
  (ctx.state as RequestState).route = route;
}

/** The path pattern of the route; `none` if the path has no route. */
export const routeOf = (ctx: Context): string => (ctx.state as RequestState).route ?? "none";

/** Sets the error format of the response. */
export function setErrorFormat(ctx: Context, errorFormat: "hub"): void {
  (ctx.state as RequestState).errorFormat = errorFormat;
}

export const errorFormatOf = (ctx: Context): "hub" | undefined =>
  (ctx.state as RequestState).errorFormat;

/** The grant of a request. Throws TypeError on a route that needs no permission (`none`). */
export function grantOf(ctx: Context): Grant {
  const { grant } = ctx.state as RequestState;
  if (grant === undefined) throw new TypeError("the route declares no permission");
  return grant;
}

/**
 * The actor of the changes that a request makes, with the permission of its route; in open mode it has no account.
 * Throws TypeError on a route that needs no permission (`none`).
 */
export function actorOf(ctx: Context): Actor {
  const { actor } = ctx.state as RequestState;
  if (actor === undefined) throw new TypeError("the route declares no permission");
  return actor;
}
