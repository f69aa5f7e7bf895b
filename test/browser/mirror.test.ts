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

describe("the page of a mirror", () => {
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
});
