import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { visit } from "./support/browser.ts";
import { pushImage, serviceImages } from "./support/content.ts";
import { adminPassword, startServer } from "./support/server.ts";

const server = await startServer();
after(() => server.stop());
await pushImage(
  server.admin,
  "admin/app",
  "1.0",
  serviceImages("1.0")[0] ?? { os: "linux", architecture: "amd64", steps: [] },
);
// A browser gives this name no secure context: no clipboard API, no Secure cookies, no Sec-Fetch-Site.
const url = `http://registry.lan:${server.port}`;

describe("plain http with a name of the LAN", () => {
  test("signs in, copies a pull command, and signs out", async (t) => {
    const { page, context, open, signIn, check } = await visit(url, t, {
      hostRules: "MAP registry.lan 127.0.0.1",
      expected: [/401/, /404/],
    });
    await open("/sign-in");
    assert.equal(await page.evaluate(() => isSecureContext), false);
    await page.getByLabel("User name").fill("admin");
    await page.getByLabel("Password", { exact: true }).fill("wrong password");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText(/Incorrect authentication credentials/).waitFor();
    await check();
    await signIn("admin", adminPassword);
    const [cookie] = await context.cookies();
    assert.equal(cookie?.httpOnly, true);
    assert.equal(cookie?.sameSite, "Lax");

    await open("/r/admin/app");
    await page.getByText(`Add "registry.lan:${server.port}" to insecure-registries`).waitFor();
    await page.getByRole("button", { name: "Copy command" }).first().click();
    await page.evaluate(() => {
      const area = document.createElement("textarea");
      area.id = "pasted";
      document.body.append(area);
      area.focus();
    });
    await page.keyboard.press("Control+V");
    assert.equal(
      await page.locator("#pasted").inputValue(),
      `docker pull registry.lan:${server.port}/admin/app:1.0`,
    );
    await page.getByRole("button", { name: "Account of admin" }).click();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("link", { name: "Sign in" }).waitFor();
    // With the cookies of the browser.
    const status = await page.evaluate(async () => (await fetch("/r/admin/app")).status);
    assert.equal(status, 404);
  });
});
