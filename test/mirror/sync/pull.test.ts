import assert from "node:assert/strict";
import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { openCommandContext } from "../../../src/app/command-context.ts";
import { openMirrorAdministration } from "../../../src/app/mirrors.ts";
import type { MirrorAdministration } from "../../../src/mirror/administration.ts";
import type { SyncStep } from "../../../src/mirror/sync/pull.ts";
import { systemActor } from "../../../src/database/permissions/authority.ts";
import { collect, pushBlob, putManifest, startBerth, type TestBerth } from "../../support/berth.ts";
import { waitUntil } from "../../support/wait.ts";
import { bulk, newFolder, pushUpstream, startMirrorPair, untilHere } from "../support.ts";

const index = "application/vnd.oci.image.index.v1+json";
const image = "application/vnd.oci.image.manifest.v1+json";

async function withMirrors<T>(
  berth: TestBerth,
  work: (mirrors: MirrorAdministration) => Promise<T>,
): Promise<T> {
  const context = await openCommandContext(berth.config, { store: true });
  try {
    return await work(await openMirrorAdministration(context));
  } finally {
    await context.close();
  }
}

async function all(steps: AsyncIterable<SyncStep>): Promise<SyncStep[]> {
  const done: SyncStep[] = [];
  for await (const step of steps) done.push(step);
  return done;
}

function storedBytes(data: string): number {
  const blobs = path.join(data, "blobs");
  return readdirSync(blobs, { recursive: true, encoding: "utf8" })
    .map((name) => statSync(path.join(blobs, name)))
    .filter((found) => found.isFile())
    .reduce((sum, { size }) => sum + size, 0);
}

