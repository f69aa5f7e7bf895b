import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, describe, test } from "node:test";
import { visit } from "./support/browser.ts";
import { pushImage } from "./support/content.ts";
import { startServer } from "./support/server.ts";

const server = await startServer();
after(() => server.stop());

describe("an administrator, on the pages of keys and of the audit log", () => {
  test("rotates and removes a key, and finds it in the audit log", async (t) => {
    const { page, open, signIn, check } = await visit(server.url, t);
    const content = { os: "linux", architecture: "amd64", steps: [["app", 20_000]] } as const;
    await pushImage(server.admin, "admin/app", "1", content);
    await signIn("admin");
    await open("/admin/keys");
    await page.getByRole("button", { name: "Rotate" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText(/The new key signs from now on/).waitFor();
    await dialog.getByRole("button", { name: "Rotate" }).click();
    await page.getByText(/signs now\./).waitFor();
    await page.getByText("verifies", { exact: true }).waitFor();
    await check();
    await page.getByRole("button", { name: /^Remove the key/, disabled: false }).click();
    await dialog.getByText(/Tokens of this key are still valid/).waitFor();
    await check();
    await dialog.getByRole("button", { name: "Remove" }).click();
    await page.getByText("verifies", { exact: true }).waitFor({ state: "detached" });

    await page.getByRole("link", { name: "Audit log" }).click();
    await page.getByText("server key delete").waitFor();
    const downloads = page.waitForEvent("download");
    await page.getByRole("link", { name: "Download as CSV" }).click();
    const saved = readFileSync(await (await downloads).path(), "utf8");
    assert.match(saved, /^time,actor,.*\r\n.*,admin,berth,server\.key\.delete,/);
    await check();
    await page.getByLabel("Account", { exact: true }).fill("nobody");
    await page.getByText("No entry matches.").waitFor();
    await page.getByLabel("Account", { exact: true }).fill("berth");
    await page.getByText("server key create").waitFor();
    assert.equal(await page.getByText("repo tag push").count(), 0);
  });

  test("turns the pages of the audit log to its first entries and back", async (t) => {
    const { page, open, signIn, check } = await visit(server.url, t);
    for (let turn = 0; turn < 30; turn += 1)
      await server.api("PUT", "/api/berth/v1/admin/quotas/admin", { limit: 10_000_000 + turn });
    await signIn("admin");
    await open("/admin/audit?action=org.quota");
    await page.getByText("limitBytes: 10000029").waitFor();
    await page.getByRole("button", { name: "Older entries" }).click();
    await page.getByText("limitBytes: 10000000").waitFor();
    await check();
    await page.getByRole("button", { name: "Newest entries" }).click();
    await page.getByText("limitBytes: 10000029").waitFor();
  });
});
