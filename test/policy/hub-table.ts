/*
 * The expected permissions of the Hub-shaped API, written by hand and independent of the server's code: what every
 * route needs, and what every caller has. `test/policy/hub.test.ts` compares the policy with these tables.
 */

import type { Visibility } from "./table.ts";

export type HubCaller = keyof typeof hubCallers;

interface CallerRow {
  /** The caller's permission on a private and on a public repository of `team`. */
  readonly private: "nothing" | "read" | "write" | "admin";
  readonly public: "read" | "write" | "admin";
  /** The caller's role in the organisation `team`. */
  readonly role: "none" | "member" | "owner";
  readonly is: "nobody" | "user" | "user by token" | "robot";
  /** Whether the caller may create repositories in `team`. */
  readonly mayCreate: boolean;
}

const stranger = { private: "nothing", public: "read", role: "none", mayCreate: false } as const;
const owner = { private: "admin", public: "admin", role: "owner", mayCreate: true } as const;

export const hubCallers = {
  nobody: { ...stranger, is: "nobody" },
  stranger: { ...stranger, is: "user" },
  reader: { ...stranger, private: "read", is: "user" },
  writer: { ...stranger, private: "write", public: "write", is: "user" },
  "admin of the repository": { ...stranger, private: "admin", public: "admin", is: "user" },
  member: { ...stranger, role: "member", is: "user" },
  editor: { ...stranger, role: "member", mayCreate: true, is: "user" },
  "owner of the organisation": { ...owner, is: "user" },
  "owner of another organisation": { ...stranger, is: "user" },
  administrator: { ...owner, is: "user" },
  "administrator with repo:admin": { ...owner, is: "user by token" },
  "owner with repo:admin": { ...owner, is: "user by token" },
  "owner with repo:read": {
    ...{ private: "read", public: "read", role: "member", mayCreate: false, is: "user by token" },
  },
  "owner with repo:public_read": { ...stranger, is: "user by token" },
  "robot that pulls": { ...stranger, private: "read", is: "robot" },
} satisfies Readonly<Record<string, CallerRow>>;

export type HubNeedWord =
  | "open"
  | "session"
  | "user"
  | "password"
  | "create"
  | "read"
  | "write"
  | "admin"
  | "member"
  | "owner"
  | "owner with password"
  | "account"
  | "whole namespace"
  | "administrator";

const repositoryRows: Readonly<Record<string, HubNeedWord>> = {
  "GET ": "read",
  "PATCH ": "admin",
  "DELETE ": "admin",
  "GET /tags": "read",
  "GET /tags/:tag": "read",
  "GET /tags/:tag/images": "read",
  "DELETE /tags/:tag": "admin",
  "PATCH /immutabletags": "admin",
  "POST /immutabletags/verify": "admin",
  // The route itself, not the policy, checks that the caller is a user.
  "POST /stars": "read",
  "DELETE /stars": "read",
  "GET /groups": "admin",
  "POST /groups": "admin",
  "PATCH /groups/:group": "admin",
  "DELETE /groups/:group": "admin",
};

const under = (base: string): Readonly<Record<string, HubNeedWord>> =>
  Object.fromEntries(
    Object.entries(repositoryRows).map(([row, need]) => {
      const [method = "", rest = ""] = row.split(" ");
      return [`${method} ${base}${rest}`, need];
    }),
  );
