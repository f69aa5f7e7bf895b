import type { Context } from "koa";
import type { ZodObject, ZodType } from "zod";
import type { Permission } from "../auth/policy.ts";
import type { Mirrored } from "../mirror/mirrors.ts";
import type { RepositoryName } from "../oci/name.ts";

/** The repository a request is about: as the domain knows it, and as the client wrote it (`library/alpine`, `alpine`). */
export interface Target {
  readonly repository: RepositoryName;
  /** Goes into every path that we give back: clients compute the scope of their token from it. */
  readonly asked: string;
  /** Where it comes from, if it is not ours. */
  readonly mirrored: Mirrored | undefined;
}

interface RouteBase {
  /** `get` answers HEAD too. */
  readonly method: "get" | "post" | "put" | "patch" | "delete";
  /** As @koa/router takes it; `*name` stands for a repository name of any depth. */
  readonly path: string;
  /** What it parses and what it answers, where that is not a matter of the OCI specification. */
  readonly told?: {
    readonly summary: string;
    readonly query?: ZodObject;
    readonly form?: ZodObject;
    readonly answer: ZodType;
  };
}

export interface PlainRoute extends RouteBase {
  readonly permission: Permission & { readonly kind: "none" | "access" | "catalog" | "browse" };
  readonly handle: (ctx: Context) => Promise<void> | void;
}

export interface RepositoryRoute extends RouteBase {
  readonly permission: Permission & { readonly kind: "repository" };
  readonly handle: (ctx: Context, target: Target) => Promise<void>;
}

export type Route = PlainRoute | RepositoryRoute;
