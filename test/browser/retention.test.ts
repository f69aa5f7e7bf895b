import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { waitUntil } from "../support/wait.ts";
import { visit } from "./support/browser.ts";
import { pushIndex, serviceImages } from "./support/content.ts";
import { startServer } from "./support/server.ts";

const server = await startServer();
after(() => server.stop());
for (const version of ["pr-1", "pr-2", "1.0", "1.1", "1.2"])
  await pushIndex(server.admin, "admin/app", version, serviceImages(version));

const tagNames = async (): Promise<string> => {
  const { results } = (await server.api("GET", "/api/berth/v1/repositories/admin/app/-/tags")) as {
    readonly results: readonly { readonly name: string }[];
  };
  return results.map(({ name }) => name).join(" ");
};

describe("the owner of a repository", () => {
  test("sees what retention rules delete before they are saved, and runs them", async (t) => {
    const { page, open, signIn, check } = await visit(server.url, t);
    await signIn("admin");
    await open("/r/admin/app/-/settings");
    const card = page.getByRole("region", { name: "Retention" });
    await card.getByText("No rules: all tags stay.").waitFor();
    await card.getByRole("button", { name: "Add rule" }).click();
    const [first, second] = [1, 2].map((at) => card.getByRole("group", { name: `Rule ${at}` }));
    assert.ok(first && second);
    await first.getByLabel("Keep the newest").fill("1");
    await card.getByLabel("Delete manifests without a tag after days").fill("7");
    await card.getByRole("button", { name: "Show what it deletes" }).click();
    await card
      .getByText(/It deletes 4 tags and 0 manifests.*1 tag stays.*It frees [\d.]+ kB/)
      .waitFor();
    await card.getByRole("button", { name: "Add rule" }).click();
    await second.getByLabel("Tags that match").fill("pr-.*");
    await second.getByLabel("Keep all of them").check();
    await card.getByText(/It deletes 2 tags and 0 manifests/).waitFor();
    await card.getByRole("row", { name: /1\.1 rule 1: nothing keeps it/ }).waitFor();
    await check();

    await card.getByRole("button", { name: "Save" }).click();
    await page.getByText("The retention rules are saved.").waitFor();
    assert.equal(await tagNames(), "1.0 1.1 1.2 pr-1 pr-2");
    await card.getByRole("button", { name: "Run now…" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Run now" }).click();
    await page.getByText("Retention runs.").waitFor();
    await open("/r/admin/app/-/activity");
    await page.getByText("started retention").waitFor();
    await page.getByText("changed the retention rules").waitFor();
    await check();
    await waitUntil("the run has ended", async () => (await tagNames()) === "1.2 pr-1 pr-2");
  });

  test("replaces the rules of the namespace, and uses them again", async (t) => {
    const { page, open, signIn } = await visit(server.url, t);
    await pushIndex(server.admin, "admin/other", "1", serviceImages("1"));
    await server.api("PUT", "/api/berth/v1/namespaces/admin/retention", {
      rules: [{ keep_newest: 30 }],
    });
    await signIn("admin");
    await open("/r/admin/other/-/settings");
    const card = page.getByRole("region", { name: "Retention" });
    await card.getByText("These are the rules of admin.").waitFor();
    await card.getByRole("button", { name: "Remove rule 1" }).click();
    await card.getByRole("button", { name: "Save" }).click();
    await card.getByText("No rules: all tags stay.").waitFor();
    await card.getByRole("button", { name: "Remove own rules" }).click();
    await card.getByText("These are the rules of admin.").waitFor();
    assert.equal(await card.getByLabel("Keep the newest").inputValue(), "30");
  });
});
