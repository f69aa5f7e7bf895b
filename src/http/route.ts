import type { Context } from "koa";
import type { ZodObject, ZodType } from "zod";
import type { Permission } from "../auth/policy.ts";
import type { AdmitMiss } from "../mirror/repository.ts";
import type { Mirrored } from "../mirror/mirrors.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { StreamBody } from "./middleware/body.ts";

/** The repository a request is about: as the domain knows it, and as the client wrote it (`library/alpine`, `alpine`). */
export interface ResolvedRepository {
  readonly repository: RepositoryName;
  /** Goes into every path that we give back: clients compute the scope of their token from it. */
  readonly requestedName: string;
  /** Where it comes from, if it is not ours. */
  readonly mirrored: Mirrored | undefined;
}

interface RouteBase {
  /** `get` answers HEAD too. */
  readonly method: "get" | "post" | "put" | "patch" | "delete";
  /** As @koa/router takes it; `*name` stands for a repository name of any depth. */
  readonly path: string;
  /** What it parses and what it answers, where that is not a matter of the OCI specification. */
  readonly schema?: {
    readonly summary: string;
    readonly query?: ZodObject;
    readonly form?: ZodObject;
    readonly answer: ZodType;
  };
}

/** What a handler gets, by what its route declares as the body. */
interface Bodies {
  readonly none: undefined;
  /** Read, parsed and then authorized by the router. */
  readonly form: URLSearchParams;
  /** Read and then authorized by the router. */
  readonly manifest: Buffer;
  /** Authorized, then read by the handler: the command that records it checks the permission again. */
  readonly stream: StreamBody;
}

/** Missing: `none`. A handler never reads the request itself; see `http/middleware/body.ts`. */
type Taking<Work extends Record<keyof Bodies, unknown>> =
  | { readonly body?: "none"; readonly handle: Work["none"] }
  | { readonly body: "form"; readonly handle: Work["form"] }
  | { readonly body: "manifest"; readonly handle: Work["manifest"] }
  | { readonly body: "stream"; readonly handle: Work["stream"] };

export type PlainRoute = RouteBase & {
  readonly permission: Permission & { readonly kind: "none" | "access" | "catalog" | "browse" };
} & Taking<{
    readonly [K in keyof Bodies]: (ctx: Context, body: Bodies[K]) => Promise<void> | void;
  }>;

export type RepositoryRoute = RouteBase & {
  readonly permission: Permission & { readonly kind: "repository" };
} & Taking<{
    readonly [K in keyof Bodies]: (
      ctx: Context,
      target: ResolvedRepository,
      body: Bodies[K],
      admitMiss: AdmitMiss,
    ) => Promise<void>;
  }>;

export type Route = PlainRoute | RepositoryRoute;