const berth = "/api/berth/v1";
const webhooks = (base: string, need: HubNeedWord): Readonly<Record<string, HubNeedWord>> => ({
  [`GET ${base}/webhooks`]: need,
  [`POST ${base}/webhooks`]: need,
  [`GET ${base}/webhooks/:webhook`]: need,
  [`PATCH ${base}/webhooks/:webhook`]: need,
  [`DELETE ${base}/webhooks/:webhook`]: need,
  [`POST ${base}/webhooks/:webhook/secret`]: need,
  [`POST ${base}/webhooks/:webhook/ping`]: need,
  [`POST ${base}/webhooks/:webhook/redeliver`]: need,
  [`GET ${base}/webhooks/:webhook/deliveries`]: need,
  [`GET ${base}/webhooks/:webhook/deliveries/:delivery`]: need,
  [`POST ${base}/webhooks/:webhook/deliveries/:delivery/redeliver`]: need,
});
const tokens = (base: string): Readonly<Record<string, HubNeedWord>> => ({
  [`POST ${base}`]: "password",
  [`GET ${base}`]: "password",
  [`GET ${base}/:id`]: "password",
  [`PATCH ${base}/:id`]: "password",
  [`DELETE ${base}/:id`]: "password",
});

export const hubTable: Readonly<Record<string, HubNeedWord>> = {
  "POST /v2/users/login": "open",
  "POST /v2/auth/token": "open",
  "GET /v2/users/:name": "open",
  "GET /v2/orgs/:org": "open",
  "GET /v2/namespaces/:namespace/repositories": "open",
  "GET /v2/repositories/:namespace": "open",
  "GET /v2/users/:namespace/repositories": "open",
  "GET /v2/users/:name/repositories/starred": "open",
  "GET /v2/user": "user",
  "GET /v2/user/orgs": "user",
  "GET /v2/user/invites": "user",
  "GET /v2/repositories/namespaces": "user",
  "GET /api/billing/v4/accounts/:id/hub-plan": "session",
  "POST /v2/namespaces/:namespace/repositories": "create",
  ...under("/v2/namespaces/:namespace/repositories/:repository"),
  ...under("/v2/repositories/:namespace/:repository"),
  ...tokens("/v2/access-tokens"),
  ...tokens("/v2/api_tokens"),
  "POST /v2/orgs/:org/access-tokens": "owner with password",
  "GET /v2/orgs/:org/access-tokens": "owner with password",
  "GET /v2/orgs/:org/access-tokens/:id": "owner with password",
  "PATCH /v2/orgs/:org/access-tokens/:id": "owner with password",
  "DELETE /v2/orgs/:org/access-tokens/:id": "owner with password",
  "GET /v2/orgs/:org/members": "member",
  "GET /v2/orgs/:org/members/export": "owner",
  "PUT /v2/orgs/:org/members/:user": "owner",
  "DELETE /v2/orgs/:org/members/:user": "owner",
  "GET /v2/orgs/:org/groups": "member",
  "POST /v2/orgs/:org/groups": "owner",
  "GET /v2/orgs/:org/groups/:group": "member",
  "PUT /v2/orgs/:org/groups/:group": "owner",
  "PATCH /v2/orgs/:org/groups/:group": "owner",
  "DELETE /v2/orgs/:org/groups/:group": "owner",
  "GET /v2/orgs/:org/groups/:group/members": "member",
  "POST /v2/orgs/:org/groups/:group/members": "owner",
  "DELETE /v2/orgs/:org/groups/:group/members/:user": "owner",
  "GET /v2/orgs/:org/invites": "owner",
  "POST /v2/invites/bulk": "session",
  "DELETE /v2/invites/:id": "session",
  "PATCH /v2/invites/:id/resend": "session",
  "POST /v2/invites/:id/accept": "user",
  "GET /v2/search/repositories": "open",
  "GET /api/search/v4": "open",
  "GET /api/content/v1/products/search": "open",
  [`GET ${berth}/session`]: "open",
  [`POST ${berth}/session`]: "open",
  [`DELETE ${berth}/session`]: "open",
  [`GET ${berth}/sessions`]: "password",
  [`DELETE ${berth}/sessions`]: "password",
  [`DELETE ${berth}/sessions/:id`]: "password",
  [`GET ${berth}/user`]: "user",
  [`PATCH ${berth}/user`]: "password",
  [`POST ${berth}/user/password`]: "password",
  [`GET ${berth}/users`]: "user",
  [`GET ${berth}/namespaces/:namespace`]: "open",
  [`PATCH ${berth}/organisations/:org`]: "owner",
  [`POST ${berth}/organisations`]: "administrator",
  [`DELETE ${berth}/organisations/:org`]: "administrator",
  [`GET ${berth}/search`]: "open",
  [`GET ${berth}/repositories`]: "open",
  [`GET ${berth}/namespaces/:namespace/sizes`]: "open",
  [`GET ${berth}/repositories/*repository`]: "read",
  [`GET ${berth}/repositories/*repository/-/activity`]: "read",
  [`GET ${berth}/repositories/*repository/-/access`]: "admin",
  [`GET ${berth}/repositories/*repository/-/access/:user`]: "admin",
  [`PUT ${berth}/repositories/*repository/-/collaborators/:user`]: "admin",
  [`DELETE ${berth}/repositories/*repository/-/collaborators/:user`]: "admin",
  [`GET ${berth}/organisations/:org/teams/:team/repositories`]: "member",
  [`DELETE ${berth}/repositories/*repository`]: "admin",
  [`GET ${berth}/repositories/*repository/-/sizes`]: "read",
  [`GET ${berth}/repositories/*repository/-/pulls`]: "read",
  [`GET ${berth}/repositories/*repository/-/pushes`]: "read",
  [`GET ${berth}/namespaces/:namespace/pulls`]: "open",
  [`GET ${berth}/repositories/*repository/-/diff`]: "read",
  [`GET ${berth}/repositories/*repository/-/manifests/:digest`]: "read",
  [`GET ${berth}/repositories/*repository/-/manifests/:digest/sharing`]: "read",
  [`GET ${berth}/repositories/*repository/-/manifests/:digest/contents`]: "read",
  [`GET ${berth}/repositories/*repository/-/manifests/:digest/packages`]: "read",
  [`GET ${berth}/repositories/*repository/-/tags`]: "read",
  [`POST ${berth}/repositories/*repository/-/tag-deletions`]: "admin",
  [`POST ${berth}/repositories/*repository/-/retention/plan`]: "admin",
  [`GET ${berth}/repositories/*repository/-/retention`]: "admin",
  [`PUT ${berth}/repositories/*repository/-/retention`]: "admin",
  [`DELETE ${berth}/repositories/*repository/-/retention`]: "admin",
  [`POST ${berth}/repositories/*repository/-/retention/runs`]: "admin",
  [`GET ${berth}/repositories/*repository/-/retention/runs/:id`]: "admin",
  [`GET ${berth}/namespaces/:namespace/retention`]: "owner",
  [`PUT ${berth}/namespaces/:namespace/retention`]: "owner",
  [`DELETE ${berth}/namespaces/:namespace/retention`]: "owner",
  [`POST ${berth}/namespaces/:namespace/retention/runs`]: "owner",
  [`GET ${berth}/namespaces/:namespace/retention/runs/:id`]: "owner",
  [`GET ${berth}/repositories/*repository/-/tags/:tag`]: "read",
  [`DELETE ${berth}/repositories/*repository/-/tags/:tag`]: "admin",
  [`GET ${berth}/repositories/*repository/-/tags/:tag/history`]: "read",
  [`POST ${berth}/repositories/*repository/-/tags/:tag/rollback`]: "write",
  ...webhooks(`${berth}/repositories/*repository/-`, "admin"),
  ...webhooks(`${berth}/namespaces/:namespace`, "whole namespace"),
  ...webhooks(`${berth}/admin`, "administrator"),
  [`GET ${berth}/mirrors`]: "open",
  [`GET ${berth}/mirrors/:namespace`]: "open",
  [`POST ${berth}/mirrors`]: "administrator",
  [`PATCH ${berth}/mirrors/:namespace`]: "administrator",
  [`DELETE ${berth}/mirrors/:namespace`]: "administrator",
  [`POST ${berth}/mirrors/:namespace/warm`]: "administrator",
  [`POST ${berth}/mirrors/:namespace/pin`]: "administrator",
  [`POST ${berth}/mirrors/:namespace/unpin`]: "administrator",
  [`POST ${berth}/mirrors/:namespace/purge`]: "administrator",
  [`POST ${berth}/mirrors/:namespace/sync`]: "administrator",
  [`GET ${berth}/admin/overview`]: "administrator",
  [`GET ${berth}/admin/users`]: "administrator",
  [`POST ${berth}/admin/users`]: "administrator",
  [`GET ${berth}/admin/users/:user`]: "administrator",
  [`PATCH ${berth}/admin/users/:user`]: "administrator",
  [`POST ${berth}/admin/users/:user/password`]: "administrator",
  [`DELETE ${berth}/admin/users/:user`]: "administrator",
  [`GET ${berth}/admin/organisations`]: "administrator",
  [`GET ${berth}/admin/organisations/:org`]: "administrator",
  [`GET ${berth}/admin/organisations/:org/members`]: "administrator",
  [`PUT ${berth}/admin/organisations/:org/members/:user`]: "administrator",
  [`GET ${berth}/admin/accounts/:account/tokens`]: "administrator",
  [`POST ${berth}/admin/accounts/:account/tokens`]: "administrator",
  [`DELETE ${berth}/admin/accounts/:account/tokens/:id`]: "administrator",
  [`GET ${berth}/admin/quotas`]: "administrator",
  [`PUT ${berth}/admin/quotas/:namespace`]: "administrator",
  [`DELETE ${berth}/admin/quotas/:namespace`]: "administrator",
  [`GET ${berth}/admin/audit`]: "administrator",
  [`GET ${berth}/admin/gc`]: "administrator",
  [`POST ${berth}/admin/gc`]: "administrator",
  [`GET ${berth}/admin/scrub`]: "administrator",
  [`POST ${berth}/admin/scrub`]: "administrator",
  [`GET ${berth}/admin/uploads`]: "administrator",
  [`DELETE ${berth}/admin/uploads/:id`]: "administrator",
  [`GET ${berth}/admin/read-only`]: "administrator",
  [`PUT ${berth}/admin/read-only`]: "administrator",
  [`GET ${berth}/admin/keys`]: "administrator",
  [`POST ${berth}/admin/keys`]: "administrator",
  [`DELETE ${berth}/admin/keys/:id`]: "administrator",
  [`GET ${berth}/admin/jobs`]: "administrator",
  [`GET ${berth}/admin/jobs/:id`]: "administrator",
  [`DELETE ${berth}/admin/jobs/:id`]: "administrator",
  "GET /v2/auditlogs/:account": "account",
  "GET /v2/auditlogs/:account/actions": "account",
};

type Verdict = "allowed" | "login" | "unknown" | "forbidden";

export function hubExpected(need: HubNeedWord, grant: HubCaller, visibility: Visibility): Verdict {
  const row: CallerRow = hubCallers[grant];
  const allowedIf = (is: boolean): Verdict => (is ? "allowed" : "forbidden");
  if (need === "open") return "allowed";
  if (need === "read" || need === "write" || need === "admin") {
    if (row.is === "nobody" && need !== "read") return "login";
    const has = visibility === "missing" ? "nothing" : row[visibility];
    if (has === "nothing") return "unknown";
    return allowedIf(need === "read" || has === "admin" || has === need);
  }
  if (row.is === "nobody") return "login";
  switch (need) {
    case "session":
      return "allowed";
    case "user":
      return allowedIf(row.is !== "robot");
    case "password":
      return allowedIf(row.is === "user");
    case "create":
      return allowedIf(row.mayCreate);
    case "member":
      return allowedIf(row.role !== "none");
    case "owner":
    case "account":
    case "whole namespace":
      return allowedIf(row.role === "owner");
    case "administrator":
      return allowedIf(grant === "administrator");
    case "owner with password":
      return allowedIf(row.role === "owner" && row.is === "user");
  }
}
