/*
 * The expected permissions of the registry API, written by hand: test/policy/matrix.ts derives its expectations from
 * these tables, and not from the server's code.
 */

export type Visibility = "private" | "public" | "missing";
type Action = "pull" | "push" | "delete";

/** The credentials of a caller: none, invalid ones, or valid ones. */
export type Standing = "nothing" | "no good" | "good";

interface CallerRow {
  readonly standing: Standing;
  /** The caller's actions on a repository of `team`, by its visibility. `missing`: no repository has the name. */
  readonly may: Readonly<Record<Visibility, readonly Action[]>>;
}

const nothing = { private: [], public: [], missing: [] } as const;
const strangers = { private: [], public: ["pull"], missing: [] } as const;
const all = ["pull", "push", "delete"] as const;

export const requestAuthenticator = {
  nobody: { standing: "nothing", may: nothing },
  anonymous: { standing: "good", may: strangers },
  stranger: { standing: "good", may: strangers },
  reader: { standing: "good", may: { private: ["pull"], public: ["pull"], missing: [] } },
  writer: {
    standing: "good",
    may: { private: ["pull", "push"], public: ["pull", "push"], missing: [] },
  },
  "admin of the repository": { standing: "good", may: { private: all, public: all, missing: [] } },
  "owner of the organisation": {
    standing: "good",
    may: { private: all, public: all, missing: all },
  },
  "owner of another organisation": { standing: "good", may: strangers },
  administrator: { standing: "good", may: { private: all, public: all, missing: all } },
  robot: {
    standing: "good",
    may: { private: ["pull", "push"], public: ["pull", "push"], missing: ["pull"] },
  },
  expired: { standing: "no good", may: nothing },
  disabled: { standing: "no good", may: nothing },
  "wrong audience": { standing: "no good", may: nothing },
} satisfies Readonly<Record<string, CallerRow>>;

export type CallerName = keyof typeof requestAuthenticator;

/** What a route needs. `known`: any valid token; `open`: nothing; `browse`: no credentials or valid ones. */
type Need = "open" | "known" | "catalog" | "browse" | readonly Action[];

interface RouteRow {
  readonly needs: Need;
  /** The actions in the challenge, if they are more than the route needs. */
  readonly challenge?: readonly Action[];
  /** The request body. */
  readonly body?: string;
}

const push = ["pull", "push"] as const;

/** Every route. A test fails if a route is missing here, or if a row is not a route of the server. */
export const routes: Readonly<Record<string, RouteRow>> = {
  "GET /healthz": { needs: "open" },
  "GET /readyz": { needs: "open" },
  "GET /openapi.json": { needs: "open" },
  "GET /metrics": { needs: "open" },
  "GET /token": { needs: "open" },
  "POST /token": { needs: "open" },
  "GET /.well-known/jwks.json": { needs: "open" },
  "GET /v2": { needs: "known" },
  "GET /v2/": { needs: "known" },
  "GET /v2/_catalog": { needs: "catalog" },
  "GET /v2/*name/tags/list": { needs: ["pull"] },
  "GET /v2/*name/referrers/:digest": { needs: ["pull"] },
  "GET /v2/*name/blobs/:digest": { needs: ["pull"] },
  "DELETE /v2/*name/blobs/:digest": { needs: ["delete"] },
  "GET /v2/*name/manifests/:reference": { needs: ["pull"] },
  "PUT /v2/*name/manifests/:reference": { needs: push, body: "{}" },
  "DELETE /v2/*name/manifests/:reference": { needs: ["delete"] },
  "POST /v2/*name/blobs/uploads": { needs: push },
  "POST /v2/*name/blobs/uploads/": { needs: push },
  "GET /v2/*name/blobs/uploads/:id": { needs: push },
  "PATCH /v2/*name/blobs/uploads/:id": { needs: push, body: "x" },
  "PUT /v2/*name/blobs/uploads/:id": { needs: push },
  "DELETE /v2/*name/blobs/uploads/:id": { needs: ["push"], challenge: push },
  "GET /v1/_ping": { needs: "open" },
  "GET /v1/search": { needs: "browse" },
};

/** The expected result: the request is admitted (with any status but 401), or rejected with this challenge. */
export type Expected =
  | { readonly admitted: true }
  | {
      readonly admitted: false;
      readonly scope: string | undefined;
      readonly error: "invalid_token" | "insufficient_scope" | undefined;
    };

export function expectedOf(
  route: string,
  grant: CallerName,
  visibility: Visibility,
  repository: string,
): Expected {
  const { needs, challenge } = routes[route] ?? { needs: "open" };
  const row: CallerRow = requestAuthenticator[grant];
  if (needs === "open") return { admitted: true };
  if (needs === "browse")
    return row.standing === "no good"
      ? { admitted: false, scope: undefined, error: "invalid_token" }
      : { admitted: true };
  const scope = scopeOf(needs, challenge, repository);
  if (row.standing === "nothing") return { admitted: false, scope, error: undefined };
  if (row.standing === "no good") return { admitted: false, scope, error: "invalid_token" };
  const has = row.may[visibility];
  if (typeof needs === "string" || needs.every((action) => has.includes(action)))
    return { admitted: true };
  return { admitted: false, scope, error: "insufficient_scope" };
}

function scopeOf(
  needs: Exclude<Need, "open" | "browse">,
  challenge: readonly Action[] | undefined,
  repository: string,
): string | undefined {
  if (needs === "known") return undefined;
  if (needs === "catalog") return "registry:catalog:*";
  return `repository:${repository}:${(challenge ?? needs).join(",")}`;
}
