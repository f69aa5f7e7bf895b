import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { collect, startBerth } from "../../support/berth.ts";
import { newGate, openClient } from "../client.ts";
import { bulk, pushUpstream, startMirrorPair, untilHere } from "../support.ts";

describe("a download of a blob through a mirror", async () => {
  const pair = await startMirrorPair({ idle: "1m" });
  const { mirror, proxy } = pair;
  const size = 3_000_000;
  const stallAt = 1_500_000;
  const stalled = async (name: string) => {
    const image = await pushUpstream(pair, `library/${name}`, "1", bulk(size, name));
    const gate = newGate();
    proxy.reset();
    proxy.fail({ kind: "stall", atByte: stallAt, until: gate.until }, /\/blobs\//, 1);
    return { ...image, gate, path: `/v2/${name}/blobs/${image.layer}` };
  };

  test("streams to the first client and to later clients while the bytes arrive, from one upstream request", async () => {
    const { path, gate, layerBytes } = await stalled("streams");
    const first = await openClient(mirror.port, path);
    assert.equal(first.answer.headers["content-length"], String(size));
    await first.read(stallAt);
    const second = await openClient(mirror.port, path);
    assert.equal(second.answer.headers["cache-status"], "Berth; fwd=miss; collapsed");
    await second.read(stallAt);
    const part = await openClient(mirror.port, path, { Range: "bytes=100-199" });
    assert.deepEqual(await part.readAll(), layerBytes.subarray(100, 200));
    const later = openClient(mirror.port, path, { Range: `bytes=${size - 10}-` });
    gate.open();
    assert.equal(Buffer.compare(await first.readAll(), layerBytes), 0);
    assert.equal(Buffer.compare(await second.readAll(), layerBytes), 0);
    assert.deepEqual(await (await later).readAll(), layerBytes.subarray(-10));
    assert.equal(proxy.count("GET"), 1);
  });

  test("completes after its first client disconnects", async () => {
    const { path, gate } = await stalled("abandoned");
    const first = await openClient(mirror.port, path);
    await first.read(1);
    first.answer.destroy();
    gate.open();
    await untilHere(mirror, path);
    assert.equal(proxy.count("GET"), 1);
  });

  test("resumes with a Range request after a restart of the mirror", async () => {
    const { path, gate, layerBytes } = await stalled("restarted");
    const first = await openClient(mirror.port, path);
    await first.read(stallAt);
    const cut = first.readAll().catch((error: NodeJS.ErrnoException) => error.code);
    await mirror.restart();
    assert.equal(await cut, "ECONNRESET");
    gate.open();
    const got = await mirror.api.get(path).buffer(true).parse(collect).expect(200);
    assert.equal(Buffer.compare(got.body, layerBytes), 0);
    const [, range] = /^bytes=(\d+)-$/.exec(proxy.seen.at(-1)?.headers.range ?? "") ?? [];
    assert.ok(Number(range) > 0, "the second request asks for the rest");
  });

  test("makes one upstream request for two processes on one database, and both stream it to their clients", async () => {
    const other = await startBerth(mirror.data, pair.settings, { beside: true });
    after(() => other.close());
    const { path, gate, layerBytes } = await stalled("shared");
    const here = await openClient(mirror.port, path);
    await here.read(stallAt);
    const there = await openClient(other.port, path);
    assert.equal(there.answer.headers["content-length"], String(size));
    gate.open();
    assert.equal(Buffer.compare(await there.readAll(), layerBytes), 0);
    assert.equal(Buffer.compare(await here.readAll(), layerBytes), 0);
    assert.equal(proxy.count("GET"), 1);
  });

  test("continues in the other process when the process that leads it ends", async () => {
    const other = await startBerth(mirror.data, pair.settings, { beside: true });
    const { path, gate, layerBytes } = await stalled("inherited");
    const there = await openClient(other.port, path);
    await there.read(stallAt);
    const here = await openClient(mirror.port, path);
    const rest = here.readAll();
    there.answer.on("error", () => undefined);
    there.answer.destroy();
    await other.close();
    gate.open();
    assert.equal(Buffer.compare(await rest, layerBytes), 0);
  });

  test("makes one upstream request per object for 500 concurrent clients", async () => {
    const image = await pushUpstream(pair, "library/herd", "1", bulk(100_000, "herd"));
    proxy.fail(undefined);
    proxy.reset();
    const pull = async (): Promise<void> => {
      const read = async (path: string) => (await openClient(mirror.port, path)).readAll();
      assert.equal(Buffer.compare(await read("/v2/herd/manifests/1"), image.manifest), 0);
      await read(`/v2/herd/blobs/${image.config}`);
      assert.equal(
        Buffer.compare(await read(`/v2/herd/blobs/${image.layer}`), image.layerBytes),
        0,
      );
    };
    await Promise.all(Array.from({ length: 500 }, pull));
    assert.deepEqual(
      [...proxy.counts.values()],
      [1, 1, 1],
      "a manifest, a config and a layer, once each",
    );
  });
});
