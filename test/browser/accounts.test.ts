import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { after, describe, test } from "node:test";
import type { Page } from "playwright-core";
import { tool } from "../clients/support/command.ts";
import { createScratch } from "../clients/support/scratch.ts";
import { createTarball } from "../clients/support/tarball.ts";
import { visit } from "./support/browser.ts";
import { pushImage, serviceImages } from "./support/content.ts";
import { adminPassword, startServer } from "./support/server.ts";

const server = await startServer();
after(() => server.stop());
const host = `127.0.0.1:${server.port}`;
for (const user of ["mia", "tom", "lea", "kim"])
  await server.berth(["user", "add", user], `${adminPassword}\n`);
await server.berth(["org", "add", "ops", "--owner", "lea"]);
const [image = { os: "linux", architecture: "amd64", steps: [] }] = serviceImages("1.0");
await pushImage(server.admin, "admin/app", "1.0", image);

/** crane with a configuration of its own, without a login. */
function newCrane() {
  const folder = createScratch("crane");
  const crane = tool("crane", { cwd: folder, env: { HOME: folder, DOCKER_CONFIG: folder } });
  const logIn = (user: string, secret: string) =>
    crane.reading(secret)("auth", "login", "-u", user, "--password-stdin", host);
  return { crane, folder, logIn };
}

/** The session of the page has ended elsewhere: its next requests are 401. */
const endedElsewhere = { expected: [/401/] };
const sessionEnded = (page: Page) =>
  page.getByRole("dialog", { name: "Your session has ended" }).waitFor({ timeout: 10_000 });

