import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { checkResources } from "../../src/accounts/access-tokens.ts";
import { actor, open, refuses, start } from "./support.ts";

describe("access tokens", () => {
  test("require a label, a scope (user) or resources (organisation), and an expiry in the future", async () => {
    const { accessTokens } = await open();
    const issue = (account: string, more: object) =>
      accessTokens.issue(actor, { account, label: "ci", ...more });
    const resources = [{ type: "TYPE_REPO", path: "team/*", scopes: ["scope-image-pull"] }];
    await refuses(issue("nobody", {}), "unknown", /no account nobody/);
    await refuses(issue("ann", { scope: "repo:all" }), "invalid", /one of the scopes/);
    await refuses(issue("ann", { scope: "repo:read", resources }), "invalid", /no resources/);
    await refuses(issue("team", { scope: "repo:read" }), "invalid", /no scope/);
    await refuses(issue("team", {}), "invalid", /resources/);
    await refuses(issue("ann", { scope: "repo:read", label: "" }), "invalid", /label/);
    await refuses(issue("ann", { scope: "repo:read", expiresAtMs: start }), "invalid", /past/);
    await issue("team", { resources });
  });

  test("have resources only in their organisation, with scopes of the type of the resource", () => {
    const problemOf = (type: "TYPE_REPO" | "TYPE_ORG", path: string, ...scopes: string[]) =>
      checkResources("team", [{ type, path, scopes }]);
    assert.equal(problemOf("TYPE_REPO", "team/*", "scope-image-pull"), undefined);
    assert.equal(problemOf("TYPE_REPO", "*/*/public", "scope-image-pull"), undefined);
    assert.equal(problemOf("TYPE_ORG", "team", "scope-repository-create"), undefined);
    assert.match(problemOf("TYPE_REPO", "*", "scope-image-pull") ?? "", /not in team/);
    assert.match(problemOf("TYPE_REPO", "teams/app", "scope-image-pull") ?? "", /not in team/);
    assert.match(problemOf("TYPE_ORG", "mia", "scope-repository-create") ?? "", /not in team/);
    assert.match(
      problemOf("TYPE_REPO", "team/app", "scope-repository-create") ?? "",
      /cannot have/,
    );
    assert.match(problemOf("TYPE_REPO", "team/app") ?? "", /no scopes/);
    assert.match(checkResources("team", []) ?? "", /from 1 to/);
  });

  test("can be revoked only for the account that owns them", async () => {
    const { accessTokens } = await open();
    const given = { account: "ann", label: "ci", scope: "repo:read" };
    const { id } = await accessTokens.issue(actor, given);
    await refuses(accessTokens.revoke(actor, "tom", id), "unknown", /tom has no access token/);
    await accessTokens.revoke(actor, "ann", id);
    await refuses(accessTokens.revoke(actor, "ann", id), "unknown", /ann has no access token/);
  });
});
