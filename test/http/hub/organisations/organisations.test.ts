import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startClosedBerth } from "../../../support/closed.ts";
import { hubAs, textOf, type Body } from "../support.ts";

const column = (body: Body, list: string, field: string): readonly unknown[] =>
  (body[list] as unknown as Record<string, unknown>[]).map((row) => row[field]);

describe("organisations in the Hub-shaped API", async () => {
  const berth = await startClosedBerth();
  for (const name of ["ann", "mia", "tom", "eve"]) await berth.addUser(name);
  await berth.addOrganisation("team", "ann");
  await berth.pushImage("team/app", "ann", "private");
  const ann = await hubAs(berth, "ann");
  const mia = await hubAs(berth, "mia");
  const tom = await hubAs(berth, "tom");
  const eve = await hubAs(berth, "eve");
  const anonymous = await hubAs(berth);

  test("any client reads organisations and users, and an organisation is not a user", async () => {
    assert.equal((await anonymous("get", "/v2/orgs/team/")).body["orgname"], "team");
    assert.equal((await anonymous("get", "/v2/orgs/other/")).status, 404);
    assert.equal((await anonymous("get", "/v2/users/ann/")).body["username"], "ann");
    assert.equal((await anonymous("head", "/v2/users/team/")).status, 404);
  });

  for (const path of ["members", "groups", "invites", "access-tokens"])
    test(`the ${path} of an organisation are listed for an owner, and for no other client`, async () => {
      assert.equal((await anonymous("get", `/v2/orgs/team/${path}`)).status, 401);
      assert.equal((await eve("get", `/v2/orgs/team/${path}`)).status, 403);
      assert.equal((await eve("get", `/v2/orgs/other/${path}`)).status, 404);
      assert.equal((await ann("get", `/v2/orgs/team/${path}`)).status, 200);
    });

  describe("an invite", () => {
    const asked = { org: "team", invitees: ["mia", "tom", "ann", "nobody"], role: "member" };
    const open = async () => (await ann("get", "/v2/orgs/team/invites")).body;
    const idOf = async (invitee: string): Promise<string> => {
      const { id } = ((await open())["data"] as unknown as { id: string; invitee: string }[]).find(
        (invite) => invite.invitee === invitee,
      ) ?? { id: "none" };
      return id;
    };

    test("is sent by owners only", async () => {
      assert.equal((await eve("post", "/v2/invites/bulk", asked)).status, 403);
      assert.deepEqual((await open())["data"], []);
    });

    test("is not sent by a dry run", async () => {
      const dry = await ann("post", "/v2/invites/bulk", { ...asked, dry_run: true });
      assert.equal(dry.status, 202);
      assert.deepEqual((await open())["data"], []);
    });

    test("is sent to users who are not members, and makes no user a member", async () => {
      const sent = await ann("post", "/v2/invites/bulk", asked);
      assert.deepEqual(column(sent.body, "invitees", "status"), [
        ...["invited", "invited", "existing_org_member", "invalid_email_or_docker_id"],
      ]);
      assert.deepEqual(column(await open(), "data", "invitee"), ["mia", "tom"]);
      assert.equal((await mia("get", "/v2/orgs/team/members")).status, 403);
    });

    test("is not found by users other than its invitee and the owners", async () => {
      const id = await idOf("mia");
      assert.equal((await tom("post", `/v2/invites/${id}/accept`)).status, 404);
      assert.equal((await eve("delete", `/v2/invites/${id}`)).status, 404);
      assert.equal((await ann("patch", `/v2/invites/${id}/resend`)).status, 204);
      const own = await mia("get", "/v2/user/invites");
      assert.deepEqual(column(own.body, "data", "id"), [id]);
    });

    test("makes its invitee a member once, by being accepted", async () => {
      const id = await idOf("mia");
      assert.equal((await mia("post", `/v2/invites/${id}/accept`)).status, 204);
      assert.equal((await mia("post", `/v2/invites/${id}/accept`)).status, 404);
      assert.equal((await mia("get", "/v2/orgs/team/members")).status, 200);
      const orgs = await mia("get", "/v2/user/orgs/?page_size=100");
      assert.deepEqual(column(orgs.body, "results", "orgname"), ["team"]);
    });

    test("that an owner deletes makes no member", async () => {
      const id = await idOf("tom");
      assert.equal((await ann("delete", `/v2/invites/${id}`)).status, 204);
      assert.equal((await tom("post", `/v2/invites/${id}/accept`)).status, 404);
      assert.equal((await tom("get", "/v2/orgs/team/members")).status, 403);
    });
  });

  test("an owner lists members in pages, and searches them in any letter case", async () => {
    const { body } = await ann("get", "/v2/orgs/team/members?page_size=1");
    assert.equal(body["count"], 2);
    assert.match(textOf(body["next"]), /page_size=1&page=2$/);
    const found = await ann("get", "/v2/orgs/team/members?search=MI");
    assert.deepEqual(column(found.body, "results", "username"), ["mia"]);
  });

  test("an owner changes the role of a member, and a member does not change its own", async () => {
    const raised = await ann("put", "/v2/orgs/team/members/mia", { role: "editor" });
    assert.equal(raised.body["role"], "Editor");
    assert.equal((await mia("put", "/v2/orgs/team/members/mia", { role: "owner" })).status, 403);
    assert.equal((await ann("put", "/v2/orgs/team/members/eve", { role: "member" })).status, 404);
  });

  test("the last owner can be neither demoted nor removed", async () => {
    assert.equal((await ann("put", "/v2/orgs/team/members/ann", { role: "member" })).status, 400);
    assert.equal((await ann("delete", "/v2/orgs/team/members/ann")).status, 400);
  });

  test("an owner exports the members as CSV", async () => {
    const csv = await ann("get", "/v2/orgs/team/members/export");
    assert.match(csv.text, /^Name,Username,Email,Type,Role,Teams,Date Joined\r\n,ann,,User,Owner,/);
    assert.match(csv.headers["content-disposition"] ?? "", /^attachment;filename="team-members-/);
  });

  test("an owner creates teams with unused names, and a member does not", async () => {
    const made = await ann("post", "/v2/orgs/team/groups", { name: "devs", description: "d" });
    assert.equal(made.status, 201);
    assert.equal((await ann("post", "/v2/orgs/team/groups", { name: "devs" })).status, 409);
    assert.equal((await ann("post", "/v2/orgs/team/groups", { name: "owners" })).status, 409);
    assert.equal((await mia("post", "/v2/orgs/team/groups", { name: "more" })).status, 403);
    const list = await mia("get", "/v2/orgs/team/groups/");
    assert.deepEqual(column(list.body, "results", "name"), ["owners", "devs"]);
  });

  test("an owner adds only members of the organisation to a team", async () => {
    const path = "/v2/orgs/team/groups/devs";
    assert.equal((await ann("post", `${path}/members`, { member: "mia" })).status, 200);
    assert.equal((await ann("post", `${path}/members`, { member: "eve" })).status, 404);
    const members = await mia("get", `${path}/members`);
    assert.deepEqual(column(members.body, "results", "username"), ["mia"]);
    const hers = await ann("get", "/v2/orgs/team/groups?username=mia");
    assert.deepEqual(column(hers.body, "results", "name"), ["devs"]);
  });

  test("a renamed team keeps its id, and its old name is not found", async () => {
    const path = "/v2/orgs/team/groups/devs";
    const { body } = await ann("get", path);
    const renamed = await ann("patch", path, { name: "builders" });
    assert.equal(renamed.body["id"], body["id"]);
    assert.equal((await ann("get", path)).status, 404);
  });

  test("the team owners has the owners as members, and cannot be changed", async () => {
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
