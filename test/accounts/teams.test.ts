import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { actor, open, refuses } from "./support.ts";

describe("teams", () => {
  test("accept only members of the organisation, and lose a user that leaves it", async () => {
    const { teams, organisations } = await open();
    const devs = { organisation: "team", team: "devs" };
    await teams.add(actor, devs, "who writes it");
    await refuses(teams.add(actor, devs, ""), "exists", /has a team devs already/);
    await refuses(
      teams.addMember(actor, devs, "root"),
      "unknown",
      /add the user to the organisation first/,
    );
    await teams.addMember(actor, devs, "tom");
    await teams.addMember(actor, devs, "tom");
    assert.deepEqual(await teams.members(devs), ["tom"]);
    assert.equal((await teams.list("team"))[0]?.members, 1);
    await organisations.removeMember(actor, "team", "tom");
    assert.deepEqual(await teams.members(devs), []);
    await refuses(teams.removeMember(actor, devs, "tom"), "unknown", /not a member of the team/);
  });

  test("have permissions on repositories of the organisation only", async () => {
    const { teams } = await open();
    const devs = { organisation: "team", team: "devs" };
    await teams.add(actor, devs, "");
    const grant = (repository: string, permission?: "read" | "write") =>
      teams.setPermission(actor, devs, repository, permission);
    await grant("team/app", "read");
    await grant("team/app", "write");
    assert.deepEqual(await teams.permissions(devs), [
      { repository: "team/app", permission: "write" },
    ]);
    await grant("team/app");
    assert.deepEqual(await teams.permissions(devs), []);
    for (const foreign of ["team/none", "ann/app", "alpine"])
      await refuses(grant(foreign, "read"), "unknown", /team has no repository/);
    await refuses(grant("Team/App", "read"), "invalid", /repository name/);
  });

  test("that do not exist are reported as unknown", async () => {
    const { teams } = await open();
    const ghosts = { organisation: "team", team: "ghosts" };
    const unknown = /no team ghosts in team/;
    await refuses(teams.members(ghosts), "unknown", unknown);
    await refuses(teams.addMember(actor, ghosts, "tom"), "unknown", unknown);
    await refuses(teams.removeMember(actor, ghosts, "tom"), "unknown", unknown);
    await refuses(teams.setPermission(actor, ghosts, "team/app", "read"), "unknown", unknown);
    await refuses(teams.delete(actor, ghosts), "unknown", unknown);
    const nowhere = teams.add(actor, { organisation: "nowhere", team: "x" }, "");
    await refuses(nowhere, "unknown", /no organisation nowhere/);
    const unnamed = teams.add(actor, { organisation: "team", team: "a b" }, "");
    await refuses(unnamed, "invalid", /team name/);
  });
});
