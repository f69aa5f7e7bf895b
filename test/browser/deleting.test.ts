import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { visit } from "./support/browser.ts";
import { pushIndex, serviceImages } from "./support/content.ts";
import { startServer } from "./support/server.ts";

const server = await startServer({ config: { gc: { deleteUntagged: true } } });
after(() => server.stop());
for (const version of ["1.0", "1.1", "2.0.0"])
  await pushIndex(server.admin, "admin/app", version, serviceImages(version));
await server.api("PATCH", "/v2/namespaces/admin/repositories/app/immutabletags", {
  immutable_tags: true,
  immutable_tags_rules: [String.raw`v?\d+\.\d+\.\d+`],
});

const tagNames = async (): Promise<readonly string[]> => {
  const { results } = (await server.api("GET", "/api/berth/v1/repositories/admin/app/-/tags")) as {
    readonly results: readonly { readonly name: string }[];
  };
  return results.map(({ name }) => name);
};

describe("the owner of a repository", () => {
  test("sees what the deletion of tags frees and what stays, before it is done", async (t) => {
    const { page, open, signIn, check } = await visit(server.url, t);
    await signIn("admin");
    await open("/r/admin/app/-/tags");
    for (const tag of ["1.0", "2.0.0"]) await page.getByLabel(`Select ${tag}`).check();
    await page.getByRole("button", { name: "Delete…" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText(/It frees [\d.]+ kB, after the collector ran/).waitFor();
    await dialog.getByText(/1 tag is immutable/).waitFor();
    await check();
    assert.deepEqual(await tagNames(), ["1.0", "1.1", "2.0.0"]);
    await dialog.getByRole("button", { name: "Delete 1 tag" }).click();
    await page.getByText("1 tag was deleted.").waitFor();
    assert.deepEqual(await tagNames(), ["1.1", "2.0.0"]);
  });

  test("must type the name of a repository, and is told why an immutable tag stays", async (t) => {
    const { page, open, signIn, check } = await visit(server.url, t, { expected: [/403/] });
    await signIn("admin");
    await open("/r/admin/app/-/tags/2.0.0");
    await page.getByRole("button", { name: "Tag", exact: true }).click();
    await page.getByRole("button", { name: "Delete tag…" }).click();
    await page
      .getByText(/2.0.0 is immutable/)
      .first()
      .waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Delete tag" }).click();
    await page.getByRole("alert").waitFor();
    await page.keyboard.press("Escape");

    await open("/r/admin/app/-/settings");
    await page
      .getByText(/Deleting frees/)
      .first()
      .waitFor();
    await check();
    await page.getByRole("button", { name: "Delete repository…" }).click();
    const dialog = page.getByRole("dialog");
    const button = dialog.getByRole("button", { name: "Delete repository" });
    assert.ok(await button.isDisabled());
    await dialog.getByLabel("Type admin/app to confirm").fill("admin/app");
    await check();
    await button.click();
    await page.waitForURL("**/u/admin");
    await assert.rejects(server.api("GET", "/api/berth/v1/repositories/admin/app"), /404/);
  });
});
