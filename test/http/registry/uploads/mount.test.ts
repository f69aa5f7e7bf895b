import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../../../src/oci/digest.ts";
import { pushBlob } from "../../../support/berth.ts";
import { describeSharedApi } from "../../../support/describe-api.ts";
import { repository } from "./support.ts";

describeSharedApi("mounting a blob", (berth) => {
  test("a mount links a blob of another repository, with or without from", async () => {
    const digest = await pushBlob(berth(), "team/source", "to be mounted");
    for (const [target, query] of [
      ["team/named", "&from=team/source"],
      ["team/unnamed", ""],
    ]) {
      const { headers } = await berth()
        .api.post(`/v2/${target}/blobs/uploads/?mount=${digest}${query}`)
        .expect(201);
      assert.equal(headers["location"], `/v2/${target}/blobs/${digest}`);
      assert.equal(headers["docker-content-digest"], digest);
      await berth().api.get(`/v2/${target}/blobs/${digest}`).expect(200);
    }
  });

  test("a mount of a blob that is not found starts an upload", async () => {
    const missing = digestOf(Buffer.from("nowhere"));
    for (const query of ["", "&from=team/source", "&from=no/such", "&from=NOT%20A%20NAME"]) {
      const { headers } = await berth()
        .api.post(`/v2/${repository}/blobs/uploads/?mount=${missing}${query}`)
        .expect(202);
      assert.ok(headers["location"]);
    }
  });
});
