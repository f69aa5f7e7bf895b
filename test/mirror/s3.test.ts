import assert from "node:assert/strict";
import { after, test } from "node:test";
import { s3SettingsOf } from "../support/s3/settings.ts";
import { startS3Stub } from "../support/s3/stub.ts";
import { newGate, openClient } from "./client.ts";
import { bulk, pushUpstream, startMirrorPair, untilHere } from "./support.ts";

const MB = 1_000_000;

/** Starts a mirror on S3, and a client of a layer whose upstream stalls at byte `stallAt`. */
async function stalled(size: number, stallAt: number) {
  const stub = await startS3Stub();
  const pair = await startMirrorPair(
    { idle: "1m" },
    {
      ...s3SettingsOf(stub),
      "storage.s3.partSize": "5MiB",
    },
  );
  after(() => stub.close());
  const { mirror, proxy } = pair;
  const image = await pushUpstream(pair, "library/late", "1", bulk(size, "late"));
  const gate = newGate();
  proxy.fail({ kind: "stall", atByte: stallAt, until: gate.until }, /\/blobs\//, 1);
  const path = `/v2/late/blobs/${image.layer}`;
  const first = await openClient(mirror.port, path);
  const finish = async (): Promise<void> => {
    assert.equal((await first.readAll()).length, size);
    await untilHere(mirror, path);
    assert.equal(proxy.count("GET", /\/blobs\//), 1);
  };
  return { mirror, path, gate, first, bytes: image.layerBytes, finish };
}

test("with blobs in S3, a late client reads the bytes so far from memory", async () => {
  const { mirror, path, gate, first, bytes, finish } = await stalled(14 * MB, 12 * MB);
  await first.read(12 * MB);
  const late = await openClient(mirror.port, path);
  await late.read(12 * MB);
  const range = { Range: `bytes=${11 * MB}-${11 * MB + 9}` };
  const recent = await openClient(mirror.port, path, range);
  assert.deepEqual(await recent.readAll(), bytes.subarray(11 * MB, 11 * MB + 10));
  gate.open();
  assert.equal(Buffer.compare(await late.readAll(), bytes), 0);
  await finish();
});

test("with blobs in S3, a client that needs bytes that have left memory waits and receives the whole blob", async () => {
  const { mirror, path, gate, bytes, finish } = await stalled(76 * MB, 74 * MB);
  const late = await openClient(mirror.port, path);
  const whole = late.readAll();
  gate.open();
  assert.equal(Buffer.compare(await whole, bytes), 0);
  await finish();
});
