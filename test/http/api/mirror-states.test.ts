import assert from "node:assert/strict";
import { test } from "node:test";
import { mirrorSettings, pushUpstream, startMirrorPair } from "../../mirror/support.ts";
import { startClosedBerth } from "../../support/closed.ts";
import { waitUntil } from "../../support/wait.ts";
import { hubAs, textOf } from "../hub/support.ts";

const base = "/api/berth/v1/mirrors";
const hub = `${base}/docker.io`;

test("a job that downloads a large blob ends when it is canceled, and not with the blob", async () => {
  const pair = await startMirrorPair();
  await pushUpstream(pair, "library/large", "1", "x".repeat(4_000_000));
  // The blob takes 400 s.
  pair.proxy.rate(10_000);
  const berth = await startClosedBerth(mirrorSettings(pair.proxy.url));
  await berth.addUser("root", { is_admin: 1 });
  const root = await hubAs(berth, "root");
  const started = await root("post", `${hub}/warm`, { image: "library/large:1" });
  const at = started.headers["location"] ?? "";
  await waitUntil("the manifest is here", async () => {
    const { counts } = (await root("get", at)).body;
    return Number(counts?.["manifests"]) === 1;
  });
  assert.equal((await root("delete", at)).status, 204);
  await waitUntil("the job has ended", async () => {
    return textOf((await root("get", at)).body["state"]) === "canceled";
  });
});

test("a private mirror is hidden from clients that may read nothing of it", async () => {
  const settings = mirrorSettings("https://127.0.0.1:9", { visibility: "private", root: false });
  const berth = await startClosedBerth(settings);
  await berth.addUser("mia");
  await berth.addUser("root", { is_admin: 1 });
  const [root, mia] = [await hubAs(berth, "root"), await hubAs(berth, "mia")];
  assert.equal((await root("get", base)).body["count"], 1);
  assert.equal((await mia("get", base)).body["count"], 0);
  assert.equal((await mia("get", hub)).status, 404);
  assert.deepEqual((await mia("get", hub)).body, (await mia("get", `${base}/none`)).body);
  const namespace = "/api/berth/v1/namespaces/docker.io";
  assert.equal((await root("get", namespace)).body["is_mirror"], true);
  // The organisation of the namespace is known, as every organisation.
  assert.equal((await mia("get", namespace)).body["is_mirror"], false);
});

test("the limit that an upstream tells is shown until its time", async () => {
  const berth = await startClosedBerth(mirrorSettings("https://127.0.0.1:9"));
  await berth.addUser("root", { is_admin: 1 });
  const root = await hubAs(berth, "root");
  const set = (name: string, value: number): Promise<void> =>
    berth.exec(`INSERT INTO mirror_counters VALUES ('docker.io', '${name}', ${value})`);
  const soonMs = Math.ceil(Date.now() / 1000) * 1000 + 600_000;
  await set("upstreamLimit", 100);
  await set("upstreamRemaining", 73);
  await set("upstreamLimitEndsAt", soonMs);
  const until = new Date(soonMs).toISOString();
  const { numbers } = (await root("get", hub)).body;
  assert.deepEqual(numbers?.["upstream_limit"], { requests: 100, remaining: 73, until });
  await set("upstreamLimitedUntil", soonMs);
  const { health } = (await root("get", hub)).body;
  assert.deepEqual(health, { state: "limited", until, since: null, reason: null });
  await berth.exec("UPDATE mirror_counters SET value = 1 WHERE name LIKE 'upstreamLimit%'");
  const after = (await root("get", hub)).body;
  assert.equal(after["health"]?.["state"], "ok");
  assert.equal(after["numbers"]?.["upstream_limit"], null);
});
