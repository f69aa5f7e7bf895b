import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { visit } from "./support/browser.ts";
import {
  imageType,
  indexType,
  pushImage,
  pushIndex,
  pushManifest,
  serviceImages,
} from "./support/content.ts";
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

const tagCount = async (name: string): Promise<number> =>
  ((await server.api("GET", `/api/berth/v1/repositories/${name}`)) as { tag_count: number })
    .tag_count;

/** Pushes an image under many tags, and one other tag. */
async function pushNightlies(count: number): Promise<void> {
  const image = { os: "linux", architecture: "amd64", steps: [["RUN make", 2_000]] } as const;
  const { digest, size } = await pushImage(server.admin, "admin/nightly", undefined, image);
  const manifest = {
    schemaVersion: 2,
    mediaType: indexType,
    manifests: [{ mediaType: imageType, digest, size }],
  };
  const names = ["stable", ...Array.from({ length: count }, (_, at) => `nightly-${at}`)];
  const push = async (): Promise<void> => {
    for (let tag = names.pop(); tag !== undefined; tag = names.pop())
      await pushManifest(server.admin, "admin/nightly", tag, manifest);
  };
  await Promise.all(Array.from({ length: 10 }, push));
}

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

  test("deletes all tags that match a filter in steps, and stops between two of them", async (t) => {
    const { page, open, signIn, check } = await visit(server.url, t);
    await pushNightlies(1_010);
    await signIn("admin");
    await open("/r/admin/nightly/-/tags?filter=nightly");
    await page.getByLabel("Select all tags on this page").check();
    await page.getByText("50 selected").waitFor();
    await page.getByRole("button", { name: "Select all 1,010 that match" }).click();
    await page.getByText("1,010 selected").waitFor();
    await page.getByRole("button", { name: "Delete…" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText(/these are deleted in 2 steps/).waitFor();
    await check();
    // The first step waits until the button is pressed.
    let go: () => void = () => undefined;
    const pressed = new Promise<void>((resolve) => (go = resolve));
    await page.route("**/-/tag-deletions", async (route) => {
      if (route.request().postDataJSON().dry_run !== true) await pressed;
      await route.continue();
    });
    await dialog.getByRole("button", { name: "Delete 1,010 tags" }).click();
    await dialog.getByText("0 of 1,010 tags deleted").waitFor();
    await check();
    await dialog.getByRole("button", { name: "Stop" }).click();
    go();
    await page.getByText("Stopped: 1,000 tags were deleted, 10 left.").waitFor();
    assert.equal(await tagCount("admin/nightly"), 11);

    await page.getByLabel("Select all tags on this page").check();
    await page.getByRole("button", { name: "Delete…" }).click();
    await dialog.getByRole("button", { name: "Delete 10 tags" }).click();
    await page.getByText("10 tags were deleted.").waitFor();
    assert.equal(await tagCount("admin/nightly"), 1);
  });

  test("writes a README beside its preview, and on a narrow screen in place of it", async (t) => {
    const { page, open, signIn, check } = await visit(server.url, t);
    await signIn("admin");
    await open("/r/admin/app/-/settings");
    const text = page.getByRole("textbox", { name: "README" });
    const preview = page.getByRole("region", { name: "Preview" });
    await text.fill("# Till\n\nTakes *payments*.");
    await preview.getByRole("heading", { name: "Till" }).waitFor();
    await check();
    await page.setViewportSize({ width: 390, height: 844 });
    await preview.waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Preview" }).click();
    await preview.getByText("payments").waitFor();
    assert.equal(await text.count(), 0);
    await page.getByRole("button", { name: "Text" }).click();
    const readme = page.getByRole("region", { name: "README" });
    await readme.getByRole("button", { name: "Save" }).click();
    await readme.getByText("Saved").waitFor();
    const { full_description: saved } = (await server.api(
      "GET",
      "/api/berth/v1/repositories/admin/app",
    )) as { full_description: string };
    assert.equal(saved, "# Till\n\nTakes *payments*.");
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
