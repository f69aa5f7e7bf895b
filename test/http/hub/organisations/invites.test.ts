import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startClosedBerth } from "../../../support/closed.ts";
import { hubAs, textOf, type Body } from "../support.ts";

const berth = await startClosedBerth();
for (const name of ["ann", "mia", "tom", "eve"]) await berth.addUser(name);
const team = await berth.addOrganisation("team", "ann");
const ann = await hubAs(berth, "ann");
const mia = await hubAs(berth, "mia");
const root = await hubAs(berth, "admin");

const invite = async (user: string, role: string): Promise<string> => {
  const { body } = await ann("post", "/v2/invites/bulk", { org: "team", invitees: [user], role });
  return textOf((body["invitees"] as Body)[0]?.["invite"]?.["id"]);
};
const roleOf = async (user: string): Promise<string | undefined> => {
  const { body } = await ann("get", "/v2/orgs/team/members?page_size=100");
  const members = body["results"] as unknown as { username: string; role: string }[];
  return members.find(({ username }) => username === user)?.role;
};

describe("an invite", () => {
  test("a concurrent acceptance and cancellation of an invite: exactly one of them succeeds", async () => {
    for (let round = 0; round < 20; round += 1) {
      const id = await invite("mia", "member");
      const [accepted, cancelled] = await Promise.all([
        mia("post", `/v2/invites/${id}/accept`),
        ann("delete", `/v2/invites/${id}`),
      ]);
      assert.deepEqual([accepted.status, cancelled.status].toSorted(), [204, 404]);
      assert.equal(await roleOf("mia"), accepted.status === 204 ? "Member" : undefined);
      if (accepted.status === 204) await ann("delete", "/v2/orgs/team/members/mia");
    }
  });

  test("accepting an old invite does not raise the role of an account that is already a member", async () => {
    const id = await invite("mia", "owner");
    // An earlier version could leave this state: a membership together with an open invite.
    await berth.exec(
      `INSERT INTO members SELECT ${team}, id, 'member', 0 FROM accounts WHERE name = 'mia'`,
    );
    assert.equal((await mia("post", `/v2/invites/${id}/accept`)).status, 204);
    assert.equal(await roleOf("mia"), "Member");
    await ann("delete", "/v2/orgs/team/members/mia");
  });

  test("an invite ends when its sender is removed from the organisation", async () => {
    await berth.exec(
      `INSERT INTO members SELECT ${team}, id, 'owner', 0 FROM accounts WHERE name = 'tom'`,
    );
    const tom = await hubAs(berth, "tom");
    await tom("post", "/v2/invites/bulk", { org: "team", invitees: ["mia"], role: "owner" });
    await ann("delete", "/v2/orgs/team/members/tom");
    assert.deepEqual((await mia("get", "/v2/user/invites")).body["data"], []);
  });
});

test("an invite cannot be accepted while the account of its sender is disabled", async () => {
  await berth.exec(
    `INSERT INTO members SELECT ${team}, id, 'owner', 0 FROM accounts WHERE name = 'tom'`,
  );
  const tom = await hubAs(berth, "tom");
  const sent = { org: "team", invitees: ["mia"], role: "owner" };
  const { body } = await tom("post", "/v2/invites/bulk", sent);
  const id = textOf((body["invitees"] as Body)[0]?.["invite"]?.["id"]);
  await berth.exec("UPDATE accounts SET disabled = 1 WHERE name = 'tom'");
  assert.equal((await mia("post", `/v2/invites/${id}/accept`)).status, 404);
  assert.equal(await roleOf("mia"), undefined);
  await berth.exec("UPDATE accounts SET disabled = 0 WHERE name = 'tom'");
  assert.equal((await mia("post", `/v2/invites/${id}/accept`)).status, 204);
  for (const user of ["mia", "tom"]) await ann("delete", `/v2/orgs/team/members/${user}`);
});

test("an invite of a former administrator is not listed for its user, and cannot be accepted", async () => {
  await berth.addUser("former");
  await berth.exec("UPDATE accounts SET is_admin = 1 WHERE name = 'former'");
  const former = await hubAs(berth, "former");
  const sent = { org: "team", invitees: ["mia"], role: "owner" };
  const { body } = await former("post", "/v2/invites/bulk", sent);
  const id = textOf((body["invitees"] as Body)[0]?.["invite"]?.["id"]);
  const listed = async () => (await mia("get", "/v2/user/invites")).body["data"] as unknown as [];
  assert.equal((await listed()).length, 1);
  await berth.exec("UPDATE accounts SET is_admin = 0 WHERE name = 'former'");
  assert.deepEqual(await listed(), []);
  assert.equal((await mia("post", `/v2/invites/${id}/accept`)).status, 404);
  assert.equal(await roleOf("mia"), undefined);
});

describe("adding a user who is not a member to the owners of an organisation", () => {
  test("when an owner does it, the user is invited and becomes an owner by accepting", async () => {
    const added = await ann("post", "/v2/orgs/team/groups/owners/members", { member: "eve" });
    assert.equal(added.status, 200);
    assert.equal(await roleOf("eve"), undefined);
    const eve = await hubAs(berth, "eve");
    const { body } = await eve("get", "/v2/user/invites");
    const id = textOf((body["data"] as Body)[0]?.["id"]);
    assert.equal((await eve("post", `/v2/invites/${id}/accept`)).status, 204);
    assert.equal(await roleOf("eve"), "Owner");
  });

  test("when an administrator does it, the user becomes an owner at once", async () => {
    const added = await root("post", "/v2/orgs/team/groups/owners/members", { member: "mia" });
    assert.equal(added.status, 200);
    assert.equal(await roleOf("mia"), "Owner");
  });
});

test("an account does not see the audit rows of a deleted account of the same name", async () => {
  assert.equal((await root("get", "/v2/auditlogs/eve")).status, 200);
  const eve = await hubAs(berth, "eve");
  const made = await eve("post", "/v2/access-tokens", {
    token_label: "old",
    scopes: ["repo:read"],
  });
  assert.equal(made.status, 201);
  const subjects = ({ body }: { readonly body: Body }) =>
    (body["logs"] as unknown as { name: string }[]).map(({ name }) => name);
  assert.deepEqual(subjects(await eve("get", "/v2/auditlogs/eve")), ["old"]);
  await berth.exec("DELETE FROM accounts WHERE name = 'eve'");
  await berth.addUser("eve");
  const next = await hubAs(berth, "eve");
  assert.deepEqual(subjects(await next("get", "/v2/auditlogs/eve")), []);
});
