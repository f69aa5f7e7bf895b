import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { after, describe, test } from "node:test";
import { startDockerd } from "../clients/support/dockerd.ts";
import { createScratch } from "../clients/support/scratch.ts";
import { createTarball } from "../clients/support/tarball.ts";
import { visit } from "./support/browser.ts";
import { adminPassword, startServer } from "./support/server.ts";

const server = await startServer();
after(() => server.stop());
const docker = await startDockerd("dockerd");
const host = `127.0.0.1:${server.port}`;
const image = `${host}/admin/app:1.0`;

/** Makes an image whose only file has this text, and gives it the tag of the registry. */
async function makeImage(text: string): Promise<void> {
  const file = path.join(createScratch("rootfs"), "rootfs.tar");
  writeFileSync(file, createTarball([{ path: "notes", content: text }]));
  await docker("import", file, image);
}

const digestIn = (output: string): string => /digest: (sha256:\w+)/i.exec(output)?.[1] ?? "";

describe("the first image of a new registry", () => {
  test("is pushed with docker, appears on the open page, and a roll-back gives docker the image before", async (t) => {
    const { page, open, signIn, check } = await visit(server.url, t);
    await open("/");
    await page.getByText("There is no public repository yet").waitFor();
    await check();
    await signIn("admin");

    await docker.reading(adminPassword)("login", "-u", "admin", "--password-stdin", host);
    await makeImage("first");
    const first = digestIn((await docker("push", image)).stdout);
    // The page was open before the push and is not loaded again.
    await page.getByRole("link", { name: "admin/app" }).first().waitFor({ timeout: 8000 });

    await page.getByRole("link", { name: "admin/app" }).first().click();
    await page.getByRole("link", { name: "1.0", exact: true }).click();
    await page.getByRole("heading", { name: /admin\/app:1.0/ }).waitFor();
    await page.getByRole("link", { name: /^all/ }).click();
    await page.waitForURL("**/history");
    await makeImage("second");
    const second = digestIn((await docker("push", image)).stdout);
    assert.notEqual(first, second);
    await page.getByRole("button", { name: "Roll back" }).waitFor({ timeout: 8000 });
    await check();

    await page.getByRole("button", { name: "Roll back" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText(/A client with the current image downloads/).waitFor();
    await check();
    await dialog.getByRole("button", { name: "Roll back" }).click();
    await page.getByText(/points at sha256:.* again/).waitFor();
    await docker("image", "rm", image);
    assert.equal(digestIn((await docker("pull", image)).stdout), first);

    await page.getByRole("button", { name: "Undo" }).click();
    await page.getByText("rolled back").nth(1).waitFor({ timeout: 8000 });
    assert.equal(digestIn((await docker("pull", image)).stdout), second);
  });

  test("stays on the page, marked as old, while the registry does not answer, and is fresh after it", async (t) => {
    const { page, open, signIn } = await visit(server.url, t, {
      expected: [/ERR_CONNECTION|Failed to load/],
    });
    await signIn("admin");
    await open("/r/admin/app");
    await page.getByRole("link", { name: "1.0", exact: true }).waitFor();
    await server.kill();
    await page.getByText("The registry does not answer").waitFor({ timeout: 10_000 });
    assert.ok(await page.getByRole("link", { name: "1.0", exact: true }).isVisible());
    await server.start();
    await page
      .getByText("The registry does not answer")
      .waitFor({ state: "detached", timeout: 15_000 });
  });
});
