import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { visit } from "./support/browser.ts";
import { pushImage, type ImageContent } from "./support/content.ts";
import { adminPassword, startServer } from "./support/server.ts";

const server = await startServer({
  config: { gc: { lease: "1s", grace: "1s", deleteDelay: "1s", deleteUntagged: true } },
});
after(() => server.stop());

const imageOf = (command: string): ImageContent => ({
  os: "linux",
  architecture: "amd64",
  steps: [[command, 20_000]],
});

const statusOf = async (path: string, user?: string): Promise<number> => {
  const authorization = `Basic ${Buffer.from(`${user ?? ""}:${adminPassword}`).toString("base64")}`;
  const headers = user === undefined ? {} : { authorization };
  const { status } = await fetch(server.url + path, { headers });
  return status;
};

describe("an administrator, on the pages of administration", () => {
  test("creates a user, who signs in, and disables and deletes the user", async (t) => {
    const { page, open, signIn, check } = await visit(server.url, t);
    await signIn("admin");
    await page.getByRole("link", { name: "Admin", exact: true }).click();
    await page.getByText("Worker processes").waitFor();
    await page.getByText("Pulls yesterday").waitFor();
    await page.getByRole("heading", { name: "Largest repositories" }).waitFor();
    await check();

    await page.getByRole("link", { name: "Users" }).click();
    await page.getByRole("button", { name: "New user" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("User name").fill("mia");
    await dialog.getByLabel("Password").fill(adminPassword);
    await dialog.getByText("berth user add mia").waitFor();
    await check();
    await dialog.getByRole("button", { name: "Create user" }).click();
    await page.getByRole("link", { name: "mia" }).waitFor();
    await check();
    const other = await visit(server.url, t);
    await other.signIn("mia");
    await other.context.close();

    await page.getByRole("button", { name: "Manage mia" }).click();
    await check();
    await dialog.getByRole("button", { name: "Make administrator" }).click();
    await dialog.getByRole("button", { name: "Make administrator" }).click();
    await page.getByRole("row", { name: /mia.*Administrator/ }).waitFor();
    assert.equal(await statusOf("/api/berth/v1/admin/overview", "mia"), 200);

    await page.getByRole("button", { name: "Manage mia" }).click();
    await dialog.getByRole("button", { name: "Disable" }).click();
    await dialog.getByText("berth user disable mia").waitFor();
    await dialog.getByRole("button", { name: "Disable" }).click();
    await page.getByText("Disabled").waitFor();
    assert.equal(await statusOf("/api/berth/v1/user", "mia"), 401);

    await page.getByRole("button", { name: "Manage mia" }).click();
    await dialog.getByRole("button", { name: "Delete user" }).click();
    await dialog.getByLabel("Type mia to confirm").fill("mia");
    await check();
    await dialog.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("link", { name: "mia" }).waitFor({ state: "detached" });

    await page.getByRole("button", { name: "Manage admin" }).click();
    await dialog.getByRole("button", { name: "Delete user" }).click();
    await dialog.getByText(/admin is the last administrator/).waitFor();
    await check();
    await open("/admin/users?search=nobody");
    await page.getByText("No user matches.").waitFor();
  });

  test("creates an organisation, sets its quota, and deletes it only without repositories", async (t) => {
    const { page, open, signIn, check } = await visit(server.url, t);
    await signIn("admin");
    await open("/admin/organisations");
    await page.getByRole("button", { name: "New organisation" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name", { exact: true }).fill("ops");
    await dialog.getByLabel("First owner").fill("admin");
    await check();
    await dialog.getByRole("button", { name: "Create organisation" }).click();
    await page.getByRole("link", { name: "ops" }).waitFor();
    await check();
    await pushImage(server.admin, "ops/app", "1", imageOf("ops"));

    await open("/admin/storage");
    await page.getByRole("button", { name: "Set the quota of ops" }).click();
    await dialog.getByLabel("Quota", { exact: true }).fill("a lot");
    await dialog.getByText("Write a size such as 50 GB").waitFor();
    await dialog.getByLabel("Quota", { exact: true }).fill("30 kB");
    await check();
    await dialog.getByRole("button", { name: "Set quota" }).click();
    await page.getByRole("img", { name: /of 30.0 kB used/ }).waitFor();
    await check();
    await assert.rejects(pushImage(server.admin, "ops/app", "2", imageOf("more")), /DENIED|quota/i);

    await page.getByRole("button", { name: "Remove the quota of ops" }).click();
    await dialog.getByRole("button", { name: "Remove quota" }).click();
    await page.getByRole("row", { name: /ops.*no quota/ }).waitFor();
    await pushImage(server.admin, "ops/app", "2", imageOf("more"));

    await open("/admin/organisations");
    await page.getByRole("button", { name: "Delete ops" }).click();
    await dialog.getByText(/ops has repositories \(1\)/).waitFor();
    await check();
    await dialog.getByRole("button", { name: "Close" }).click();
    await server.api("DELETE", "/v2/namespaces/ops/repositories/app");
    await page.getByRole("button", { name: "Delete ops" }).click();
    await dialog.getByLabel("Type ops to confirm").fill("ops");
    await dialog.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("link", { name: "ops" }).waitFor({ state: "detached" });
  });

  test("sees what a collection would delete, and a collection deletes just that", async (t) => {
    const { page, open, signIn, check } = await visit(server.url, t);
    const { digest } = await pushImage(server.admin, "admin/waste", undefined, imageOf("waste"));
    const manifest = `/v2/admin/waste/manifests/${digest}`;
    await new Promise((resolve) => setTimeout(resolve, 2500));
    await signIn("admin");
    await open("/admin/collector");
    await page.getByRole("button", { name: "Dry run" }).click();
    await page.getByRole("heading", { name: "Collection, dry run" }).waitFor();
    await page.getByRole("heading", { name: "What would be deleted" }).waitFor();
    const overview = await visit(server.url, t);
    await overview.signIn("admin");
    await overview.open("/admin");
    await overview.page.getByText(/It would have freed/).waitFor();
    await overview.page.getByRole("link", { name: "admin/waste" }).waitFor();
    await overview.check();
    await overview.context.close();
    await page.getByTitle(digest).first().waitFor();
    await check();
    assert.equal(await statusOf(manifest, "admin"), 200);

    await page.getByRole("button", { name: "Collect now" }).click();
    const dialog = page.getByRole("dialog");
    await check();
    await dialog.getByRole("button", { name: "Collect now" }).click();
    await page.getByRole("heading", { name: "What was deleted" }).waitFor();
    await page.getByTitle(digest).first().waitFor();
    assert.equal(await statusOf(manifest, "admin"), 404);

    await page.getByRole("button", { name: "Scrub now" }).click();
    await dialog.getByRole("button", { name: "Scrub now" }).click();
    await page.getByRole("heading", { name: "What it found" }).waitFor();
    await page.getByText("Nothing.").waitFor();
    await page.getByRole("link", { name: "Uploads and jobs" }).click();
    await page.getByRole("link", { name: "Collection, dry run" }).waitFor();
    await page.getByLabel("Kind").selectOption("scrub");
    await page.getByRole("link", { name: "Collection, dry run" }).waitFor({ state: "detached" });
    await check();
  });

  test("ends an upload, so that its client gets an error", async (t) => {
    const { page, open, signIn, check } = await visit(server.url, t);
    const { authorization = "" } = server.admin;
    const headers = { authorization };
    const begun = await fetch(`${server.url}/v2/admin/half/blobs/uploads/`, {
      method: "POST",
      headers,
    });
    const location = new URL(begun.headers.get("location") ?? "", server.url);
    await fetch(location, { method: "PATCH", headers, body: new Uint8Array(1000) });
    await signIn("admin");
    await open("/admin/uploads");
    await page.getByRole("button", { name: "Delete the upload to admin/half" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText(/The received 1.0 kB are deleted/).waitFor();
    await check();
    await dialog.getByRole("button", { name: "Delete" }).click();
    await page.getByText("No upload is open.").waitFor();
    const { status } = await fetch(location, { headers });
    assert.equal(status, 404);
  });
});

describe("a user who is no administrator", () => {
  const pages = [
    "",
    "/users",
    "/organisations",
    "/storage",
    "/collector",
    "/audit",
    "/keys",
    "/uploads",
  ];

  test("is refused each page with its status", async (t) => {
    await server.api("POST", "/api/berth/v1/admin/users", {
      username: "noor",
      password: adminPassword,
    });
    const { page, signIn, check } = await visit(server.url, t, {
      expected: [/status of 403/],
    });
    await signIn("noor");
    for (const path of pages) {
      const response = await page.goto(`${server.url}/admin${path}`);
      assert.equal(response?.status(), 403, path);
      await page.getByRole("heading", { name: "You may not see this" }).waitFor();
    }
    await check();
    assert.equal(await page.getByRole("link", { name: "Admin", exact: true }).count(), 0);
  });
});
