import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { actor, open, refuses } from "./support.ts";

describe("organisations", () => {
  test("reject changes that would leave them without an owner", async () => {
    const { organisations } = await open();
    const last = /ann is the last owner of team/;
    await refuses(organisations.changeRole(actor, "team", "ann", "editor"), "conflict", last);
    await refuses(organisations.removeMember(actor, "team", "ann"), "conflict", last);
    assert.equal(await organisations.changeRole(actor, "team", "tom", "owner"), "changed");
    assert.equal(await organisations.changeRole(actor, "team", "ann", "editor"), "changed");
    assert.equal(await organisations.addMember(actor, "team", "ann", "editor"), "unchanged");
  });

  test("accept only existing users as members", async () => {
    const { organisations } = await open();
    const add = (organisation: string, user: string) =>
      organisations.addMember(actor, organisation, user, "member");
    await refuses(add("nowhere", "tom"), "unknown", /no organisation nowhere/);
    await refuses(add("ann", "tom"), "unknown", /no organisation ann/);
    await refuses(add("team", "nobody"), "unknown", /no user nobody/);
    await refuses(add("team", "team"), "unknown", /no user team/);
    const root = organisations.changeRole(actor, "team", "root", "owner");
    await refuses(root, "unknown", /root is not a member of team/);
    await refuses(organisations.removeMember(actor, "team", "root"), "unknown", /not a member/);
    const owned = organisations.add(actor, { name: "new", owner: "nobody" });
    await refuses(owned, "unknown", /no user nobody/);
    await refuses(organisations.delete(actor, "new"), "unknown", /no organisation new/);
  });

  test("are not deleted while they have repositories", async () => {
    const { organisations } = await open();
    await refuses(organisations.delete(actor, "team"), "conflict", /has repositories \(1\)/);
    await organisations.add(actor, { name: "new" });
    await organisations.delete(actor, "new");
  });

  test("reject members and the deletion of library, which belongs to the administrators", async () => {
    const { organisations } = await open();
    const mine = organisations.addMember(actor, "library", "tom", "owner");
    await refuses(mine, "conflict", /belongs to the administrators/);
    await refuses(organisations.delete(actor, "library"), "conflict", /cannot be deleted/);
  });
});
