import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { visit } from "./support/browser.ts";
import { pushImage, serviceImages } from "./support/content.ts";
import { startServer } from "./support/server.ts";

const server = await startServer();
after(() => server.stop());
const image = serviceImages("1.0")[0] ?? { os: "linux", architecture: "amd64", steps: [] };
for (let number = 0; number < 25; number += 1)
  await pushImage(server.admin, `admin/service-${number}`, "latest", image);

describe("a visitor who moves between pages", () => {
  test("comes back to the place in the list where the link was", async (t) => {
    const { page, open, signIn } = await visit(server.url, t);
    await signIn("admin");
    await open("/search?q=service");
    const last = page.getByRole("link", { name: /^admin\/service-/ }).last();
    await last.scrollIntoViewIfNeeded();
    const top = await page.evaluate(() => scrollY);
    assert.ok(top > 200, `${top} px`);
    await last.click();
    await page.waitForURL("**/r/admin/service-*");
    await page.waitForFunction(() => scrollY === 0);
    await page.goBack();
    await page.waitForFunction((expected) => Math.abs(scrollY - expected) < 2, top);
  });

  test("gets the commands of the client that was chosen last", async (t) => {
    const { page, open, signIn } = await visit(server.url, t);
    await signIn("admin");
    await open("/r/admin/service-2");
    await page.getByRole("button", { name: "podman" }).click();
    await open("/r/admin/service-3");
    await page.getByText("podman pull ").waitFor();
  });

  test("sees data again after a repository was private for a while", async (t) => {
    const { page, open } = await visit(server.url, t, { expected: [/status of 404/] });
    const setPrivate = (isPrivate: boolean) =>
      server.api("PATCH", "/v2/namespaces/admin/repositories/service-1", { is_private: isPrivate });
    await setPrivate(false);
    await open("/r/admin/service-1");
    await page.waitForResponse((answer) => answer.status() === 304);
    await setPrivate(true);
    await page.getByRole("heading", { name: "Not found" }).waitFor();
    await setPrivate(false);
    await page.getByRole("heading", { name: "admin/service-1" }).waitFor();
  });

  test("can load a page anew when its script is gone after an upgrade", async (t) => {
    const { page, open, signIn } = await visit(server.url, t, {
      expected: [/status of 404/, /Failed to fetch dynamically imported module/],
    });
    await signIn("admin");
    await page.route("**/assets/explore-*.js", (route) => route.fulfill({ status: 404, body: "" }));
    await open("/new");
    await page.getByRole("link", { name: "Explore" }).first().click();
    await page.getByText("This could not be loaded.").waitFor();
    await page.unroute("**/assets/explore-*.js");
    await page.getByRole("button", { name: "Try again" }).click();
    await page
      .getByRole("link", { name: /^admin\/service-/ })
      .first()
      .waitFor();
  });
});
