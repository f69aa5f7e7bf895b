import assert from "node:assert/strict";
import { request } from "node:http";
import path from "node:path";
import process from "node:process";
import { test } from "node:test";
import { digestOf, type Digest } from "../../src/oci/digest.ts";
import { createScratch } from "../clients/support/scratch.ts";
import { pattern } from "../storage/bytes.ts";
import { openStore, runCommand, startProcess, type Process } from "./processes.ts";

const MiB = 2 ** 20;
const manifestType = "application/vnd.oci.image.manifest.v1+json";
const twoWorkers = { BERTH_WORKERS: "2" };
let places = 0;

/** Returns a new data folder and an unused prefix in the bucket. */
function place(): readonly [string, string] {
  places += 1;
  return [path.join(createScratch("s3"), "data"), `server-${process.pid}-${places}`];
}

const send = (url: string, method: string, body?: Uint8Array, headers = {}): Promise<Response> =>
  fetch(url, {
    method,
    redirect: "manual",
    // Each request uses a new connection, because the worker processes accept connections in turn.
    headers: { "Content-Type": "application/octet-stream", Connection: "close", ...headers },
    ...(body && { body: Buffer.from(body) }),
  });

async function begin({ url }: Process): Promise<string> {
  const answer = await send(`${url}/v2/team/app/blobs/uploads/`, "POST");
  assert.equal(answer.status, 202);
  return new URL(answer.headers.get("location") ?? "", url).pathname;
}

async function push({ url }: Process, bytes: Uint8Array): Promise<Digest> {
  const digest = digestOf(bytes);
  const answer = await send(`${url}/v2/team/app/blobs/uploads/?digest=${digest}`, "POST", bytes);
  assert.equal(answer.status, 201, await answer.text());
  return digest;
}

async function pulls({ url }: Process, digest: Digest, bytes: Uint8Array): Promise<void> {
  const answer = await fetch(`${url}/v2/team/app/blobs/${digest}`);
  assert.equal(answer.status, 200);
  assert.equal(Buffer.compare(Buffer.from(await answer.arrayBuffer()), bytes), 0);
}

async function isSound(data: string, prefix: string): Promise<void> {
  const { code, output } = await runCommand(["check"], data, prefix);
  assert.equal(code, 0, output);
}

test("an upload over several connections to two workers completes, and the blob can be pulled", async () => {
  const [data, prefix] = place();
  const one = await startProcess(data, prefix, twoWorkers);
  const bytes = pattern(23 * MiB + 11);
  const location = await begin(one);
  const cuts = [0, 6 * MiB, 6 * MiB + 5, 17 * MiB, bytes.length];
  const { url } = one;
  for (const [index, start] of cuts.slice(0, -1).entries()) {
    const status = await send(`${url}${location}`, "GET");
    assert.equal(status.headers.get("range"), `0-${Math.max(0, start - 1)}`);
    const sent = await send(`${url}${location}`, "PATCH", bytes.subarray(start, cuts[index + 1]));
    assert.equal(sent.status, 202);
  }
  const digest = digestOf(bytes);
  const closed = await send(`${one.url}${location}?digest=${digest}`, "PUT");
  assert.equal(closed.status, 201, await closed.text());
  await pulls(one, digest, bytes);
  await isSound(data, prefix);
});

test("two concurrent pushes of one digest to two workers succeed, and the blob is stored once", async () => {
  const [data, prefix] = place();
  const one = await startProcess(data, prefix, twoWorkers);
  const both = [one, one];
  for (let round = 0; round < 5; round += 1) {
    const bytes = Buffer.concat([pattern(6 * MiB), Buffer.from([round])]);
    await Promise.all(both.map((process) => push(process, bytes)));
    for (const process of both) await pulls(process, digestOf(bytes), bytes);
  }
  let blobs = 0;
  const store = openStore(prefix);
  for await (const _ of store.list()) blobs += 1;
  await store.close();
  assert.equal(blobs, 5);
  await isSound(data, prefix);
});