describe("a user", () => {
  test("creates an access token that is shown once, and crane uses it until it is turned off", async (t) => {
    const { page, open, signIn, check } = await visit(server.url, t);
    const { crane, logIn } = newCrane();
    await signIn("admin");
    await open("/r/admin/app");
    await page.getByRole("link", { name: "Create an access token for this machine" }).click();
    await page.waitForURL("**/settings/tokens?for=admin%2Fapp");
    assert.equal(await page.getByLabel("Label").inputValue(), "pull admin/app");
    await check();
    await page.getByRole("button", { name: "Create token" }).click();
    const dialog = page.getByRole("dialog", { name: "The new access token" });
    const secret = (await dialog.locator("[data-token]").textContent()) ?? "";
    assert.match(secret, /^berth_pat_/);
    await check();
    for (const client of ["podman", "Kubernetes", "GitHub", "GitLab"]) {
      await dialog.getByRole("button", { name: client }).click();
      await check();
    }

    await page.keyboard.press("Escape");
    await dialog.getByText("The token has not been copied").waitFor();
    await page.evaluate(
      () =>
        new Promise<void>((resolve) => {
          // The listeners of the page run first.
          addEventListener("popstate", () => requestAnimationFrame(() => resolve()), {
            once: true,
          });
          history.back();
        }),
    );
    assert.ok(await dialog.isVisible());
    await check();
    await dialog.getByRole("button", { name: "Copy token" }).click();
    await dialog.getByRole("button", { name: "Close", exact: true }).click();
    await dialog.waitFor({ state: "detached" });
    await page.reload();
    const row = page.getByRole("row", { name: /pull admin\/app/ });
    await row.getByText("never").waitFor();
    assert.ok(!(await page.content()).includes(secret));

    await logIn("admin", secret);
    await crane("digest", `${host}/admin/app:1.0`);
    await row.getByText("never").waitFor({ state: "detached", timeout: 10_000 });
    await row.getByRole("checkbox", { name: "pull admin/app is active" }).uncheck();
    await page.getByText("0 active").waitFor();
    await assert.rejects(crane("digest", `${host}/admin/app:1.0`), /UNAUTHORIZED|401/);

    await row.getByRole("button", { name: "Delete" }).click();
    await page.getByText(/A client used it last/).waitFor();
    await check();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await page.getByText("No access tokens yet.").waitFor();
  });

  test("changes the password, which ends the session of another browser", async (t) => {
    const here = await visit(server.url, t, { expected: [/400/] });
    const there = await visit(server.url, t, endedElsewhere);
    const password = "another-horse-2";
    await here.signIn("mia");
    await there.signIn("mia");
    await there.open("/settings/profile");
    await here.open("/settings/password");
    await here.check();
    const change = async (current: string) => {
      await here.page.getByLabel("Current password").fill(current);
      await here.page.getByLabel("New password").fill(password);
      await here.page.getByRole("button", { name: "Change password" }).click();
    };
    await change("wrong password");
    await here.page.getByText("this is not the current password").first().waitFor();
    await here.check();
    assert.ok(await there.page.getByLabel("Full name").isVisible());

    await there.page.getByLabel("Full name").fill("Mia, not saved yet");
    await change(adminPassword);
    await here.page.getByText("Your other browsers are signed out").waitFor();
    await sessionEnded(there.page);
    await there.check();
    const dialog = there.page.getByRole("dialog");
    await dialog.getByLabel("Password", { exact: true }).fill(password);
    await dialog.getByRole("button", { name: "Sign in" }).click();
    await dialog.waitFor({ state: "detached" });
    assert.equal(await there.page.getByLabel("Full name").inputValue(), "Mia, not saved yet");
    await there.page.getByRole("button", { name: "Save" }).click();
    await there.page.getByText("Saved").waitFor();
    await here.open("/settings/profile");
    assert.equal(await here.page.getByLabel("Full name").inputValue(), "Mia, not saved yet");
  });

  test("sees the browsers in which they are signed in, and signs one out", async (t) => {
    const here = await visit(server.url, t);
    const there = await visit(server.url, t, endedElsewhere);
    await here.signIn("tom");
    await there.signIn("tom");
    await there.open("/settings/sessions");
    await here.open("/settings/sessions");
    await here.page.getByText("this browser", { exact: true }).waitFor();
    await here.check();
    await here.page.getByRole("button", { name: "Sign out", exact: true }).click();
    await here.page.getByText("The browser must sign in again").waitFor();
    await here.check();
    const dialog = here.page.getByRole("dialog");
    await dialog.getByRole("button", { name: "Sign out" }).click();
    await here.page.getByText("1 browser is signed out").waitFor();
    await sessionEnded(there.page);
    const all = here.page.getByRole("button", { name: "Sign out all others" });
    await all.waitFor();
    assert.ok(await all.isDisabled());
  });

  test("signs out in one tab, and is signed out in the others", async (t) => {
    const { page, context, open, signIn } = await visit(server.url, t);
    await signIn("admin");
    const other = await context.newPage();
    await other.goto(`${server.url}/settings/tokens`);
    await other.getByRole("heading", { name: "New access token" }).waitFor();
    await open("/search");
    await page.getByRole("button", { name: "Account of admin" }).click();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("link", { name: "Sign in" }).waitFor();
    await other.getByText("Sign in to see your settings").waitFor();
    assert.ok(!(await other.content()).includes("New access token"));
  });

  test("signs in and creates a token with the keyboard alone", async (t) => {
    const { page, open } = await visit(server.url, t);
    const keys = page.keyboard;
    await open("/search");
    await tabTo(page, "Sign in");
    await keys.press("Enter");
    await page.waitForURL("**/sign-in?to=%2Fsearch");
    await tabTo(page, "User name");
    await keys.type("lea");
    await tabTo(page, "Password");
    await keys.type(adminPassword);
    await keys.press("Enter");
    await page.waitForURL("**/search");
    await page.getByRole("button", { name: "Account of lea" }).waitFor();
    await tabTo(page, "Account of lea");
    await keys.press("Enter");
    await tabTo(page, "Settings");
    await keys.press("Enter");
    await page.waitForURL("**/settings/profile");
    await tabTo(page, "Access tokens");
    await keys.press("Enter");
    await page.getByLabel("Label").waitFor();
    await tabTo(page, "Label");
    await keys.type("laptop");
    await tabTo(page, "Pull everything that I may pull");
    await keys.press("ArrowDown");
    await tabTo(page, "Create token");
    await keys.press("Enter");
    await page.getByText("Copy it now").waitFor();
    await tabTo(page, "Copy token");
    await keys.press("Enter");
    await tabTo(page, "Close");
    await keys.press("Enter");
    await page.getByRole("row", { name: /laptop.*pull, push/ }).waitFor();
  });

  test("follows the first steps, which are ticked while crane does them", async (t) => {
    const { page, open, signIn, check } = await visit(server.url, t);
    const { crane, folder, logIn } = newCrane();
    await open("/welcome");
    await page.getByText("Sign in, so that this page shows").waitFor();
    await check();
    await signIn("kim");
    await open("/welcome");
    await page.getByText(`docker push ${host}/kim/alpine`).waitFor();
    await page.getByText("waiting …").waitFor();
    await check();
    await page.getByRole("button", { name: "crane" }).click();
    await page.getByText(`crane copy alpine ${host}/kim/alpine`).waitFor();
    await page.getByRole("button", { name: "Windows" }).click();
    await page.getByText(`docker push ${host}/kim/nanoserver:ltsc2022`).waitFor();
    await check();

    const body = { token_label: "first", scopes: ["repo:write"] };
    const issued = (await server.api("POST", "/v2/access-tokens", body, "kim")) as {
      readonly token: string;
    };
    await logIn("kim", issued.token);
    // The login of a client is seen when it uses the token.
    await crane("catalog", host);
    const step = (title: string) =>
      page.getByRole("listitem").filter({ hasText: title }).getByText(/^done/);
    await step("Log in").waitFor({ timeout: 10_000 });
    const layer = path.join(folder, "layer.tar");
    writeFileSync(layer, createTarball([{ path: "notes", content: "first" }]));
    await crane("append", "--oci-empty-base", "-f", layer, "-t", `${host}/kim/alpine`);
    await step("Push an image").waitFor({ timeout: 10_000 });
    await check();
    await page.getByRole("link", { name: "kim/alpine" }).click();
    await page.waitForURL("**/r/kim/alpine");
  });
});

/** Presses Tab until the element with the name has the focus. */
async function tabTo(page: Page, name: string): Promise<void> {
  const passed: string[] = [];
  for (let turn = 0; turn < 80; turn += 1) {
    await page.keyboard.press("Tab");
    const focused = await page.evaluate(() => {
      const element = document.activeElement;
      const label = (element as HTMLInputElement | null)?.labels?.[0]?.textContent;
      return element?.getAttribute("aria-label") ?? label ?? element?.textContent ?? "";
    });
    if (focused.trim() === name) return;
    passed.push(focused.trim());
  }
  assert.fail(`Tab does not reach ${name}: ${passed.join(", ")}`);
}