test("a sync copies the configured tags and platforms, and a second sync downloads nothing", async () => {
  const schedule = {
    image: "team/app",
    tags: ["1.*"],
    semver: ">=1.5",
    platforms: ["linux/amd64", "windows/amd64"],
  };
  const pair = await startMirrorPair({ schedule: [schedule], ttl: { tag: "0s" } });
  const { upstream, proxy, mirror } = pair;
  for (let minor = 0; minor < 35; minor += 1) {
    const children = [];
    for (const [os, architecture] of [
      ["linux", "amd64"],
      ["linux", "arm64"],
      ["windows", "amd64"],
    ]) {
      const child = await pushUpstream(
        pair,
        "team/app",
        `child-${minor}-${os}-${architecture}`,
        `${minor} ${os} ${architecture}`,
      );
      const platform = { os, architecture };
      children.push({
        mediaType: image,
        digest: child.digest,
        size: child.manifest.length,
        platform,
      });
    }
    const document = { schemaVersion: 2, mediaType: index, manifests: children };
    await putManifest(upstream, "team/app", `1.${minor}`, document, index).expect(201);
  }
  proxy.reset();
  const sync = () =>
    withMirrors(mirror, (mirrors) =>
      all(mirrors.schedules()[0]?.run(false) ?? assert.fail("there is no schedule")),
    );
  const first = await sync();
  assert.deepEqual(
    first.filter(({ kind }) => kind === "failed"),
    [],
  );
  assert.equal(first.filter(({ kind }) => kind === "tag").length, 30);
  // 30 tags with two platforms of one layer each, and one shared config.
  assert.equal(proxy.count("GET", /\/blobs\//), 61);
  assert.equal(proxy.count("GET", /\/manifests\/1\./), 30);
  assert.equal(proxy.count("GET", /\/manifests\/sha256:/), 60);
  proxy.reset();
  const second = await sync();
  assert.equal(second.filter((step) => step.kind === "blob" && step.isNew).length, 0);
  assert.equal(proxy.count("GET", /\/blobs\//), 0);
  assert.equal(proxy.count("GET", /\/manifests\//), 0);
  assert.equal(proxy.count("HEAD", /\/manifests\/1\./), 30);
});

test("a mirror evicts the least recently used blobs above cacheSize, but no pinned or hosted blobs", async () => {
  const pair = await startMirrorPair({ cacheSize: "1MB" });
  const { mirror } = pair;
  const pull = async (name: string) => {
    const pushed = await pushUpstream(pair, `library/${name}`, "1", bulk(200_000, name));
    await mirror.api.get(`/v2/docker.io/library/${name}/manifests/1`).expect(200);
    await untilHere(mirror, `/v2/docker.io/library/${name}/blobs/${pushed.layer}`);
    return { ...pushed, path: `/v2/docker.io/library/${name}/blobs/${pushed.layer}` };
  };
  const pinned = await pull("pinned");
  const hosted = await pull("hosted");
  await pushBlob(mirror, "ours/app", hosted.layerBytes);
  await withMirrors(mirror, async (mirrors) => {
    assert.equal(
      await mirrors.pin(
        systemActor("berth"),
        await mirrors.parseImage("docker.io/library/pinned:1"),
        true,
      ),
      true,
    );
  });
  const old = await pull("old");
  for (let more = 0; more < 12; more += 1) {
    await pull(`more${more}`);
    const bytes = storedBytes(mirror.data);
    assert.ok(bytes <= 1_000_000 + 2 * 200_000, `${bytes} bytes`);
  }
  const status = async (path: string) =>
    (await mirror.api.get(path).buffer(true).parse(collect).expect(200)).headers["cache-status"];
  assert.equal(await status(pinned.path), "Berth; hit");
  assert.equal(await status(hosted.path), "Berth; hit");
  assert.match((await status(old.path)) ?? "", /fwd=miss/);
  await withMirrors(mirror, async (mirrors) => {
    // A blob that a client is reading is evicted a little later.
    await waitUntil("the budget is held", async () => {
      const [report] = await mirrors.report();
      return report !== undefined && report.contents.bytes <= 1_000_000;
    });
    const [report] = await mirrors.report();
    assert.deepEqual(report?.pins, ["docker.io/library/pinned:1"]);
  });
  const { text } = await mirror.api.get("/metrics").expect(200);
  assert.match(text, /^berth_mirror_evicted_blobs_total\{mirror="docker\.io"\} [1-9]/m);
});

test("an eviction deletes no bytes of other repositories before gc.deleteDelay is over", async () => {
  const pair = await startMirrorPair({ cacheSize: "1MB" });
  const { mirror } = pair;
  const digest = await pushBlob(mirror, "ours/app", bulk(300_000, "ours"));
  await mirror.api.delete(`/v2/ours/app/blobs/${digest}`).expect(202);
  for (let image = 0; image < 8; image += 1) {
    const { layer } = await pushUpstream(pair, `library/${image}`, "1", bulk(200_000, `${image}`));
    await mirror.api.get(`/v2/docker.io/library/${image}/manifests/1`).expect(200);
    await untilHere(mirror, `/v2/docker.io/library/${image}/blobs/${layer}`);
  }
  const stored = storedBytes(mirror.data);
  assert.ok(stored <= 300_000 + 1_000_000 + 2 * 200_000, `${stored} bytes: nothing was evicted`);
  const [, hex = ""] = digest.split(":");
  const names = readdirSync(path.join(mirror.data, "blobs"), { recursive: true, encoding: "utf8" });
  assert.ok(names.some((name) => path.basename(name).startsWith(hex)));
});

test("a purge deletes a mirrored repository, and the next pull downloads it again", async () => {
  const pair = await startMirrorPair();
  const pushed = await pushUpstream(pair, "library/purged", "1", "to be purged");
  const blob = `/v2/purged/blobs/${pushed.layer}`;
  await pair.mirror.api.get("/v2/purged/manifests/1").expect(200);
  await untilHere(pair.mirror, blob);
  await withMirrors(pair.mirror, async (mirrors) => {
    await mirrors.purge(systemActor("berth"), await mirrors.parseImage("purged"));
  });
  const { headers } = await pair.mirror.api.get(blob).expect(200);
  assert.match(headers["cache-status"] ?? "", /fwd=miss/);
});

test("/metrics counts hits and misses of a mirror, and answers 404 to addresses outside metrics.allow", async () => {
  const pair = await startMirrorPair();
  await pushUpstream(pair, "library/counted", "1", "counted");
  await pair.mirror.api.get("/v2/counted/manifests/1").expect(200);
  await pair.mirror.api.get("/v2/counted/manifests/1").expect(200);
  let text = "";
  await waitUntil("the hit is counted", async () => {
    ({ text } = await pair.mirror.api.get("/metrics").expect(200));
    return text.includes("\nberth_mirror_hits_total");
  });
  assert.match(text, /^berth_mirror_hits_total\{mirror="docker\.io"\} 1$/m);
  assert.match(text, /^berth_mirror_misses_total\{mirror="docker\.io"\} 1$/m);
  const closed = await startBerth(newFolder(), { "metrics.allow": "10.0.0.0/8" });
  await closed.api.get("/metrics").expect(404);
  await closed.close();
});
