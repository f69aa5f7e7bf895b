import type { Context } from "koa";
import type { ZodObject, ZodType } from "zod";
import type { Permission } from "../auth/policy.ts";
import type { AdmitMiss } from "../mirror/repository.ts";
import type { Mirrored } from "../mirror/mirrors.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { StreamBody } from "./middleware/body.ts";

/** The repository of a request: its name in the domain (`library/alpine`), and the name in the request (`alpine`). */
export interface ResolvedRepository {
  readonly repository: RepositoryName;
  /** Every repository path in a response contains this name: clients compute their token scope from it. */
  readonly requestedName: string;
  /** The mirror that serves the repository; `undefined` for a hosted repository. */
  readonly mirrored: Mirrored | undefined;
}

interface RouteBase {
  /** A `get` route also serves HEAD. */
  readonly method: "get" | "post" | "put" | "patch" | "delete";
  /** A path pattern of @koa/router; `*name` matches a repository name with any number of components. */
  readonly path: string;
  /**
   * Schemas of the request and the response. Routes of the OCI specification have none: the specification defines them.
   */
  readonly schema?: {
    readonly summary: string;
    readonly query?: ZodObject;
    readonly form?: ZodObject;
    readonly answer: ZodType;
  };
}

/** The body argument of a handler, by the `body` that its route declares. */
interface Bodies {
  readonly none: undefined;
  /** The router reads and parses the form, then checks the permission again. */
  readonly form: URLSearchParams;
  /** The router reads the manifest, then checks the permission again. */
  readonly manifest: Buffer;
  /**
   * The router checks the permission, then the handler reads the stream. The command that records the blob checks
   * again.
   */
  readonly stream: StreamBody;
}

/** The default of `body` is `none`. A handler never reads the request itself; see `http/middleware/body.ts`. */
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
