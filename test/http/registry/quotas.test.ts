import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { after, describe, test } from "node:test";
import { digestOf } from "../../../src/oci/digest.ts";
import { startBerth } from "../../support/berth.ts";
import { temporaryFolder } from "../../support/temporary.ts";

/** Bytes of one blob: more than the server buffers in memory. `BERTH_QUOTA_BLOB` sets another size. */
const blobBytes = Number(process.env["BERTH_QUOTA_BLOB"] ?? 300_000);
const pushes = 10;

const filesIn = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8", withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== "instance")
    .map(({ name }) => name);

for (const workers of ["1", "2"])
  describe(`pushes that exceed the quota of their namespace, with ${workers} process(es)`, async () => {
    const data = path.join(temporaryFolder(), workers);
    mkdirSync(data, { recursive: true });
    const limit = Math.floor((blobBytes * 10) / 3);
    const berth = await startBerth(data, { "quotas.default": String(limit), workers });
    after(() => berth.close());

    test("bytes of open uploads still count against the quota after a restart", async () => {
      const target = "/v2/restarted/app/blobs/uploads/";
      const begin = async (bytes: number) => {
        const { headers } = await berth.api.post(target).expect(202);
        return berth.api
          .patch(String(headers["location"]))
          .set("Content-Type", "application/octet-stream")
          .send(Buffer.alloc(bytes));
      };
      assert.equal((await begin(limit - blobBytes)).status, 202);
      await berth.restart();
      assert.equal((await begin(blobBytes + 1)).status, 403);
      assert.equal((await begin(blobBytes)).status, 202);
    });

    for (const way of ["in one request", "in a session"]) {
      test(`concurrent pushes ${way} succeed up to the quota; the others get 403 and store nothing`, async () => {
        const namespace = way.replaceAll(" ", "-");
        const before = filesIn(path.join(data, "blobs")).length;
        const open = filesIn(path.join(data, "uploads")).length;
        const answers = await Promise.all(
          Array.from({ length: pushes }, async (_, place) => {
            const bytes = randomBytes(blobBytes);
            const target = `/v2/${namespace}/app${place % 2}/blobs/uploads/`;
            const digest = digestOf(bytes);
            const type = "application/octet-stream";
            if (way === "in one request")
              return berth.api
                .post(`${target}?digest=${digest}`)
                .set("Content-Type", type)
                .send(bytes);
            const { headers } = await berth.api.post(target).expect(202);
            const location = String(headers["location"]);
            const patched = await berth.api.patch(location).set("Content-Type", type).send(bytes);
            if (patched.status === 403) return patched;
            return berth.api.put(`${location}&digest=${digest}`);
          }),
        );
        const statuses = answers.map(({ status }) => status).toSorted();
        assert.deepEqual(statuses, [...Array(3).fill(201), ...Array(pushes - 3).fill(403)]);
        const used = 3 * blobBytes;
        for (const { status, body } of answers) {
          if (status !== 403) continue;
          const [error] = body.errors;
          assert.equal(error.code, "DENIED");
          assert.equal(
            error.message,
            `the quota of ${namespace} is ${limit} bytes: ${error.detail.usedBytes} are used, and this upload needs ${blobBytes}`,
          );
          assert.ok(error.detail.usedBytes <= used);
        }
        assert.equal(filesIn(path.join(data, "blobs")).length, before + 3);
        assert.equal(filesIn(path.join(data, "uploads")).length, open);
      });
    }
  });
