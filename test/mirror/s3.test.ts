import assert from "node:assert/strict";
import { after, test } from "node:test";
import { startS3Stub } from "../support/s3/stub.ts";
import { newGate, openClient } from "./client.ts";
import { bulk, pushUpstream, startMirrorPair, untilHere } from "./support.ts";

const MB = 1_000_000;

test("with blobs in S3, who comes late waits for what is no longer in memory, and gets it", async () => {
  const stub = await startS3Stub();
  const pair = await startMirrorPair(
    { idle: "1m" },
    {
      "storage.driver": "s3",
      "storage.s3.bucket": "berth",
      "storage.s3.endpoint": stub.endpoint,
      "storage.s3.forcePathStyle": "true",
      "storage.s3.accessKeyId": "berth",
      "storage.s3.secretAccessKey": "berth-secret",
      "storage.s3.partSize": "5MiB",
    },
  );
  after(() => stub.close());
  const { mirror, proxy } = pair;
  const image = await pushUpstream(pair, "library/late", "1", bulk(14 * MB, "late"));
  const gate = newGate();
  proxy.fail({ kind: "stall", atByte: 12 * MB, until: gate.until }, /\/blobs\//, 1);
  const path = `/v2/late/blobs/${image.layer}`;
  const first = await openClient(mirror.port, path);
  const late = await openClient(mirror.port, path);
  const whole = late.readAll();
  // What has just arrived is in memory for anybody.
  const recent = await openClient(mirror.port, path, {
    Range: `bytes=${11 * MB}-${11 * MB + 9}`,
  });
  assert.deepEqual(await recent.readAll(), image.layerBytes.subarray(11 * MB, 11 * MB + 10));
  gate.open();
  assert.equal(Buffer.compare(await whole, image.layerBytes), 0);
  assert.equal(Buffer.compare(await first.readAll(), image.layerBytes), 0);
  await untilHere(mirror, path);
  assert.equal(proxy.count("GET", /\/blobs\//), 1);
});
