import assert from "node:assert/strict";
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { after, describe, mock, test } from "node:test";
import { packageSchema, type PackageItem } from "../../../src/api/referrers.ts";
import { digestOf } from "../../../src/oci/digest.ts";
import { recentBytes } from "../../../src/registry/recent-blobs.ts";
import { waitUntil } from "../../support/wait.ts";
import { ann, attach, contentsOf, package_, root, spdx } from "./attaching.ts";

async function packagesOf(digest: string, query = ""): Promise<{ names: string[]; count: number }> {
  const url = `${root}/ann/app/-/manifests/${digest}/packages?${query}`;
  const { body } = await ann.api.get(url).expect(200);
  const { count, results } = body as { count: number; results: PackageItem[] };
  return { count, names: results.map((item) => packageSchema.strict().parse(item).name) };
}

describe("GET /api/berth/v1/repositories/NAME/-/manifests/DIGEST/packages", () => {
  test("lists the packages of an SPDX document with versions, licenses and package URLs", async () => {
    const digest = await attach({ content: spdx, type: "application/spdx+json" });
    const { body } = await ann.api
      .get(`${root}/ann/app/-/manifests/${digest}/packages`)
      .expect(200);
    assert.deepEqual((body as { results: unknown }).results, [
      { name: "musl", version: "1.0", license: "MIT", url: null },
      {
        ...{ name: "busybox", version: "1.0", license: "GPL-2.0-only" },
        url: "pkg:apk/alpine/busybox@1.0",
      },
    ]);
  });

  test("lists the components of CycloneDX with their groups and their own components", async () => {
    const component = (name: string, rest: object = {}) => ({
      ...{ type: "library", name, version: "1", ...rest },
    });
    const digest = await attach({
      content: {
        ...{ bomFormat: "CycloneDX", specVersion: "1.6" },
        metadata: { tools: { components: [{ name: "syft", version: "1.2" }] } },
        components: [
          component("core", { group: "@acme", licenses: [{ expression: "MIT OR ISC" }] }),
          component("outer", { components: [component("inner")] }),
          component("file", { type: "file" }),
        ],
      },
    });
    const { layers } = await contentsOf(digest);
    assert.deepEqual(layers[0]?.sbom, {
      ...{ format: "CycloneDX", version: "1.6", name: null, created: null },
      ...{ tools: ["syft 1.2"], package_count: 3 },
    });
    assert.deepEqual(await packagesOf(digest), {
      ...{ count: 3, names: ["@acme/core", "inner", "outer"] },
    });
  });

  test("lists the packages of SPDX 3", async () => {
    const digest = await attach({
      content: {
        "@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld",
        "@graph": [
          { type: "software_Package", name: "musl", software_packageVersion: "1.2" },
          { type: "software_File", name: "/bin/sh" },
        ],
      },
    });
    const { layers } = await contentsOf(digest);
    assert.deepEqual([layers[0]?.sbom?.version, layers[0]?.sbom?.package_count], ["3.0.1", 1]);
    assert.deepEqual(await packagesOf(digest), { count: 1, names: ["musl"] });
  });

  test("finds packages by name, version and license, and pages them", async () => {
    const packages = Array.from({ length: 250 }, (_, at) =>
      package_(`p${at}`, { licenseDeclared: at % 50 === 0 ? "Apache-2.0" : "MIT" }),
    );
    const digest = await attach({ content: { ...spdx, packages } });
    assert.deepEqual(await packagesOf(digest, "query=APACHE&page_size=2&page=2"), {
      ...{ count: 5, names: ["p100", "p150"] },
    });
    assert.deepEqual(await packagesOf(digest, "query=p249"), { count: 1, names: ["p249"] });
    assert.equal((await packagesOf(digest, "page_size=1000")).names.length, 100);
    assert.equal((await packagesOf(digest, "page_size=100&page=3")).names.at(-1), "p249");
  });

  test("is of the first SBOM, or of the layer that is named", async () => {
    const second = { ...spdx, packages: [package_("second")] };
    const digest = await attach({ content: { a: 1 } }, { content: spdx }, { content: second });
    assert.deepEqual((await packagesOf(digest)).names, ["musl", "busybox"]);
    const layer = digestOf(Buffer.from(JSON.stringify(second)));
    assert.deepEqual((await packagesOf(digest, `layer=${layer}`)).names, ["second"]);
  });

  test("is 404 without an SBOM that can be read", async () => {
    const digest = await attach({ content: { a: 1 } });
    const { body } = await ann.api
      .get(`${root}/ann/app/-/manifests/${digest}/packages`)
      .expect(404);
    assert.match(JSON.stringify(body), /no SBOM/);
  });

  test("reads at most 4 documents at once, in the order of the requests", async () => {
    // A smaller document would be in memory since its push.
    const comment = "x".repeat(recentBytes);
    const documents = Array.from({ length: 12 }, (_, at) => ({
      ...{ ...spdx, name: `app ${at}`, comment },
    }));
    const files = documents.map((one) => digestOf(Buffer.from(JSON.stringify(one))).slice(7));
    const attached = await Promise.all(documents.map((content) => attach({ content })));
    const opened: (() => void)[] = [];
    const open = fs.open;
    mock.method(fs, "open", async (...given: Parameters<typeof open>) => {
      // The document is opened when the test lets it.
      if (files.some((file) => String(given[0]).includes(file)))
        await new Promise<void>((resolve) => opened.push(resolve));
      return open(...given);
    });
    syncBuiltinESMExports();
    after(() => {
      mock.restoreAll();
      syncBuiltinESMExports();
    });
    const answers = Promise.all(attached.map((digest) => packagesOf(digest)));
    await waitUntil("4 are opened", () => opened.length >= 4);
    for (let trip = 0; trip < 5; trip += 1) await ann.api.get("/v2/").expect(200);
    assert.equal(opened.length, 4);
    for (const _ of documents) {
      await waitUntil("the next one is opened", () => opened.length > 0);
      opened.shift()?.();
    }
    for (const { count } of await answers) assert.equal(count, 2);
  });
});
