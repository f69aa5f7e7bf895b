import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { attach, provenance, spdx, statement } from "./support/attached.ts";
import { visit } from "./support/browser.ts";
import { imageType, passwordClient, pushBlob, pushImage, pushManifest } from "./support/content.ts";
import { startServer } from "./support/server.ts";

/** Text that runs a script if a page takes it for HTML. */
const attack = `<img src=x onerror="document.title='attacked'"><script>document.title='attacked'</script>`;
/** A part of it that must be readable on the page. */
const readable = "<img src=x onerror=";

const server = await startServer();
after(() => server.stop());
const { admin } = server;
const name = "admin/foreign";
const image = await pushImage(admin, name, "1.0", {
  os: "linux",
  architecture: "amd64",
  steps: [
    [`RUN echo ${attack}`, 1000],
    [`ENV X=${attack}`, 0],
  ],
  config: {
    Env: [`X=${attack}`],
    Labels: { [attack]: attack, source: `javascript:document.title='attacked'` },
    Entrypoint: [attack],
    User: attack,
    WorkingDir: attack,
  },
  annotations: { [attack]: attack },
});
const empty = await pushBlob(admin, name, "{}");
await pushManifest(admin, name, "artifact", {
  schemaVersion: 2,
  mediaType: imageType,
  artifactType: "application/vnd.attack+json",
  config: { mediaType: "application/vnd.oci.empty.v1+json", digest: empty, size: 2 },
  layers: [{ mediaType: `text/html`, digest: empty, size: 2, annotations: { title: attack } }],
  annotations: { [attack]: attack },
});
const foreignSpdx = { ...spdx([attack]), name: attack };
const foreignProvenance = {
  ...{ ...provenance, builder: { id: attack }, buildType: `javascript:document.title='attacked'` },
  materials: [{ uri: attack, digest: {} }],
};
const referrer = await attach(admin, name, image, "application/vnd.attack+json", [
  statement(image.digest, "https://spdx.dev/Document", foreignSpdx),
  statement(image.digest, "https://slsa.dev/provenance/v0.2", foreignProvenance),
  statement(attack, attack, {}),
]);
await server.api("PATCH", `/v2/namespaces/admin/repositories/foreign`, {
  description: attack,
  full_description: `${attack}\n\n[x](javascript:document.title='attacked')\n\n<a href="javascript:1">y</a>\n\n# ${attack}`,
  is_private: false,
});
const issued = (await server.api("POST", "/v2/access-tokens", {
  token_label: attack.slice(0, 90),
  scopes: ["repo:admin"],
})) as { readonly token: string };
// The history of this tag has the label of the token.
const byToken = passwordClient(server.url, "admin", issued.token);
await pushImage(byToken, name, "by-token", { os: "linux", architecture: "amd64", steps: [] });
await server.api("PATCH", "/api/berth/v1/user", { full_name: attack.slice(0, 100) });

describe("text of other people", () => {
  for (const [path, isShown] of [
    ["/", true],
    ["/search?q=foreign", true],
    [`/search?q=${encodeURIComponent(attack)}`, true],
    ["/r/admin/foreign", true],
    ["/r/admin/foreign/-/tags", false],
    ["/r/admin/foreign/-/tags/1.0", true],
    ["/r/admin/foreign/-/tags/1.0/manifest", true],
    ["/r/admin/foreign/-/tags/artifact", true],
    ["/r/admin/foreign/-/tags/artifact/manifest", true],
    [`/r/admin/foreign/-/digests/${referrer}`, true],
    ["/r/admin/foreign/-/tags/by-token/history", true],
    ["/r/admin/foreign/-/compare/1.0...1.0", false],
    ["/r/admin/foreign/-/settings", true],
    ["/r/admin/foreign/-/access", true],
    ["/r/admin/foreign/-/activity", false],
    ["/settings/tokens", true],
    ["/settings/sessions", false],
    ["/settings/profile", false],
    ["/u/admin", true],
    ["/admin/users", true],
    ["/admin/audit", false],
    [`/sign-in?to=${encodeURIComponent("javascript:alert(1)")}`, false],
    [`/r/${encodeURIComponent("<script>alert(1)</script>")}`, false],
  ] as const)
    test(`runs no script on ${path}`, async (t) => {
      const { page, signIn } = await visit(server.url, t, {
        expected: [/40[034]/],
        userAgent: `Browser ${attack}`,
      });
      await signIn("admin");
      await page.goto(server.url + path);
      if (isShown) await page.getByText(readable).first().waitFor();
      else await page.waitForTimeout(500);
      assert.ok(!(await page.title()).includes("attacked"));
      assert.equal(await page.locator("img[src='x']").count(), 0);
      assert.equal(await page.locator("a[href^='javascript']").count(), 0);
      if (path.endsWith(referrer))
        for (const card of ["SBOM", "Provenance", "Attestation"])
          await page.getByRole("region", { name: card }).getByText(readable).first().waitFor();
      if (path === "/settings/sessions")
        assert.ok((await page.locator("[title*='<img src=x']").count()) > 0);
      if (path === "/settings/profile")
        assert.ok((await page.getByLabel("Full name").inputValue()).startsWith(readable));
      assert.equal(await page.locator("body script:not([type='application/json'])").count(), 0);
    });
});
