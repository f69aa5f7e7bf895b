import assert from "node:assert/strict";
import path from "node:path";
import { after, describe, test } from "node:test";
import { createScratch } from "../clients/support/scratch.ts";
import { startDistribution } from "../support/distribution.ts";
import { visit } from "./support/browser.ts";
import { pushIndex, serviceImages } from "./support/content.ts";
import { startServer } from "./support/server.ts";

const upstream = await startDistribution(path.join(createScratch("upstream"), "data"));
after(() => upstream.stop());
await pushIndex(
  { url: upstream.url, authorization: undefined },
  "library/alpine",
  "3.20",
  serviceImages("alpine").slice(0, 2),
);
const server = await startServer({
  config: {
    mirrors: [
      {
        namespace: "hub.example",
        upstream: upstream.url,
        visibility: "public",
        allowPrivateNetwork: true,
        cacheSize: "1GiB",
        ttl: { tag: "1s" },
      },
    ],
  },
});
after(() => server.stop());

const pull = async () => {
  const name = "hub.example/library/alpine";
  const response = await fetch(`${server.url}/v2/${name}/manifests/3.20`, {
    headers: {
      accept: "application/vnd.oci.image.index.v1+json",
      authorization: server.admin.authorization ?? "",
    },
  });
  await response.arrayBuffer();
  return response.status;
};

describe("the pages of mirrors", () => {
  test("shows what was pulled through it, and that cached copies are served while the upstream is stopped", async (t) => {
    const { page, open, signIn, check } = await visit(server.url, t);
    await signIn("admin");
    assert.equal(await pull(), 200);
    await open("/mirrors");
    await page.getByText("answers", { exact: true }).waitFor();
    await check();
    await page.getByRole("link", { name: "hub.example" }).click();
    await page.getByRole("heading", { name: "Figures" }).waitFor();
    await page.getByRole("button", { name: "podman, CRI-O" }).click();
    await page.getByText('location = "hub.example"').waitFor();
    await check();

    await page.getByRole("link", { name: "Show the cached repositories" }).click();
    await page.getByRole("link", { name: "hub.example/library/alpine" }).click();
    await page.getByRole("link", { name: "3.20", exact: true }).first().waitFor();
    await check();

    await upstream.stop();
    await new Promise((resolve) => setTimeout(resolve, 1200));
    for (let turn = 0; turn < 6; turn += 1) assert.equal(await pull(), 200);
    await open("/mirrors/hub.example");
    await page.getByText("does not answer; cached copies are served").waitFor();
    await check();
  });

  test("an administrator adds a mirror, changes its settings and removes it", async (t) => {
    const { page, open, signIn, check } = await visit(server.url, t, {
      expected: [/status of 400/],
    });
    await signIn("admin");
    await open("/mirrors");
    await page.getByRole("button", { name: "Add mirror…" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Namespace").fill("other.example");
    await dialog.getByLabel("Upstream", { exact: true }).fill(upstream.url);
    await dialog.getByLabel("Account at the upstream").fill("mia");
    await dialog.getByLabel("Password of this account").fill("a secret");
    await dialog.getByLabel("Limit of the cache, in GB").fill("2.5");
    await check();
    await dialog.getByRole("button", { name: "Add mirror" }).click();
    await page.getByRole("link", { name: "other.example" }).click();

    await page.getByRole("button", { name: "Settings…" }).click();
    await dialog.getByLabel("Upstream", { exact: true }).fill("https://other.example");
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.getByText("give the password again").waitFor();
    await dialog.getByLabel("Password of this account").fill("another secret");
    await dialog.getByLabel("Only these repositories").fill("library/* team/app");
    await dialog.getByRole("button", { name: "Save" }).click();
    await page.getByText("https://other.example").first().waitFor();
    await page.getByRole("button", { name: "Settings…" }).click();
    assert.equal(await dialog.getByLabel("Limit of the cache, in GB").inputValue(), "2.5");
    const allowed = dialog.getByLabel("Only these repositories");
    assert.equal(await allowed.inputValue(), "library/* team/app");
    await check();
    await dialog.getByRole("button", { name: "Cancel" }).click();

    await page.getByRole("button", { name: "Remove…" }).click();
    await dialog.getByRole("button", { name: "Remove mirror" }).click();
    await page.getByRole("heading", { name: "Mirrors", exact: true }).waitFor();
    await page.getByRole("link", { name: "hub.example" }).waitFor();
    assert.equal(await page.getByRole("link", { name: "other.example" }).count(), 0);
  });
});
