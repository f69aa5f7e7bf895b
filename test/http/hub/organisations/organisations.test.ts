import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startClosedBerth } from "../../../support/closed.ts";
import { hubAs, textOf, type Body } from "../support.ts";

const column = (body: Body, list: string, field: string): readonly unknown[] =>
  (body[list] as unknown as Record<string, unknown>[]).map((row) => row[field]);

describe("organisations in the Hub-shaped API", async () => {
  const berth = await startClosedBerth();
  for (const name of ["ann", "mia", "tom", "eve"]) berth.addUser(name);
  berth.addOrganisation("team", "ann");
  await berth.pushImage("team/app", "ann", "private");
  const ann = await hubAs(berth, "ann");
  const mia = await hubAs(berth, "mia");
  const tom = await hubAs(berth, "tom");
  const eve = await hubAs(berth, "eve");
  const anonymous = await hubAs(berth);

  test("anyone can read an organisation, but other users get 403 for its members, teams, invites and tokens", async () => {
    assert.equal((await anonymous("get", "/v2/orgs/team/")).body["orgname"], "team");
    assert.equal((await anonymous("get", "/v2/orgs/other/")).status, 404);
    assert.equal((await anonymous("get", "/v2/users/ann/")).body["username"], "ann");
    assert.equal((await anonymous("head", "/v2/users/team/")).status, 404);
    for (const path of ["members", "groups", "invites", "access-tokens"]) {
      assert.equal((await anonymous("get", `/v2/orgs/team/${path}`)).status, 401, path);
      assert.equal((await eve("get", `/v2/orgs/team/${path}`)).status, 403, path);
      assert.equal((await eve("get", `/v2/orgs/other/${path}`)).status, 404, path);
      assert.equal((await ann("get", `/v2/orgs/team/${path}`)).status, 200, path);
    }
  });

  test("an owner invites users, and a user becomes a member by accepting the invite", async () => {
    const asked = { org: "team", invitees: ["mia", "tom", "ann", "nobody"], role: "member" };
    assert.equal((await eve("post", "/v2/invites/bulk", asked)).status, 403);
    const dry = await ann("post", "/v2/invites/bulk", { ...asked, dry_run: true });
    assert.equal(dry.status, 202);
    assert.deepEqual((await ann("get", "/v2/orgs/team/invites")).body["data"], []);
    const sent = await ann("post", "/v2/invites/bulk", asked);
    assert.deepEqual(column(sent.body, "invitees", "status"), [
      ...["invited", "invited", "existing_org_member", "invalid_email_or_docker_id"],
    ]);
    assert.equal((await mia("get", "/v2/orgs/team/members")).status, 403);
    const open = await ann("get", "/v2/orgs/team/invites");
    assert.deepEqual(column(open.body, "data", "invitee"), ["mia", "tom"]);
    const [id = "", other = ""] = column(open.body, "data", "id") as string[];
    assert.equal((await tom("post", `/v2/invites/${id}/accept`)).status, 404);
    assert.equal((await eve("delete", `/v2/invites/${id}`)).status, 404);
    assert.equal((await ann("patch", `/v2/invites/${id}/resend`)).status, 204);
    const own = await mia("get", "/v2/user/invites");
    assert.deepEqual(column(own.body, "data", "id"), [id]);
    assert.equal((await mia("post", `/v2/invites/${id}/accept`)).status, 204);
    assert.equal((await mia("post", `/v2/invites/${id}/accept`)).status, 404);
    assert.equal((await ann("delete", `/v2/invites/${other}`)).status, 204);
    assert.equal((await mia("get", "/v2/orgs/team/members")).status, 200);
    assert.equal((await tom("get", "/v2/orgs/team/members")).status, 403);
    const orgs = await mia("get", "/v2/user/orgs/?page_size=100");
    assert.deepEqual(column(orgs.body, "results", "orgname"), ["team"]);
  });

  test("an owner lists, searches, exports and changes members, but cannot demote the last owner", async () => {
    const { body } = await ann("get", "/v2/orgs/team/members?page_size=1");
    assert.equal(body["count"], 2);
    assert.match(textOf(body["next"]), /page_size=1&page=2$/);
    const found = await ann("get", "/v2/orgs/team/members?search=MI");
    assert.deepEqual(column(found.body, "results", "username"), ["mia"]);
    const raised = await ann("put", "/v2/orgs/team/members/mia", { role: "editor" });
    assert.equal(raised.body["role"], "Editor");
    assert.equal((await mia("put", "/v2/orgs/team/members/mia", { role: "owner" })).status, 403);
    assert.equal((await ann("put", "/v2/orgs/team/members/ann", { role: "member" })).status, 400);
    assert.equal((await ann("put", "/v2/orgs/team/members/eve", { role: "member" })).status, 404);
    assert.equal((await ann("delete", "/v2/orgs/team/members/ann")).status, 400);
    const csv = await ann("get", "/v2/orgs/team/members/export");
    assert.match(csv.text, /^Name,Username,Email,Type,Role,Teams,Date Joined\r\n,ann,,User,Owner,/);
    assert.match(csv.headers["content-disposition"] ?? "", /^attachment;filename="team-members-/);
  });

  test("an owner creates, fills and renames teams, but cannot change the team owners", async () => {
    const made = await ann("post", "/v2/orgs/team/groups", { name: "devs", description: "d" });
    assert.equal(made.status, 201);
    assert.equal((await ann("post", "/v2/orgs/team/groups", { name: "devs" })).status, 409);
    assert.equal((await ann("post", "/v2/orgs/team/groups", { name: "owners" })).status, 409);
    assert.equal((await mia("post", "/v2/orgs/team/groups", { name: "more" })).status, 403);
    const list = await mia("get", "/v2/orgs/team/groups/");
    assert.deepEqual(column(list.body, "results", "name"), ["owners", "devs"]);
    const path = "/v2/orgs/team/groups/devs";
    assert.equal((await ann("post", `${path}/members`, { member: "mia" })).status, 200);
    assert.equal((await ann("post", `${path}/members`, { member: "eve" })).status, 404);
    const members = await mia("get", `${path}/members`);
    assert.deepEqual(column(members.body, "results", "username"), ["mia"]);
    const hers = await ann("get", "/v2/orgs/team/groups?username=mia");
    assert.deepEqual(column(hers.body, "results", "name"), ["devs"]);
    const renamed = await ann("patch", path, { name: "builders" });
    assert.equal(renamed.body["id"], made.body["id"]);
    assert.equal((await ann("get", path)).status, 404);
    for (const method of ["delete", "patch"] as const)
      assert.equal((await ann(method, "/v2/orgs/team/groups/owners", {})).status, 400);
    const owners = await ann("get", "/v2/orgs/team/groups/owners/members");
    assert.deepEqual(column(owners.body, "results", "username"), ["ann"]);
    assert.equal((await ann("delete", "/v2/orgs/team/groups/owners/members/ann")).status, 400);
  });

  test("a team's permission on a repository applies at once when it is given or removed", async () => {
    await ann("put", "/v2/orgs/team/members/mia", { role: "member" });
    const app = "/v2/repositories/team/app";
    assert.equal((await mia("get", app)).status, 404);
    const { body } = await ann("get", "/v2/orgs/team/groups/builders");
    const given = { group_id: body["id"], permission: "read" };
    const path = `${app}/groups`;
    assert.equal((await mia("post", path, given)).status, 404);
    assert.deepEqual((await ann("post", path, given)).body, {
      ...given,
      group_name: "builders",
    });
    assert.equal((await mia("get", app)).status, 200);
    assert.equal((await mia("post", path, given)).status, 403);
    assert.equal((await mia("get", path)).status, 403);
    const listed = await ann("get", path);
    assert.deepEqual(column(listed.body, "results", "permission"), ["read"]);
    assert.equal((await ann("delete", `${path}/builders`)).status, 204);
    assert.equal((await mia("get", app)).status, 404);
  });

  test("owners read the audit log of their organisation, and users read only their own", async () => {
    assert.equal((await anonymous("get", "/v2/auditlogs/team")).status, 401);
    assert.equal((await mia("get", "/v2/auditlogs/team")).status, 403);
    assert.equal((await mia("get", "/v2/auditlogs/mia")).status, 200);
    assert.equal((await mia("get", "/v2/auditlogs/ann")).status, 403);
    const all = await ann("get", "/v2/auditlogs/team?page_size=100");
    const actions = new Set(column(all.body, "logs", "action"));
    for (const action of ["org.team.create", "org.member.invite.send", "org.team.update"])
      assert.ok(actions.has(action), action);
    const first = await ann("get", "/v2/auditlogs/team?page_size=3");
    const second = await ann("get", "/v2/auditlogs/team?page_size=3&page=2");
    assert.deepEqual(
      [...column(first.body, "logs", "action"), ...column(second.body, "logs", "action")],
      column(all.body, "logs", "action").slice(0, 6),
    );
    const future = new Date(Date.now() + 3_600_000).toISOString();
    const none = await ann("get", `/v2/auditlogs/team?from=${future}`);
    assert.deepEqual(none.body["logs"], []);
  });
});

describe("access tokens in the Hub-shaped API", async () => {
  const berth = await startClosedBerth();
  for (const name of ["ann", "mia"]) berth.addUser(name);
  berth.addOrganisation("team", "ann");
  await berth.pushImage("team/app", "ann", "private");
  await berth.pushImage("team/other", "ann", "private");
  await berth.pushImage("ann/own", "ann", "private");
  const ann = await hubAs(berth, "ann");

  test("a user creates, reads without its secret, deactivates and deletes an access token", async () => {
    for (const path of ["/v2/access-tokens", "/v2/api_tokens"]) {
      const made = await ann("post", path, { token_label: "ci", scopes: ["repo:read"] });
      assert.equal(made.status, 201);
      const { uuid, token } = made.body as unknown as { uuid: string; token: string };
      const asToken = await hubAs(berth, "ann", token);
      assert.equal((await asToken("get", "/v2/repositories/ann/own")).status, 200);
      const shown = await ann("get", `${path}/${uuid}`);
      assert.equal(shown.body["token"], "");
      assert.deepEqual(shown.body["scopes"], ["repo:read"]);
      const list = await ann("get", path);
      assert.equal(list.body["active_count"], 1);
      const off = await ann("patch", `${path}/${uuid}`, { is_active: false, token_label: "old" });
      assert.equal(off.body["token_label"], "old");
      assert.equal((await asToken("get", "/v2/user")).status, 401);
      assert.equal((await (await hubAs(berth, "mia"))("get", `${path}/${uuid}`)).status, 404);
      const ended = await ann("delete", `${path}/${uuid}`);
      assert.equal(ended.status, path === "/v2/access-tokens" ? 204 : 202);
      assert.equal((await ann("get", `${path}/${uuid}`)).status, 404);
    }
  });

  test("a user's access token cannot create or list tokens and is limited to its scope", async () => {
    const [admin, write, read, open] = await Promise.all(
      ["repo:admin", "repo:write", "repo:read", "repo:public_read"].map((scope) =>
        hubAs(berth, "ann", berth.addPersonalToken("ann", scope)),
      ),
    );
    assert.ok(admin && write && read && open);
    const label = { token_label: "more", scopes: ["repo:admin"] };
    for (const ask of [admin, write, read, open]) {
      assert.equal((await ask("post", "/v2/access-tokens", label)).status, 403);
      assert.equal((await ask("get", "/v2/access-tokens")).status, 403);
      assert.equal((await ask("get", "/v2/orgs/team/access-tokens")).status, 403);
      assert.equal((await ask("get", "/v2/user")).status, 200);
    }
    const own = "/v2/repositories/ann/own/";
    assert.deepEqual(
      await Promise.all(
        [admin, write, read, open].map(async (ask) => (await ask("get", own)).status),
      ),
      [200, 200, 200, 404],
    );
    assert.deepEqual(
      await Promise.all(
        [admin, write, read, open].map(async (ask) => (await ask("patch", own, {})).status),
      ),
      [200, 403, 403, 404],
    );
    assert.equal((await open("get", "/v2/namespaces/ann/repositories")).body["count"], 0);
    assert.equal((await read("get", "/v2/namespaces/ann/repositories")).body["count"], 1);
    assert.equal((await write("post", "/v2/orgs/team/groups", { name: "x" })).status, 403);
    assert.equal((await admin("post", "/v2/orgs/team/groups", { name: "x" })).status, 201);
    assert.equal((await open("get", "/v2/orgs/team/members")).status, 403);
  });

  test("an organisation's access token reaches only its resources, and repositories only at /v2/namespaces", async () => {
    const made = await ann("post", "/v2/orgs/team/access-tokens", {
      label: "robot",
      resources: [
        { type: "TYPE_REPO", path: "team/app", scopes: ["scope-image-pull"] },
        { type: "TYPE_ORG", path: "team", scopes: ["scope-repository-list", "scope-member-read"] },
      ],
    });
    assert.equal(made.status, 201);
    const { id, token } = made.body as unknown as { id: string; token: string };
    const robot = await hubAs(berth, "team", token);
    const namespace = "/v2/namespaces/team/repositories";
    assert.equal((await robot("get", `${namespace}/app`)).status, 200);
    assert.equal((await robot("get", `${namespace}/app/tags`)).status, 200);
    assert.equal((await robot("get", `${namespace}/other`)).status, 404);
    assert.equal((await robot("get", "/v2/namespaces/ann/repositories/own")).status, 404);
    assert.equal((await robot("patch", `${namespace}/app`, {})).status, 403);
    assert.equal((await robot("delete", `${namespace}/app/tags/1`)).status, 403);
    assert.equal((await robot("get", "/v2/repositories/team/app")).status, 403);
    assert.equal((await robot("get", "/v2/repositories/team/other")).status, 403);
    const list = await robot("get", namespace);
    assert.deepEqual(column(list.body, "results", "name"), ["app"]);
    assert.equal(list.body["count"], 1);
    assert.equal((await robot("get", "/v2/orgs/team/members")).status, 200);
    assert.equal((await robot("get", "/v2/orgs/team/groups")).status, 403);
    assert.equal((await robot("post", namespace, { name: "new" })).status, 403);

    const path = `/v2/orgs/team/access-tokens/${id}`;
    const more = [
      { type: "TYPE_ORG", path: "team", scopes: ["scope-repository-create"] },
      { type: "TYPE_REPO", path: "team/*", scopes: ["scope-repository-admin"] },
    ];
    assert.equal((await ann("patch", path, { resources: more })).status, 200);
    assert.equal((await robot("post", namespace, { name: "new" })).status, 201);
    assert.equal((await robot("delete", `${namespace}/new`)).status, 202);
    assert.equal((await robot("get", namespace)).body["count"], 0);
    const foreign = [{ type: "TYPE_REPO", path: "ann/*", scopes: ["scope-image-pull"] }];
    assert.equal((await ann("patch", path, { resources: foreign })).status, 400);
    assert.equal((await ann("get", "/v2/orgs/team/access-tokens")).body["total"], 1);
    assert.equal((await ann("delete", path)).status, 204);
    assert.equal((await robot("get", namespace)).status, 401);
  });
});
