import { digestOf } from "../../src/oci/digest.ts";
import { OCI_INDEX } from "../../src/oci/media-types.ts";
import { password } from "../support/closed.ts";
import { berth, layer, oldKey, spare, type ways } from "./mutating-world.ts";

/*
 * A request for each mutating route that the owner eve or the administrator adam may send.
 */

export interface Row {
  readonly target: string;
  readonly body?: string;
  readonly type?: string;
  /** The administrator `adam` sends the request, and loses that role; otherwise the owner eve sends it. */
  readonly by?: "adam";
  /** Permission losses that do not affect this route, for example because it needs a password. */
  readonly not?: readonly Way[];
}
export type Way = keyof typeof ways;

const json = (path: string, body: object, not: Row["not"] = []): Row => ({
  ...{ target: path, body: JSON.stringify(body), type: "application/json", not },
});
export const bare = (target: string, not: Row["not"] = []): Row => ({ target, not });
/** The rows of an administrator. */
const admin = (...given: readonly Row[]): readonly Row[] =>
  given.map((row) => ({ ...row, by: "adam" }));
const noToken = ["the access token is revoked"] as const;
const own = ["the member is dismissed"] as const;
const ownByPassword = [...noToken, ...own] as const;

const bytes = "the bytes of a blob";
const digest = digestOf(Buffer.from(bytes));
const index = JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] });
const blob = (target: string): Row => ({ target, body: bytes, type: "application/octet-stream" });
const upload = async (): Promise<Row> => {
  const { headers } = await berth.as("eve").api.post("/v2/team/app/blobs/uploads/").expect(202);
  return blob(`${String(headers["location"])}&digest=${digest}`);
};
const starts = async (slash: string): Promise<Row[]> => [
  blob(`/v2/team/app/blobs/uploads${slash}?digest=${digest}`),
  bare(`/v2/team/fresh/blobs/uploads${slash}?mount=${layer}&from=team/app`),
];

const repository = (root: string) => ({
  [`PATCH ${root}`]: [json("", { description: "taken over", is_private: false })],
  [`DELETE ${root}`]: [bare("")],
  [`PATCH ${root}/immutabletags`]: [json("/immutabletags", { immutable_tags: true })],
  [`POST ${root}/immutabletags/verify`]: "writes nothing",
  [`POST ${root}/stars`]: "stars once or again: the row is there already",
  [`DELETE ${root}/stars`]: [bare("/stars")],
  [`POST ${root}/groups`]: [json("/groups", { group_id: 1, permission: "admin" })],
  [`PATCH ${root}/groups/:group`]: [json("/groups/devs", { permission: "admin" })],
  [`DELETE ${root}/groups/:group`]: [bare("/groups/devs")],
  [`DELETE ${root}/tags/:tag`]: [bare("/tags/1")],
});
const tokens = (root: string) => ({
  [`POST ${root}`]: [json(root, { token_label: "x", scopes: ["repo:admin"] }, ownByPassword)],
  [`PATCH ${root}/:id`]: [json(`${root}/of-eve`, { is_active: false }, ownByPassword)],
  [`DELETE ${root}/:id`]: [bare(`${root}/of-eve`, ownByPassword)],
});
/** Puts the path of the repository in front of the rows of its routes. */
const at = (root: string, rows: Readonly<Record<string, readonly Row[] | string>>) =>
  Object.fromEntries(
    Object.entries(rows).map(([name, row]) => [
      name,
      typeof row === "string" ? row : row.map((one) => ({ ...one, target: root + one.target })),
    ]),
  );

