import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { attach, provenance, signature, spdx, statement } from "./support/attached.ts";
import { visit } from "./support/browser.ts";
import { imageType, pushBlob, pushImage, pushManifest } from "./support/content.ts";
import { startServer } from "./support/server.ts";

const server = await startServer();
after(() => server.stop());
const { admin } = server;
const name = "admin/app";
const image = await pushImage(admin, name, "1.0", {
  os: "linux",
  architecture: "amd64",
  steps: [["ADD rootfs", 3000]],
});
const packages = Array.from({ length: 60 }, (_, at) => `package-${at}`);
const signed = await attach(admin, name, image, "application/vnd.dev.cosign.artifact.sig.v1+json", [
  signature(image.digest),
]);
const attested = await attach(
  admin,
  name,
  image,
  "application/vnd.docker.attestation.manifest.v1+json",
  [
    statement(image.digest, "https://spdx.dev/Document", spdx(packages)),
    statement(image.digest, "https://slsa.dev/provenance/v0.2", provenance),
  ],
);
const broken = await attach(admin, name, image, "application/vnd.example", [
  { type: "application/spdx+json", content: '{"spdxVersion":' },
  { type: "text/plain", content: "hello" },
  signature(`sha256:${"0".repeat(64)}`),
  signature(image.digest),
]);
const empty = await pushBlob(admin, name, "{}");
const longTag = `sha256-${"a".repeat(64)}.sig`;
await pushManifest(admin, name, longTag, {
  ...{ schemaVersion: 2, mediaType: imageType },
  artifactType: `application/vnd.example.${"a".repeat(60)}+json`,
  config: { mediaType: "application/vnd.oci.empty.v1+json", digest: empty, size: 2 },
  layers: [{ mediaType: "application/vnd.example", digest: empty, size: 2 }],
});
const pageOf = (digest: string): string => `${server.url}/r/${name}/-/digests/${digest}`;

test("tags and types without a place to break fit on the pages of tags", async (t) => {
  const { page, signIn, check } = await visit(server.url, t);
  await signIn("admin");
  for (const path of ["tags", `tags/${longTag}`]) {
    await page.goto(`${server.url}/r/${name}/-/${path}`);
    await page
      .getByText(/^artifact application/)
      .first()
      .waitFor();
    await check();
  }
});

describe("the page of a referrer", () => {
  test("is found from the tag, and shows who signed, and that it is not verified", async (t) => {
    const { page, signIn, check } = await visit(server.url, t);
    await signIn("admin");
    await page.goto(`${server.url}/r/${name}/-/tags/1.0/referrers`);
    await page.locator(`a[href$="${signed}"]`).click();
    const card = page.getByRole("region", { name: "Signature" });
    await card.getByText("Berth does not verify signatures").waitFor();
    await card.getByText("https://token.actions.githubusercontent.com").waitFor();
    await card.getByText("123456789").waitFor();
    await check();
    await card.locator(`a[href$="${image.digest}"]`).click();
    await page.getByRole("heading", { name: "Layers" }).waitFor();
    assert.equal(await page.getByRole("region", { name: "Signature" }).count(), 0);
  });

  test("lists the packages of an SBOM in pages, and finds one by its license", async (t) => {
    const { page, signIn, check } = await visit(server.url, t);
    await signIn("admin");
    await page.goto(pageOf(attested));
    const card = page.getByRole("region", { name: "SBOM" });
    await card.getByText("1–25 of 60").waitFor();
    await check();
    await card.getByRole("link", { name: "Next" }).click();
    await card.getByText("26–50 of 60").waitFor();
    await card.getByText("package-30", { exact: true }).waitFor();
    await card.getByLabel("Search packages").fill("apache");
    await card
      .getByText("of 20")
      .or(card.getByText("package-57", { exact: true }))
      .first()
      .waitFor();
    assert.equal(await card.getByRole("row").count(), 21);
    await card.getByLabel("Search packages").fill("nothing like this");
    await card.getByText("No package matches.").waitFor();
  });

  test("shows the builder, the source and the commit of provenance", async (t) => {
    const { page, signIn } = await visit(server.url, t);
    await signIn("admin");
    await page.goto(pageOf(attested));
    const card = page.getByRole("region", { name: "Provenance" });
    for (const text of [
      "https://github.com/acme/app/actions/runs/4711",
      "https://github.com/acme/app.git",
      "c0ffee5",
      "Dockerfile",
    ])
      await card.getByText(text, { exact: true }).waitFor();
  });

  test("says what is broken, unknown, or about another image", async (t) => {
    const { page, signIn, check } = await visit(server.url, t);
    await signIn("admin");
    await page.goto(pageOf(broken));
    await page.getByText("The content is broken and cannot be read.").waitFor();
    await page.getByText("Berth does not know this kind of content.").waitFor();
    const other = page.getByText("It is about another digest than the one");
    await page
      .getByRole("region", { name: "Signature 1" })
      .and(page.getByRole("region").filter({ has: other }))
      .waitFor();
    assert.equal(await other.count(), 1);
    await check();
  });
});
