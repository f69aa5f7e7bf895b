import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { actor, open, refuses, start } from "./support.ts";

describe("the audit log", () => {
  test("has actor, action and peer of each change, and no row for a rejected or empty change", async () => {
    const { users, audit } = await open();
    const rows = async () => (await audit.list({ limit: 100 })).length;
    const before = await rows();
    await refuses(users.setDisabled(actor, "root", true), "conflict", /last/);
    assert.equal(await users.setDisabled(actor, "tom", false), false);
    assert.equal(await rows(), before);
    await users.setDisabled(actor, "tom", true);
    const [newest] = await audit.list({ limit: 1 });
    assert.deepEqual(newest, {
      id: newest?.id,
      atMs: start,
      actor: "root",
      account: "tom",
      action: "user.disable",
      subject: "tom",
      data: {},
      peer: "192.0.2.1",
    });
  });

  test("is filtered by account, actor, leading words of the action, and time", async () => {
    const { audit } = await open();
    const actions = async (query: object) =>
      (await audit.list({ limit: 100, ...query })).map(
        ({ action, subject }) => `${action} ${subject}`,
      );
    const ofTeam = ["org.member.add tom", "org.member.add ann", "org.create team"];
    const pushed = "repo.create team/app";
    assert.deepEqual(await actions({ account: "team" }), [pushed, ...ofTeam]);
    assert.deepEqual(await actions({ action: "org.member" }), ofTeam.slice(0, 2));
    assert.deepEqual(await actions({ action: "org.mem" }), []);
    assert.deepEqual(await actions({ account: "team", action: "org.create" }), ofTeam.slice(2));
    assert.deepEqual(await actions({ actor: "ann" }), []);
    assert.equal((await actions({ fromMs: start, toMs: start + 1, actor: "root" })).length, 6);
    assert.deepEqual(await actions({ toMs: start }), []);
    assert.deepEqual(await actions({ account: "team", limit: 1 }), [pushed]);
  });
});