test("berth gc runs while a server takes pushes and deletes, and no blob of a tagged manifest is deleted", async () => {
  const [data, prefix] = place();
  const env = {
    BERTH_GC_LEASE: "1s",
    BERTH_GC_GRACE: "0s",
    BERTH_GC_DELETE_DELAY: "0s",
    BERTH_GC_DELETE_UNTAGGED: "true",
  };
  const { url, ...rest } = await startProcess(data, prefix, env);
  const pusher = { url, ...rest };
  const kept: { readonly digest: Digest; readonly bytes: Buffer }[] = [];
  let pushing = true;
  const collecting = (async () => {
    while (pushing) {
      const { code, output } = await runCommand(["gc"], data, prefix, env);
      assert.equal(code, 0, output);
    }
  })();
  for (let round = 0; round < 24; round += 1) {
    const bytes = Buffer.from(`the same again and again ${round % 4}`);
    const config = await push(pusher, Buffer.from("{}"));
    const digest = await push(pusher, bytes);
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: manifestType,
        config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: config, size: 2 },
        layers: [
          { mediaType: "application/vnd.oci.image.layer.v1.tar", digest, size: bytes.length },
        ],
      }),
    );
    const target = `${url}/v2/team/app/manifests/${round % 4}`;
    const headers = { "Content-Type": manifestType };
    assert.equal((await send(target, "PUT", manifest, headers)).status, 201);
    await new Promise((resolve) => setTimeout(resolve, 100));
    if (round < 20) {
      assert.equal((await send(target, "DELETE")).status, 202);
      await new Promise((resolve) => setTimeout(resolve, 300));
    } else kept.push({ digest, bytes });
  }
  pushing = false;
  await collecting;
  for (const { digest, bytes } of kept) await pulls(pusher, digest, bytes);
  await isSound(data, prefix);
});

test("after kill -9 a multipart upload can be resumed, and the parts of a cancelled one are deleted", async () => {
  const [data, prefix] = place();
  const bytes = pattern(32 * MiB);
  const first = await startProcess(data, prefix);
  const [lives, dies] = [await begin(first), await begin(first)];
  assert.equal(
    (await send(`${first.url}${lives}`, "PATCH", bytes.subarray(0, 12 * MiB))).status,
    202,
  );
  assert.equal(
    (await send(`${first.url}${dies}`, "PATCH", bytes.subarray(0, 12 * MiB))).status,
    202,
  );
  // The body of the next chunk does not end before the kill.
  const sending = request(`${first.url}${lives}`, { method: "PATCH" });
  sending.on("error", () => undefined);
  sending.write(bytes.subarray(12 * MiB, 26 * MiB));
  const store = openStore(prefix);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  await first.kill();

  const second = await startProcess(data, prefix, { BERTH_LIMITS_UPLOAD_EXPIRY: "7d" });
  const status = await send(`${second.url}${lives}`, "GET");
  const offset = Number(/^0-(\d+)$/.exec(status.headers.get("range") ?? "")?.[1]) + 1;
  assert.ok(offset >= 12 * MiB && offset <= 26 * MiB, `it goes on at ${offset}`);
  assert.equal((await send(`${second.url}${dies}`, "DELETE")).status, 204);
  await second.kill();

  const third = await startProcess(data, prefix);
  const open: string[] = [];
  for await (const upload of store.listUploads()) open.push(upload);
  assert.equal(open.length, 1);
  await send(`${third.url}${lives}`, "PATCH", bytes.subarray(offset));
  const digest = digestOf(bytes);
  const closed = await send(`${third.url}${lives}?digest=${digest}`, "PUT");
  assert.equal(closed.status, 201, await closed.text());
  await pulls(third, digest, bytes);
  for await (const upload of store.listUploads()) assert.fail(`${upload} was left`);
  await store.close();
  await isSound(data, prefix);
});

test("the log at level trace contains no signed URLs and no secrets", async () => {
  const [data, prefix] = place();
  const berth = await startProcess(data, prefix, {
    BERTH_LOG_LEVEL: "trace",
    BERTH_STORAGE_S3_REDIRECT: "true",
  });
  const digest = await push(berth, pattern(1_000));
  const sent = await send(`${berth.url}/v2/team/app/blobs/${digest}`, "GET");
  const location = sent.headers.get("location") ?? "";
  assert.match(location, /X-Amz-Signature=[0-9a-f]{64}/);
  assert.equal((await fetch(location)).status, 200);
  assert.equal((await fetch(location.replace(/Signature=..../, "Signature=0000"))).status, 403);
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.match(berth.said(), /"status":307/);
  for (const secret of ["X-Amz-", "berth-secret"])
    assert.equal(berth.said().includes(secret), false, `${secret} is in the log`);
});