const hub = "/v2/namespaces/:namespace/repositories/:repository";
const legacy = "/v2/repositories/:namespace/:repository";
const berthApi = "/api/berth/v1";
const image = { image: "library/app:1" };
const mirrored = `${berthApi}/mirrors/docker.io`;
const addedMirror = `${berthApi}/mirrors/added.example`;
const ofAdmin = `${berthApi}/admin`;
const administration = {
  [`POST ${ofAdmin}/users`]: admin(
    json(`${ofAdmin}/users`, { username: "new", password: "a long password" }),
  ),
  [`PATCH ${ofAdmin}/users/:user`]: admin(json(`${ofAdmin}/users/mia`, { is_admin: true })),
  [`POST ${ofAdmin}/users/:user/password`]: admin(
    json(`${ofAdmin}/users/mia/password`, { password: "a long password" }),
  ),
  [`DELETE ${ofAdmin}/users/:user`]: admin(bare(`${ofAdmin}/users/mia`)),
  [`PUT ${ofAdmin}/organisations/:org/members/:user`]: admin(
    json(`${ofAdmin}/organisations/team/members/tom`, { role: "owner" }),
  ),
  [`POST ${ofAdmin}/accounts/:account/tokens`]: admin(
    json(`${ofAdmin}/accounts/mia/tokens`, { label: "x", scope: "repo:admin" }),
  ),
  [`DELETE ${ofAdmin}/accounts/:account/tokens/:id`]: admin(
    bare(`${ofAdmin}/accounts/eve/tokens/of-eve`),
  ),
  [`PUT ${ofAdmin}/quotas/:namespace`]: admin(json(`${ofAdmin}/quotas/team`, { limit: 1 })),
  [`DELETE ${ofAdmin}/quotas/:namespace`]: admin(bare(`${ofAdmin}/quotas/eve`)),
  [`POST ${ofAdmin}/gc`]: admin(json(`${ofAdmin}/gc`, {})),
  [`POST ${ofAdmin}/scrub`]: admin(json(`${ofAdmin}/scrub`, {})),
  [`DELETE ${ofAdmin}/uploads/:id`]: async () => {
    const { headers } = await berth.as("eve").api.post("/v2/team/app/blobs/uploads/").expect(202);
    return admin(bare(`${ofAdmin}/uploads/${headers["docker-upload-uuid"] ?? ""}`));
  },
  [`POST ${ofAdmin}/keys`]: admin(bare(`${ofAdmin}/keys`)),
  [`DELETE ${ofAdmin}/keys/:id`]: admin(bare(`${ofAdmin}/keys/${oldKey}?force=true`)),
};
/** `hook`: the id of a webhook in `mutating-world.ts` that has the delivery with this number. */
const webhooks = (
  base: string,
  target: string,
  hook: { readonly id: string; readonly delivery: number },
): Readonly<Record<string, readonly Row[]>> => {
  const one = `${target}/webhooks/${hook.id}`;
  const delivery = `${one}/deliveries/${hook.delivery}/redeliver`;
  return {
    [`POST ${base}/webhooks`]: [json(`${target}/webhooks`, { url: "https://example.com/hook" })],
    [`PATCH ${base}/webhooks/:webhook`]: [json(one, { is_active: true })],
    [`DELETE ${base}/webhooks/:webhook`]: [bare(one)],
    [`POST ${base}/webhooks/:webhook/secret`]: [json(`${one}/secret`, {})],
    [`POST ${base}/webhooks/:webhook/ping`]: [bare(`${one}/ping`)],
    [`POST ${base}/webhooks/:webhook/redeliver`]: [bare(`${one}/redeliver`)],
    [`POST ${base}/webhooks/:webhook/deliveries/:delivery/redeliver`]: [bare(delivery)],
  };
};
const serverWebhooks = Object.entries(
  webhooks(ofAdmin, ofAdmin, { id: "of-server", delivery: 3 }),
).map(([name, given]) => [name, admin(...given)] as const);
const api = "/api/berth/v1/repositories";
const newest = { rules: [{ keep_newest: 1 }] };
const orgTokens = "/v2/orgs/team/access-tokens";
const resources = [{ type: "TYPE_REPO", path: "team/*", scopes: ["scope-image-pull"] }];
const session = "a session of the caller's own shows nothing before it is closed";
const login = "is judged by the credentials in its body, and writes nothing";

