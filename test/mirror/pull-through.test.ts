import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { collect, pushBlob, putManifest } from "../support/berth.ts";
import { bulk, pushUpstream, startMirrorPair, untilHere } from "./support.ts";

describe("a mirror", async () => {
  const pair = await startMirrorPair();
  const { mirror, proxy } = pair;
  const get = (path: string) => mirror.api.get(path).buffer(true).parse(collect);

  test("downloads an image once and serves it from the cache under each form of its name", async () => {
    const image = await pushUpstream(pair, "library/first", "1", bulk(300_000, "first"));
    proxy.reset();
    for (const [name, query] of [
      ["first", ""],
      ["library/first", ""],
      ["docker.io/first", ""],
      ["docker.io/library/first", ""],
      ["library/first", "?ns=docker.io"],
      ["first", "?ns=registry-1.docker.io"],
    ]) {
      const manifest = await get(`/v2/${name}/manifests/1${query}`).expect(200);
      assert.equal(Buffer.compare(manifest.body, image.manifest), 0);
      assert.equal(manifest.headers["docker-content-digest"], image.digest);
      const layer = await get(`/v2/${name}/blobs/${image.layer}${query}`).expect(200);
      assert.equal(Buffer.compare(layer.body, image.layerBytes), 0);
      await get(`/v2/${name}/blobs/${image.config}${query}`).expect(200);
      const ns = new URLSearchParams(query).get("ns") ?? undefined;
      assert.equal(layer.headers["oci-namespace"], ns);
    }
    assert.equal(proxy.count("GET"), 3);
    assert.equal(proxy.count("HEAD"), 0);
  });

  test("sends Cache-Status with a miss for the first request and a hit for the second", async () => {
    const image = await pushUpstream(pair, "library/status", "1", "status");
    const cold = await get("/v2/status/manifests/1").expect(200);
    assert.equal(cold.headers["cache-status"], "Berth; fwd=miss; stored");
    const warm = await get("/v2/status/manifests/1").expect(200);
    assert.match(warm.headers["cache-status"] ?? "", /^Berth; hit; ttl=\d+$/);
    const blob = await get(`/v2/status/blobs/${image.layer}`).expect(200);
    assert.equal(blob.headers["cache-status"], "Berth; fwd=miss; stored");
  });

  test("serves a manifest that it has not cached while the database accepts no writes", async () => {
    const image = await pushUpstream(pair, "library/locked", "1", "locked");
    await mirror.tables.whileWritersWait(async () => {
      const manifest = await get("/v2/locked/manifests/1").expect(200);
      assert.equal(Buffer.compare(manifest.body, image.manifest), 0);
    });
  });

  test("answers a HEAD of a manifest or blob with at most one HEAD to the upstream", async () => {
    const image = await pushUpstream(pair, "library/heads", "1", "for heads");
    proxy.reset();
    const manifest = await mirror.api.head("/v2/heads/manifests/1").expect(200);
    assert.equal(manifest.headers["docker-content-digest"], image.digest);
    assert.equal(manifest.headers["content-length"], String(image.manifest.length));
    const blob = await mirror.api.head(`/v2/heads/blobs/${image.layer}`).expect(200);
    assert.equal(blob.headers["content-length"], "9");
    assert.equal(proxy.count("HEAD"), 2);
    assert.equal(proxy.count("GET"), 0);
    await get("/v2/heads/manifests/1").expect(200);
    assert.equal(proxy.count("GET"), 1);
    assert.equal(proxy.count("HEAD"), 2);
  });

  test("caches the tag after a HEAD of the tag and a GET of its digest", async () => {
    const image = await pushUpstream(pair, "library/resolved", "1", "resolved");
    await mirror.api.head("/v2/resolved/manifests/1").expect(200);
    await get(`/v2/resolved/manifests/${image.digest}`).expect(200);
    await mirror.api.head("/v2/resolved/manifests/1").expect(200);
    // The digest that the HEAD returned is only in memory. The restart proves that the tag is stored.
    await mirror.restart();
    proxy.fail({ kind: "status", status: 500 });
    const found = await get("/v2/resolved/manifests/1").expect(200);
    assert.equal(found.headers["docker-content-digest"], image.digest);
    proxy.fail(undefined);
  });

  test("caches a second tag of a cached manifest after a HEAD", async () => {
    const image = await pushUpstream(pair, "library/again", "1", "again");
    await putManifest(pair.upstream, "library/again", "2", image.manifest).expect(201);
    await get("/v2/again/manifests/1").expect(200);
    await mirror.api.head("/v2/again/manifests/2").expect(200);
    await mirror.restart();
    proxy.fail({ kind: "status", status: 500 });
    await get("/v2/again/manifests/2").expect(200);
    proxy.fail(undefined);
  });

  test("serves ranges of an uncached blob and downloads the blob once", async () => {
    const image = await pushUpstream(pair, "library/ranges", "1", bulk(500_000, "ranges"));
    proxy.reset();
    const part = await get(`/v2/ranges/blobs/${image.layer}`)
      .set("Range", "bytes=200000-200009")
      .expect(206);
    assert.equal(part.headers["content-range"], "bytes 200000-200009/500000");
    assert.equal(Buffer.compare(part.body, image.layerBytes.subarray(200_000, 200_010)), 0);
    const end = await get(`/v2/ranges/blobs/${image.layer}`).set("Range", "bytes=-5").expect(206);
    assert.equal(Buffer.compare(end.body, image.layerBytes.subarray(-5)), 0);
    await get(`/v2/ranges/blobs/${image.layer}`).set("Range", "bytes=500000-").expect(416);
    assert.equal(proxy.count("GET"), 1);
  });

  test("answers 404 for a missing image, and 404 without an upstream request for an unknown registry", async () => {
    const absent = await get("/v2/nowhere/manifests/1").expect(404);
    assert.equal(JSON.parse(absent.body.toString()).errors[0].code, "MANIFEST_UNKNOWN");
    proxy.reset();
    const unknown = await get("/v2/library/first/manifests/1?ns=registry.example.com").expect(404);
    assert.equal(JSON.parse(unknown.body.toString()).errors[0].code, "NAME_UNKNOWN");
    assert.equal(proxy.counts.size, 0);
  });

  test("prefers hosted repositories and never asks the upstream for a name in a hosted namespace", async () => {
    await pushUpstream(pair, "library/both", "1", "theirs");
    await pushUpstream(pair, "ours/secret", "1", "theirs too");
    await pushBlob(mirror, "library/both", "ours");
    await pushBlob(mirror, "ours/app", "ours");
    proxy.reset();
    await get("/v2/both/manifests/1").expect(404);
    await get("/v2/ours/secret/manifests/1").expect(404);
    assert.equal(proxy.counts.size, 0);
    await get("/v2/docker.io/library/both/manifests/1").expect(200);
  });

  test("answers a push to a mirrored name with 405, and a push to another name creates a hosted repository", async () => {
    await mirror.api.post("/v2/docker.io/library/first/blobs/uploads/").expect(405);
    await putManifest(mirror, "docker.io/library/first", "1", {}).expect(405);
    await mirror.api.delete("/v2/docker.io/library/first/manifests/1").expect(405);
    await pushBlob(mirror, "nobody/app", "ours from now on");
    proxy.reset();
    await get("/v2/nobody/app/manifests/1").expect(404);
    assert.equal(proxy.counts.size, 0);
  });

  test("lists the tags and referrers of the upstream", async () => {
    const subject = await pushUpstream(pair, "library/lists", "1", "of lists");
    await pushUpstream(pair, "library/lists", "2", "of lists, too");
    const { manifest } = await pushUpstream(pair, "library/lists", "3", "of lists, three");
    const signature = {
      ...JSON.parse(manifest.toString()),
      artifactType: "application/x.signature",
      subject: {
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        digest: subject.digest,
        size: subject.manifest.length,
      },
    };
    await putManifest(pair.upstream, "library/lists", "sig", signature).expect(201);
    const first = await mirror.api.get("/v2/lists/tags/list?n=2").expect(200);
    assert.deepEqual(first.body, { name: "lists", tags: ["1", "2"] });
    const next = /<([^>]+)>; rel="next"/.exec(first.headers["link"] ?? "")?.[1] ?? "";
    const second = await mirror.api.get(next).expect(200);
    assert.deepEqual(second.body.tags, ["3", "sig"]);
    const found = await get(`/v2/lists/referrers/${subject.digest}`).expect(200);
    assert.equal(JSON.parse(found.body.toString()).manifests.length, 1);
    const other = `/v2/lists/referrers/${subject.digest}?artifactType=application/x.other`;
    assert.equal(JSON.parse((await get(other).expect(200)).body.toString()).manifests.length, 0);
  });

  test("checks a blob of another mirrored repository with one HEAD and does not download it again", async () => {
    const layer = bulk(50_000, "shared");
    const one = await pushUpstream(pair, "library/one", "1", layer);
    const two = await pushUpstream(pair, "library/two", "1", layer);
    await untilHere(mirror, `/v2/one/blobs/${one.layer}`);
    proxy.reset();
    const got = await get(`/v2/two/blobs/${two.layer}`).expect(200);
    assert.equal(Buffer.compare(got.body, two.layerBytes), 0);
    assert.equal(proxy.count("GET"), 0);
    assert.equal(proxy.count("HEAD"), 1);
  });
});
