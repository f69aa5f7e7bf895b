import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { visit } from "./support/browser.ts";
import { passwordClient, pushImage, serviceImages } from "./support/content.ts";
import { adminPassword, startServer } from "./support/server.ts";

const server = await startServer();
after(() => server.stop());
for (const user of ["lea", "tom"])
  await server.berth(["user", "add", user, "--full-name", `${user} Muster`], `${adminPassword}\n`);
await server.berth(["org", "add", "ops", "--owner", "lea", "--full-name", "Operations"]);
const [image = { os: "linux", architecture: "amd64", steps: [] }] = serviceImages("1.0");
const tom = passwordClient(server.url, "tom", adminPassword);
/** A push over the registry API, with the password of the user. */
const push = (tag: string) => pushImage(tom, "ops/app", tag, image);

describe("an organisation", () => {
  test("invites a user, who accepts, pushes by a team's permission, and may not after the removal", async (t) => {
    const owner = await visit(server.url, t);
    const member = await visit(server.url, t, { expected: [/40[34]/] });
    const { page } = owner;
    await owner.signIn("lea");
    await member.signIn("tom");
    await member.open("/settings/profile");
    await member.page.getByText("No open invites").waitFor();

    await owner.open("/new?namespace=ops");
    await page.getByLabel("Name", { exact: true }).fill("App");
    await page.getByText(/^Lower-case letters and digits/).waitFor();
    await owner.check();
    await page.getByLabel("Name", { exact: true }).fill("app");
    await page.getByText("The repository is ops/app").waitFor();
    await page.getByRole("button", { name: "Create repository" }).click();
    await page.waitForURL("**/r/ops/app");
    await page.getByText(`docker push 127.0.0.1:${server.port}/ops/app`).first().waitFor();

    await owner.open("/u/ops/-/teams");
    await owner.check();
    await page.getByLabel("Name", { exact: true }).fill("devs");
    await page.getByRole("button", { name: "Create team" }).click();
    await page.waitForURL("**/u/ops/-/teams/devs");
    await page.getByLabel("Repository", { exact: true }).fill("app");
    await page.getByLabel("Permission", { exact: true }).selectOption("write");
    await page.getByRole("button", { name: "Give permission" }).click();
    await page.getByRole("link", { name: "ops/app" }).waitFor();
    await owner.check();

    await owner.open("/u/ops/-/invites");
    await page.getByLabel("User names").fill("tom, nemo");
    await page.getByRole("button", { name: "Send invites" }).click();
    await page.getByText("tom is invited.").waitFor();
    await page.getByText("nemo is not a user of this registry.").waitFor();
    await owner.check();
    await assert.rejects(push("1.0"), /40[134]/);

    // The page of the invited user was open before, and is not loaded again.
    await member.page.getByText("lea invites you as Member").waitFor({ timeout: 10_000 });
    await member.check();
    await member.page.getByRole("button", { name: "Accept" }).click();
    await member.page.getByText("You are a member of ops.").waitFor();
    await member.page.getByText("No open invites").waitFor();
    await member.page.getByRole("listitem").filter({ hasText: "ops" }).waitFor();
    await assert.rejects(push("1.0"), /40[134]/);

    await owner.open("/u/ops/-/teams/devs");
    await page.getByLabel("Add a member of the organisation").fill("tom");
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await page.getByText("tom Muster").waitFor();
    await push("1.0");
    await member.open("/u/ops");
    await member.page.getByRole("link", { name: "app", exact: true }).waitFor();
    await member.check();
    await member.open("/u/ops/-/teams/devs");
    await member.page.getByText("Write: pull, push").waitFor();
    assert.equal(await member.page.getByRole("button", { name: /Remove/ }).count(), 0);
    await member.open("/u/ops/-/invites");
    await member.page.getByRole("heading", { name: "You may not see this" }).waitFor();

    await owner.open("/u/ops/-/members");
    const role = page.getByLabel("Role of lea");
    await page.getByText("The last owner. Make another member an owner first.").waitFor();
    assert.ok(await role.isDisabled());
    await owner.check();
    await page.getByRole("row", { name: /tom/ }).getByRole("button", { name: "Remove" }).click();
    await page.getByText("leaves devs with their permissions").waitFor();
    await owner.check();
    await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
    await page.getByRole("row", { name: /tom/ }).waitFor({ state: "detached" });
    await assert.rejects(push("1.1"), /40[134]/);
    await member.open("/u/ops");
    await member.page.getByText("No repositories yet.").waitFor();
  });

  test("shows its changes in the audit log, by action, user and object", async (t) => {
    const { page, open, signIn, check } = await visit(server.url, t);
    await signIn("lea");
    await open("/u/ops/-/audit");
    await page.getByRole("cell", { name: "org member remove" }).waitFor();
    await check();
    await page.getByLabel("Action").selectOption("repo.tag.push");
    await page.waitForURL("**/audit?action=repo.tag.push");
    await page.getByRole("link", { name: "ops/app:1.0" }).waitFor();
    assert.equal(await page.getByRole("row").count(), 2);
    await page.getByLabel("Who").fill("lea");
    await page.getByText("nothing matches").waitFor();
    await page.getByRole("button", { name: "Clear" }).click();
    await page.getByRole("cell", { name: "org member remove" }).waitFor();
    const today = new Date();
    const day = (offset: number) => {
      const then = new Date(today.getFullYear(), today.getMonth(), today.getDate() + offset, 12);
      return then.toISOString().slice(0, 10);
    };
    await page.getByLabel("To", { exact: true }).fill(day(-1));
    await page.getByText("nothing matches").waitFor();
    await page.getByLabel("To", { exact: true }).fill(day(0));
    await page.getByRole("cell", { name: "org member remove" }).waitFor();
  });

  test("has access tokens for machines, and settings", async (t) => {
    const { page, open, signIn, check } = await visit(server.url, t);
    await signIn("lea");
    await open("/u/ops/-/tokens");
    await page.getByText("No access tokens yet.").waitFor();
    await page.getByLabel("Label").fill("ci");
    await page.getByLabel("These repositories").check();
    await page.getByLabel("Names").fill("ops/app");
    await page.getByLabel("Pull and push", { exact: true }).check();
    await check();
    await page.getByRole("button", { name: "Create token" }).click();
    const secret = (await page.locator("[data-token]").textContent()) ?? "";
    assert.match(secret, /^berth_oat_/);
    await page.getByText(`docker login -u ops --password-stdin`).waitFor();
    await check();
    await pushImage(passwordClient(server.url, "ops", secret), "ops/app", "2.0", image);
    await page.getByRole("button", { name: "Copy token" }).click();
    await page.getByRole("button", { name: "Close", exact: true }).click();
    await page.getByRole("row", { name: /ci.*lea.*ops\/app/ }).waitFor();
    await server.api(
      "POST",
      "/v2/orgs/ops/access-tokens",
      {
        label: "all",
        resources: [{ type: "TYPE_REPO", path: "ops/*", scopes: ["scope-image-pull"] }],
      },
      "lea",
    );
    await page.getByRole("row", { name: /all.*All repositories of ops/ }).waitFor();
    await check();

    await open("/u/ops/-/settings");
    const details = page.getByRole("region", { name: "Organisation" });
    await details.getByLabel("Full name").fill("Operations and more");
    await details.getByRole("button", { name: "Save" }).click();
    await details.getByText("Saved").waitFor();
    await page.getByText("Operations and more").waitFor();
    await page.getByText("ops/app").waitFor();
    await check();
    await open("/u/ops");
    await page.getByLabel("Visibility").selectOption("Public");
    await page.waitForURL("**/u/ops?is_private=false");
    await page.getByText("No repository matches.").waitFor();
    await page.getByLabel("Visibility").selectOption("Private");
    await page.getByRole("link", { name: "app", exact: true }).waitFor();
    await check();
    await open("/u/lea");
    await page.getByText("No repositories yet. A push creates one:").waitFor();
    await check();
  });
});