export const rows: Readonly<
  Record<string, string | readonly Row[] | (() => Promise<readonly Row[]>)>
> = {
  "POST /token": login,
  "POST /v2/users/login": login,
  "POST /v2/auth/token": login,
  "POST /api/berth/v1/session":
    "is judged by the credentials in its body, and its command checks them again",
  "DELETE /api/berth/v1/session": "ends the session of the request alone, with any permission",
  "PATCH /api/berth/v1/user": [json("/api/berth/v1/user", { full_name: "x" }, ownByPassword)],
  "POST /api/berth/v1/user/password": [
    json("/api/berth/v1/user/password", { current: password, new: "another one" }, ownByPassword),
  ],
  "PATCH /api/berth/v1/organisations/:org": [
    json("/api/berth/v1/organisations/team", { full_name: "x" }),
  ],
  "DELETE /api/berth/v1/sessions": [bare("/api/berth/v1/sessions", ownByPassword)],
  "DELETE /api/berth/v1/sessions/:id": [bare("/api/berth/v1/sessions/of-eve", ownByPassword)],
  "POST /v2/*name/blobs/uploads": () => starts(""),
  "POST /v2/*name/blobs/uploads/": () => starts("/"),
  "PATCH /v2/*name/blobs/uploads/:id": session,
  "PUT /v2/*name/blobs/uploads/:id": async () => [await upload()],
  "DELETE /v2/*name/blobs/uploads/:id": session,
  "DELETE /v2/*name/blobs/:digest": [bare(`/v2/team/app/blobs/${spare}`)],
  "PUT /v2/*name/manifests/:reference": [
    { target: "/v2/team/app/manifests/new", body: index, type: OCI_INDEX },
  ],
  "DELETE /v2/*name/manifests/:reference": [bare("/v2/team/app/manifests/1")],
  ...at("/v2/namespaces/team/repositories/app", repository(hub)),
  ...at("/v2/repositories/team/app", repository(legacy)),
  "POST /v2/namespaces/:namespace/repositories": [
    json("/v2/namespaces/team/repositories", { name: "made" }),
  ],
  ...tokens("/v2/access-tokens"),
  ...tokens("/v2/api_tokens"),
  "POST /v2/orgs/:org/access-tokens": [json(orgTokens, { label: "x", resources }, noToken)],
  "PATCH /v2/orgs/:org/access-tokens/:id": [
    json(`${orgTokens}/of-team`, { label: "changed" }, noToken),
  ],
  "DELETE /v2/orgs/:org/access-tokens/:id": [bare(`${orgTokens}/of-team`, noToken)],
  "PUT /v2/orgs/:org/members/:user": [json("/v2/orgs/team/members/mia", { role: "owner" })],
  "DELETE /v2/orgs/:org/members/:user": [bare("/v2/orgs/team/members/mia")],
  "POST /v2/orgs/:org/groups": [json("/v2/orgs/team/groups", { name: "made" })],
  "PUT /v2/orgs/:org/groups/:group": [json("/v2/orgs/team/groups/devs", { name: "renamed" })],
  "PATCH /v2/orgs/:org/groups/:group": [json("/v2/orgs/team/groups/devs", { name: "renamed" })],
  "DELETE /v2/orgs/:org/groups/:group": [bare("/v2/orgs/team/groups/devs")],
  "POST /v2/orgs/:org/groups/:group/members": [
    json("/v2/orgs/team/groups/devs/members", { member: "ann" }),
    json("/v2/orgs/team/groups/owners/members", { member: "mia" }),
  ],
  "DELETE /v2/orgs/:org/groups/:group/members/:user": [
    bare("/v2/orgs/team/groups/devs/members/mia"),
  ],
  "POST /v2/invites/bulk": [json("/v2/invites/bulk", { org: "team", invitees: ["tom"] })],
  "DELETE /v2/invites/:id": [bare("/v2/invites/for-tom"), bare("/v2/invites/for-eve", own)],
  "PATCH /v2/invites/:id/resend": "does nothing",
  "POST /v2/invites/:id/accept": [bare("/v2/invites/for-eve/accept", own)],
  [`PUT ${api}/*repository/-/collaborators/:user`]: [
    json(`${api}/team/app/-/collaborators/tom`, { permission: "admin" }),
  ],
  [`DELETE ${api}/*repository/-/collaborators/:user`]: [
    bare(`${api}/team/app/-/collaborators/mia`),
  ],
  [`POST ${berthApi}/organisations`]: admin(json(`${berthApi}/organisations`, { name: "made" })),
  [`DELETE ${berthApi}/organisations/:org`]: admin(bare(`${berthApi}/organisations/other`)),
  [`POST ${berthApi}/mirrors`]: admin(
    json(`${berthApi}/mirrors`, { namespace: "new.example", upstream: "https://new.example" }),
  ),
  [`PATCH ${berthApi}/mirrors/:namespace`]: admin(json(addedMirror, { is_private: true })),
  [`DELETE ${berthApi}/mirrors/:namespace`]: admin(bare(addedMirror)),
  [`POST ${berthApi}/mirrors/:namespace/warm`]: admin(json(`${mirrored}/warm`, image)),
  [`POST ${berthApi}/mirrors/:namespace/pin`]: admin(json(`${mirrored}/pin`, image)),
  [`POST ${berthApi}/mirrors/:namespace/unpin`]: admin(json(`${mirrored}/unpin`, image)),
  [`POST ${berthApi}/mirrors/:namespace/purge`]: admin(json(`${mirrored}/purge`, image)),
  [`POST ${berthApi}/mirrors/:namespace/sync`]: admin(
    json(`${mirrored}/sync`, { schedule: "docker.io/library/app" }),
  ),
  ...administration,
  ...webhooks(`${api}/*repository/-`, `${api}/team/app/-`, { id: "of-app", delivery: 1 }),
  ...webhooks(`${berthApi}/namespaces/:namespace`, `${berthApi}/namespaces/team`, {
    ...{ id: "of-team", delivery: 2 },
  }),
  ...Object.fromEntries(serverWebhooks),
  [`PUT ${berthApi}/admin/read-only`]: admin(
    json(`${berthApi}/admin/read-only`, { read_only: true }),
    json(`${berthApi}/admin/read-only`, { read_only: false }),
  ),
  [`DELETE ${berthApi}/admin/jobs/:id`]: admin(bare(`${berthApi}/admin/jobs/running`)),
  [`DELETE ${api}/*repository`]: [bare(`${api}/team/app`)],
  [`DELETE ${api}/*repository/-/tags/:tag`]: [bare(`${api}/team/app/-/tags/1`)],
  [`POST ${api}/*repository/-/tag-deletions`]: [
    json(`${api}/team/app/-/tag-deletions`, { tags: ["1"] }),
  ],
  [`POST ${api}/*repository/-/retention/plan`]: "writes nothing",
  [`PUT ${api}/*repository/-/retention`]: [json(`${api}/team/app/-/retention`, newest)],
  [`DELETE ${api}/*repository/-/retention`]: [bare(`${api}/team/app/-/retention`)],
  [`POST ${api}/*repository/-/retention/runs`]: [json(`${api}/team/app/-/retention/runs`, {})],
  [`PUT ${berthApi}/namespaces/:namespace/retention`]: [
    json(`${berthApi}/namespaces/team/retention`, newest),
  ],
  [`DELETE ${berthApi}/namespaces/:namespace/retention`]: [
    bare(`${berthApi}/namespaces/team/retention`),
  ],
  [`POST ${berthApi}/namespaces/:namespace/retention/runs`]: [
    json(`${berthApi}/namespaces/team/retention/runs`, {}),
  ],
  [`POST ${api}/*repository/-/tags/:tag/rollback`]: [json(`${api}/team/app/-/tags/1/rollback`, {})],
};
