import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf, type Digest } from "../../../../src/oci/digest.ts";
import { OCI_INDEX } from "../../../../src/oci/media-types.ts";
import { putManifest } from "../../../support/berth.ts";
import { describeSharedApi } from "../../../support/describe-api.ts";
import { artifact, attach, digests, list, readPage, sbom, signature, subject } from "./support.ts";

describeSharedApi("the pages of referrers", (berth) => {
  for (const filter of ["", `&artifactType=${encodeURIComponent(sbom)}`]) {
    test(`following the Links returns every referrer exactly once, for every n${filter && ", filtered"}`, async () => {
      const all = [];
      for (let number = 0; number < 7; number += 1) {
        const annotations = { number: String(number) };
        all.push(await attach(berth(), "pages/one", artifact({ artifactType: sbom, annotations })));
      }
      await attach(berth(), "pages/one", artifact({ artifactType: signature }));
      if (filter === "") all.push(digestOf(artifact({ artifactType: signature })));
      for (const n of [1, 3, 7, 8, 100_000]) {
        const seen: Digest[] = [];
        let path: string | undefined = `/v2/pages/one/referrers/${subject}?n=${n}${filter}`;
        while (path !== undefined) {
          const page = await readPage(berth(), path);
          assert.ok(page.entries.length > 0 && page.entries.length <= n);
          assert.equal(page.filters, filter === "" ? undefined : "artifactType");
          seen.push(...digests(page));
          path = page.next;
        }
        assert.deepEqual(seen, all.toSorted());
      }
    });
  }

  for (const n of ["-1", "x"]) {
    test(`n=${n} is rejected with 400 PAGINATION_NUMBER_INVALID`, async () => {
      const { body } = await berth()
        .api.get(`/v2/pages/one/referrers/${subject}?n=${n}`)
        .expect(400);
      assert.equal(body.errors[0].code, "PAGINATION_NUMBER_INVALID");
    });
  }

  test("every page is smaller than 4 MiB, and the Links return every referrer", async () => {
    const all = [];
    for (let number = 0; number < 6; number += 1) {
      const annotations = { filler: `${number}${"x".repeat(1_000_000)}` };
      all.push(await attach(berth(), "pages/large", artifact({ artifactType: sbom, annotations })));
    }
    const seen: Digest[] = [];
    let pages = 0;
    let path: string | undefined = `/v2/pages/large/referrers/${subject}`;
    while (path !== undefined) {
      const page = await readPage(berth(), path);
      assert.ok(page.bytes < 4_194_304, `${page.bytes}`);
      seen.push(...digests(page));
      pages += 1;
      path = page.next;
    }
    assert.deepEqual(seen, all.toSorted());
    assert.ok(pages > 1);
  });

  test("a page with one referrer whose annotations are almost 4 MiB is at most 4 MiB", async () => {
    const shell = (filler: string): Buffer =>
      Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          manifests: [],
          subject: { mediaType: "a/b", digest: subject, size: 1 },
          annotations: { filler },
        }),
      );
    const manifest = shell("x".repeat(4_194_304 - shell("").length));
    await putManifest(berth(), "pages/huge", digestOf(manifest), manifest, OCI_INDEX).expect(201);
    const { bytes, entries } = await list(berth(), "pages/huge");
    assert.equal(entries.length, 1);
    assert.ok(bytes <= 4_194_304, `${bytes}`);
  });
});
