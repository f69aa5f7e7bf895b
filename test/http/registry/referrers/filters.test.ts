import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../../../src/oci/digest.ts";
import { OCI_EMPTY } from "../../../../src/oci/media-types.ts";
import { describeSharedApi } from "../../../support/describe-api.ts";
import { artifact, attach, digests, index, list, sbom, signature } from "./support.ts";

describeSharedApi("the artifactType filter of referrers", (berth) => {
  for (const [name, query] of [
    ["encoded", encodeURIComponent(sbom)],
    ["with a bare +", sbom],
  ]) {
    test(`the artifactType filter (${name}) applies, and OCI-Filters-Applied names it`, async () => {
      const wanted = await attach(berth(), "filter/one", artifact({ artifactType: sbom }));
      await attach(berth(), "filter/one", artifact({ artifactType: signature }));
      const page = await list(berth(), "filter/one", `?artifactType=${query}`);
      assert.deepEqual(digests(page), [wanted]);
      assert.equal(page.filters, "artifactType");
    });
  }

  test("a filter without a match answers an empty list with OCI-Filters-Applied", async () => {
    await attach(berth(), "filter/none", artifact({ artifactType: sbom }));
    const page = await list(berth(), "filter/none", "?artifactType=application/none");
    assert.deepEqual([page.entries, page.filters], [[], "artifactType"]);
  });

  test("an answer without a filter has no OCI-Filters-Applied", async () => {
    assert.equal((await list(berth(), "filter/one")).filters, undefined);
  });

  test("a repeated artifactType filter matches any of its values", async () => {
    const both = [
      await attach(berth(), "filter/or", artifact({ artifactType: sbom })),
      await attach(berth(), "filter/or", artifact({ artifactType: signature })),
    ];
    await attach(berth(), "filter/or", artifact({ artifactType: "application/other" }));
    const page = await list(
      berth(),
      "filter/or",
      `?artifactType=${sbom}&artifactType=${signature}`,
    );
    assert.deepEqual(digests(page), both.toSorted());
  });

  test("a filter with 20 artifact types is accepted, one with 21 is rejected with a message", async () => {
    const wanted = await attach(berth(), "filter/many", artifact({ artifactType: sbom }));
    const ask = (count: number): string =>
      ["?artifactType=" + sbom, ...Array.from({ length: count - 1 }, (_, at) => `a/${at}`)]
        .join("&artifactType=")
        .concat(`&artifactType=${sbom}`);
    assert.deepEqual(digests(await list(berth(), "filter/many", ask(20))), [wanted]);
    const subject = digestOf(Buffer.from("any"));
    const { body } = await berth()
      .api.get(`/v2/filter/many/referrers/${subject}${ask(21)}`)
      .expect(400);
    const [error] = (body as { errors: { code: string; message: string }[] }).errors;
    assert.equal(error?.code, "UNSUPPORTED");
    assert.match(error.message, /at most 20 different values of artifactType .* 21 were sent/);
  });

  test("the filter matches the config's media type of an image without artifactType", async () => {
    const digest = await attach(berth(), "filter/config", artifact({}));
    await attach(berth(), "filter/config", index({}));
    const page = await list(
      berth(),
      "filter/config",
      `?artifactType=${encodeURIComponent(OCI_EMPTY)}`,
    );
    assert.deepEqual(digests(page), [digest]);
  });
});
