import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { visit } from "./support/browser.ts";
import { pushImage, pushIndex, serviceImages } from "./support/content.ts";
import { startServer } from "./support/server.ts";

const server = await startServer();
after(() => server.stop());
for (const [version, tags] of [
  ["2.7.4", ["2.7.4", "2.7"]],
  ["2.8.0", ["2.8.0", "2.8", "latest"]],
] as const)
  for (const tag of tags)
    await pushIndex(server.admin, "admin/payments", tag, serviceImages(version));
await pushImage(
  server.admin,
  "admin/tools",
  "latest",
  serviceImages("tools")[0] ?? { os: "linux", architecture: "amd64", steps: [] },
);
await server.api("PATCH", "/v2/namespaces/admin/repositories/payments", {
  is_private: false,
  description: "Takes card payments",
  full_description: "# Payments\n\nTakes **cards**.\n\n```sh\ndocker run payments\n```",
});

describe("a reader without an account", () => {
  test("finds a repository by search and filters, and comes back to the same address", async (t) => {
    const { page, open, check } = await visit(server.url, t);
    await open("/");
    await check();
    await page.getByRole("combobox", { name: "Search repositories" }).fill("paym");
    await page.getByRole("option", { name: "admin/payments" }).waitFor();
    await page.keyboard.press("Enter");
    await page.waitForURL("**/search?q=paym");
    await page.getByRole("heading", { name: /1 repository for/ }).waitFor();
    await page.getByRole("checkbox", { name: /^Windows/ }).check();
    await page.waitForURL("**/search?q=paym&os=windows");
    await check();
    await page.getByRole("link", { name: "admin/payments" }).click();
    await page.waitForURL("**/r/admin/payments");
    await page.getByRole("heading", { name: "Payments", exact: true }).waitFor();
    await check();
    await page.goBack();
    assert.ok(await page.getByRole("checkbox", { name: /^Windows/ }).isChecked());
  });

  test("sees the pulls per day with the tags that were pushed, also as a table", async (t) => {
    const { page, open, check } = await visit(server.url, t);
    await open("/r/admin/payments/-/activity");
    await page.getByRole("heading", { name: /pulls? in 30 days/ }).waitFor();
    assert.equal(await page.locator(".releases line").count(), 1);
    await page.getByText("Days with pushed tags, as a table").click();
    await page.getByRole("table").getByRole("link", { name: "2.7.4" }).waitFor();
    await check();
    await page.getByLabel("Period").selectOption("90 days");
    await page.waitForURL("**/activity?days=90");
    await page.getByRole("heading", { name: /pulls? in 90 days/ }).waitFor();
  });

  test("sees how many repositories each filter has, and where a search found its words", async (t) => {
    const { page, open, check } = await visit(server.url, t);
    await open("/search?q=cards");
    const row = page.getByRole("listitem").filter({ hasText: "admin/payments" });
    await row.getByText("Found in the README.").waitFor();
    const windows = page.locator("aside label", { hasText: /^Windows/ });
    assert.equal(await windows.locator(".n").textContent(), "1");
    assert.equal(await page.locator("aside label", { hasText: "Server 2022" }).count(), 1);
    await check();
    await open("/search?q=card");
    await row.getByText("Found in the description.").waitFor();
    await open("/search?q=pay");
    await row.waitFor();
    assert.equal(await page.getByText("Found in").count(), 0);
    await windows.click();
    await page.waitForURL("**/search?q=pay&os=windows");
    const linux = page.locator("aside label", { hasText: /^Linux/ });
    assert.equal(await linux.locator(".n").textContent(), "1");
  });

  test("sees the rows of a page without a request after the HTML", async (t) => {
    const { page, open } = await visit(server.url, t);
    for (const [path, row] of [
      ["/search", "admin/payments"],
      ["/r/admin/payments", "by admin"],
      ["/r/admin/payments/-/tags", "by admin"],
      ["/r/admin/payments/-/tags/2.8.0", "Platforms"],
    ] as const) {
      // No call of the API is answered before the rows are there.
      let show = (): void => undefined;
      const isShown = new Promise<void>((resolve) => (show = resolve));
      const isCall = (url: URL): boolean => /^\/(?:api|v2)\//.test(url.pathname);
      await page.route(isCall, async (route) => {
        await isShown;
        await route.continue().catch(() => undefined);
      });
      await open(path);
      await page.getByText(row).first().waitFor();
      show();
      await page.unroute(isCall);
    }
  });

  test("reads a tag: platforms, layers, configuration, manifest", async (t) => {
    const { page, open, check } = await visit(server.url, t);
    await open("/r/admin/payments/-/tags/2.8");
    await page.getByText("COPY package-lock.json").waitFor();
    await check();
    await page.getByLabel(/Windows 2022/).check();
    await page.getByText("ContainerUser").waitFor();
    await page.waitForURL(/platform=windows/);
    await page.getByRole("link", { name: "Manifest" }).click();
    await page.getByText('"schemaVersion":2').waitFor();
    await check();
    await page.getByRole("link", { name: "History" }).click();
    await page.getByText("by admin").first().waitFor();
    await check();
  });

  test("gets the same 404 page for a private and for a missing repository", async (t) => {
    const { page, open, check } = await visit(server.url, t, { expected: [/404/, /401/] });
    for (const path of ["/r/admin/tools", "/r/admin/missing"]) {
      await open(path);
      await page.getByRole("heading", { name: "Not found" }).waitFor();
      await page.getByText("or you may not see it").waitFor();
    }
    await check();
  });
});
