import fc from "fast-check";
import assert from "node:assert/strict";
import { Agent, request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { describe, test } from "node:test";
import { digestOf, type Digest } from "../../../src/oci/digest.ts";
import * as types from "../../../src/oci/media-types.ts";
import {
  collect,
  describeSharedApi,
  pushBlob,
  pushImageParts,
  putManifest,
  type TestBerth,
} from "../../support/berth.ts";

const pathOf = (repository: string, reference: string): string =>
  `/v2/${repository}/manifests/${reference}`;

const nowhere = digestOf(Buffer.from("never pushed"));

/** Reads a manifest with status 200 and returns its bytes. */
async function read(berth: TestBerth, repository: string, reference: string): Promise<Buffer> {
  const got = await berth.api
    .get(pathOf(repository, reference))
    .buffer(true)
    .parse(collect)
    .expect(200);
  return got.body;
}

/** An index manifest of exactly this size in bytes. */
function manifestOf(size: number): Buffer {
  const text = (filler: string): string =>
    JSON.stringify({ schemaVersion: 2, mediaType: types.OCI_INDEX, manifests: [], filler });
  return Buffer.from(text("x".repeat(size - text("").length)));
}

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** Sends a request with only these headers; without a Content-Length the body is chunked. */
function send(
  berth: TestBerth,
  method: string,
  path: string,
  options: { headers?: Record<string, string>; pieces?: readonly Buffer[]; agent?: Agent } = {},
): Promise<Answer> {
  const { headers = {}, pieces = [], agent } = options;
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { port: berth.port, path, method, headers, ...(agent && { agent }) },
      (response) => {
        const parts: Buffer[] = [];
        response.on("data", (part: Buffer) => parts.push(part));
        response.on("end", () =>
          resolve({
            status: response.statusCode,
            headers: response.headers,
            text: Buffer.concat(parts).toString(),
          }),
        );
      },
    );
    request.on("error", reject);
    for (const piece of pieces) request.write(piece);
    request.end();
  });
}

describeSharedApi("manifests", (berth) => {
  const pushImage = async (repository: string, tag: string, layer = "a layer") => {
    const image = await pushImageParts(berth(), repository, { layer });
    await putManifest(berth(), repository, tag, image.manifest).expect(201);
    return image;
  };
  const tagsOf = async (repository: string): Promise<unknown> =>
    (await berth().api.get(`/v2/${repository}/tags/list`)).body.tags;

  describe("pushing", () => {
    test("a push by tag answers the manifest's Location, and clients read it by tag and by digest", async () => {
      const image = await pushImageParts(berth(), "push/tag");
      const { headers } = await putManifest(berth(), "push/tag", "1", image.manifest).expect(201);
      assert.equal(headers["location"], pathOf("push/tag", image.digest));
      assert.equal(headers["docker-content-digest"], image.digest);
      assert.equal(headers["content-length"], "0");
      assert.equal(headers["oci-subject"], undefined);
      assert.equal(headers["oci-tag"], undefined);
      assert.deepEqual(await read(berth(), "push/tag", "1"), image.manifest);
      assert.deepEqual(await read(berth(), "push/tag", image.digest), image.manifest);
    });

    test("a push by digest creates no tag", async () => {
      const image = await pushImageParts(berth(), "push/digest");
      await putManifest(berth(), "push/digest", image.digest, image.manifest).expect(201);
      assert.deepEqual(await read(berth(), "push/digest", image.digest), image.manifest);
      assert.deepEqual(await tagsOf("push/digest"), []);
    });

    test("a manifest is served with the exact pushed bytes, including white space and unknown fields", async () => {
      const { config } = await pushImageParts(berth(), "push/exact");
      const odd = Buffer.from(
        `{ "layers" : [ ],\n\t"org.example" : {"b":1,"a":[2.50]}, "schemaVersion":2,
         "config":{"size":2,"digest":"${config}","mediaType":"application/vnd.example\\u002bjson"}}\r\n `,
      );
      await putManifest(berth(), "push/exact", "odd", odd).expect(201);
      assert.deepEqual(await read(berth(), "push/exact", "odd"), odd);
    });

    test("a second push of the same manifest is answered 201", async () => {
      const image = await pushImage("push/again", "1");
      await putManifest(berth(), "push/again", "1", image.manifest).expect(201);
      await putManifest(berth(), "push/again", image.digest, image.manifest).expect(201);
      assert.deepEqual(await tagsOf("push/again"), ["1"]);
    });

    test("a tag that is pushed again points at the new manifest at once; the old manifest is kept", async () => {
      const before = await pushImage("push/moved", "1", "before");
      const after = await pushImage("push/moved", "1", "after");
      const { headers } = await berth().api.head(pathOf("push/moved", "1")).expect(200);
      assert.equal(headers["docker-content-digest"], after.digest);
      assert.deepEqual(await read(berth(), "push/moved", before.digest), before.manifest);
    });

    test("a push by a digest that does not match the bytes is rejected and not stored", async () => {
      const image = await pushImageParts(berth(), "push/wrong");
      const padded = Buffer.concat([image.manifest, Buffer.from("  ")]);
      const { body } = await putManifest(berth(), "push/wrong", image.digest, padded).expect(400);
      assert.equal(body.errors[0].code, "DIGEST_INVALID");
      await berth().api.get(pathOf("push/wrong", image.digest)).expect(404);
      await berth()
        .api.get(pathOf("push/wrong", digestOf(padded)))
        .expect(404);
    });

    for (const [reference, code] of [
      ["sha256:baddigeststring", "DIGEST_INVALID"],
      ["md5:d41d8cd98f00b204e9800998ecf8427e", "DIGEST_INVALID"],
      ["-starts-with-a-dash", "TAG_INVALID"],
      ["a".repeat(129), "TAG_INVALID"],
      ["a%2Fb", "TAG_INVALID"],
      ["%C3%A9", "TAG_INVALID"],
    ] as const) {
      test(`a push and a pull of the invalid reference ${reference.slice(0, 30)} are rejected with 400`, async () => {
        const image = await pushImageParts(berth(), "push/reference");
        const put = await putManifest(berth(), "push/reference", reference, image.manifest);
        assert.deepEqual([put.status, put.body.errors?.[0].code], [400, code]);
        const got = await berth().api.get(pathOf("push/reference", reference)).expect(400);
        assert.equal(got.body.errors[0].code, code);
      });
    }

    test("a tag of 128 characters is accepted", async () => {
      const image = await pushImageParts(berth(), "push/long");
      const tag = `_${"A.-".repeat(42)}z`;
      assert.equal(tag.length, 128);
      await putManifest(berth(), "push/long", tag, image.manifest).expect(201);
      assert.deepEqual(await read(berth(), "push/long", tag), image.manifest);
    });

    test("a push of a manifest with a subject is answered with OCI-Subject", async () => {
      const subject = { mediaType: types.OCI_MANIFEST, digest: nowhere, size: 7 };
      const image = await pushImageParts(berth(), "push/subject", { extra: { subject } });
      const { headers } = await putManifest(
        berth(),
        "push/subject",
        image.digest,
        image.manifest,
      ).expect(201);
      assert.equal(headers["oci-subject"], nowhere);
    });

    test("a push without a Content-Type takes the type from mediaType, or else from the fields", async () => {
      const image = await pushImageParts(berth(), "push/untyped");
      const { mediaType, ...untyped } = JSON.parse(image.manifest.toString());
      const emptyIndex = { schemaVersion: 2, manifests: [] };
      for (const [tag, document, expected] of [
        ["said", { ...untyped, mediaType }, types.OCI_MANIFEST],
        ["config", untyped, types.OCI_MANIFEST],
        ["manifests", emptyIndex, types.OCI_INDEX],
      ]) {
        const pieces = [Buffer.from(JSON.stringify(document))];
        const put = await send(berth(), "PUT", pathOf("push/untyped", tag), { pieces });
        assert.equal(put.status, 201, put.text);
        const { headers } = await berth().api.head(pathOf("push/untyped", tag)).expect(200);
        assert.equal(headers["content-type"], expected);
      }
    });

    test("the stored media type has no Content-Type parameters", async () => {
      const image = await pushImageParts(berth(), "push/charset");
      const type = `${types.OCI_MANIFEST}; charset=utf-8`;
      await putManifest(berth(), "push/charset", "1", image.manifest, type).expect(201);
      const { headers } = await berth().api.head(pathOf("push/charset", "1")).expect(200);
      assert.equal(headers["content-type"], types.OCI_MANIFEST);
    });

    for (const type of [
      "application/json",
      "application/x-www-form-urlencoded",
      "text/html",
      "application/vnd.example.thing.v9+json",
    ])
      test(`an image that is pushed as ${type} is rejected, and the error names the right type`, async () => {
        const image = await pushImageParts(berth(), "push/opaque");
        const { mediaType: _, ...manifest } = JSON.parse(image.manifest.toString()) as object & {
          mediaType?: string;
        };
        const bytes = Buffer.from(JSON.stringify(manifest));
        const { body } = await putManifest(berth(), "push/opaque", "1", bytes, type).expect(400);
        const [{ code, message }] = (body as { errors: [{ code: string; message: string }] })
          .errors;
        assert.equal(code, "MANIFEST_INVALID");
        assert.match(message, new RegExp(`${type.replace(/[+.]/g, ".")} is not.*image.manifest`));
        await berth().api.head(pathOf("push/opaque", "1")).expect(404);
      });
  });

  describe("several tags in one push", () => {
    const put = (manifest: Buffer, digest: string, tags: readonly string[]) =>
      putManifest(
        berth(),
        "many/tags",
        `${digest}?${tags.map((tag) => `tag=${tag}`).join("&")}`,
        manifest,
      );

    test("a push by digest sets every tag in its query and lists them in OCI-Tag", async () => {
      const image = await pushImageParts(berth(), "many/tags", { layer: "of many tags" });
      const { headers } = await put(image.manifest, image.digest, ["1.2", "1", "x"]).expect(201);
      assert.deepEqual(headers["oci-tag"]?.split(/, ?/), ["1.2", "1", "x"]);
      for (const tag of ["1.2", "1", "x"])
        assert.deepEqual(await read(berth(), "many/tags", tag), image.manifest);
    });

    test("a manifest that is pushed by sha512 is served with its sha512 digest, also by tag", async () => {
      const image = await pushImageParts(berth(), "many/sha512");
      const digest = digestOf(image.manifest, "sha512");
      const { headers } = await putManifest(
        berth(),
        "many/sha512",
        `${digest}?tag=a&tag=b`,
        image.manifest,
      ).expect(201);
      assert.equal(headers["docker-content-digest"], digest);
      assert.equal(headers["location"], pathOf("many/sha512", digest));
      for (const reference of ["a", "b", digest]) {
        const got = await berth().api.head(pathOf("many/sha512", reference)).expect(200);
        assert.equal(got.headers["docker-content-digest"], digest);
      }
      await berth().api.get(pathOf("many/sha512", image.digest)).expect(404);
    });

    test("a push with 100 tags is accepted; one with 101 is answered 414 and stores nothing", async () => {
      const image = await pushImageParts(berth(), "many/hundred");
      const tags = Array.from({ length: 101 }, (_, index) => `t${index}`);
      const query = (count: number): string =>
        `${image.digest}?tag=${tags.slice(0, count).join("&tag=")}`;
      const refused = await putManifest(berth(), "many/hundred", query(101), image.manifest);
      assert.equal(refused.status, 414);
      await berth().api.get(pathOf("many/hundred", image.digest)).expect(404);
      assert.deepEqual(await tagsOf("many/hundred"), []);
      await putManifest(berth(), "many/hundred", query(100), image.manifest).expect(201);
      assert.deepEqual(await tagsOf("many/hundred"), tags.slice(0, 100).toSorted());
    });

    test("one invalid tag rejects the whole push, and nothing is stored", async () => {
      const image = await pushImageParts(berth(), "many/invalid");
      const { body } = await putManifest(
        berth(),
        "many/invalid",
        `${image.digest}?tag=good&tag=not%20good`,
        image.manifest,
      ).expect(400);
      assert.equal(body.errors[0].code, "TAG_INVALID");
      await berth().api.get(pathOf("many/invalid", image.digest)).expect(404);
      assert.deepEqual(await tagsOf("many/invalid"), []);
    });

    test("a push by tag ignores tags in its query", async () => {
      const image = await pushImageParts(berth(), "many/plain");
      const { headers } = await putManifest(
        berth(),
        "many/plain",
        "here?tag=there",
        image.manifest,
      ).expect(201);
      assert.equal(headers["oci-tag"], undefined);
      assert.deepEqual(await tagsOf("many/plain"), ["here"]);
    });
  });

  describe("the blobs and manifests that a manifest references", () => {
    test("a push with missing blobs is rejected with one error per blob, and nothing is stored", async () => {
      const image = await pushImageParts(berth(), "names/missing");
      const absent = ["one", "two"].map((text) => digestOf(Buffer.from(`absent ${text}`)));
      const manifest = JSON.parse(image.manifest.toString());
      manifest.config.digest = absent[0];
      manifest.layers.push({ mediaType: types.OCI_LAYER, digest: absent[1], size: 3 });
      const document = Buffer.from(JSON.stringify(manifest));
      const { body } = await putManifest(berth(), "names/missing", "1", document).expect(400);
      assert.deepEqual(
        body.errors.map((error: { code: string; detail: unknown }) => [error.code, error.detail]),
        absent.map((digest) => ["MANIFEST_BLOB_UNKNOWN", { digest }]),
      );
      await berth().api.get(pathOf("names/missing", "1")).expect(404);
      await berth()
        .api.get(pathOf("names/missing", digestOf(document)))
        .expect(404);
      assert.deepEqual(await tagsOf("names/missing"), []);
    });

    test("a manifest whose blobs are only in another repository is rejected and creates no repository", async () => {
      const image = await pushImageParts(berth(), "names/here");
      await putManifest(berth(), "names/elsewhere", "1", image.manifest).expect(400);
      const { body } = await berth().api.get("/v2/names/elsewhere/tags/list").expect(404);
      assert.equal(body.errors[0].code, "NAME_UNKNOWN");
    });

    test("blobs and children that are only in another repository count as missing in an existing one", async () => {
      const image = await pushImage("names/owner", "1");
      await pushImage("names/exists", "1", "not the same layer");
      const { body } = await putManifest(berth(), "names/exists", "2", image.manifest).expect(400);
      const { digest } = JSON.parse(image.manifest.toString()).layers[0];
      assert.deepEqual(
        body.errors.map((error: { code: string; detail: unknown }) => [error.code, error.detail]),
        [["MANIFEST_BLOB_UNKNOWN", { digest }]],
      );
      const child = {
        mediaType: types.OCI_MANIFEST,
        digest: image.digest,
        size: image.manifest.length,
      };
      const index = { schemaVersion: 2, mediaType: types.OCI_INDEX, manifests: [child] };
      await putManifest(berth(), "names/exists", "i", index, types.OCI_INDEX).expect(400);
      assert.deepEqual(await tagsOf("names/exists"), ["1"]);
    });

    test("an index is rejected unless its children are in the same repository", async () => {
      const image = await pushImage("names/children", "1");
      const index = {
        schemaVersion: 2,
        mediaType: types.OCI_INDEX,
        manifests: [image.digest, nowhere].map((digest) => ({
          mediaType: types.OCI_MANIFEST,
          digest,
          size: image.manifest.length,
        })),
      };
      const refused = await putManifest(berth(), "names/children", "i", index, types.OCI_INDEX);
      assert.equal(refused.status, 400);
      assert.deepEqual(
        refused.body.errors.map((error: { detail: { digest: string } }) => error.detail.digest),
        [nowhere],
      );
      index.manifests.pop();
      await putManifest(berth(), "names/children", "i", index, types.OCI_INDEX).expect(201);
      await putManifest(berth(), "names/other", "i", index, types.OCI_INDEX).expect(400);
    });

    test("an empty index and an index of indexes are accepted", async () => {
      const empty = Buffer.from(
        JSON.stringify({ schemaVersion: 2, mediaType: types.OCI_INDEX, manifests: [] }),
      );
      await putManifest(berth(), "names/nested", "empty", empty, types.OCI_INDEX).expect(201);
      const outer = {
        schemaVersion: 2,
        mediaType: types.OCI_INDEX,
        manifests: [{ mediaType: types.OCI_INDEX, digest: digestOf(empty), size: empty.length }],
      };
      await putManifest(berth(), "names/nested", "outer", outer, types.OCI_INDEX).expect(201);
    });

    test("a BuildKit cache, an index whose children are blobs, is accepted", async () => {
      const children = [];
      for (const [text, mediaType] of [
        ["layer of a cache", types.OCI_LAYER_GZIP],
        ["{}", "application/vnd.buildkit.cacheconfig.v0"],
      ] as const) {
        const digest = await pushBlob(berth(), "names/cache", text);
        children.push({ mediaType, digest, size: text.length });
      }
      const index = { schemaVersion: 2, mediaType: types.OCI_INDEX, manifests: children };
      await putManifest(berth(), "names/cache", "buildcache", index, types.OCI_INDEX).expect(201);
    });

    test("an image whose layer is a manifest is rejected with 400", async () => {
      const image = await pushImage("names/mixed", "1");
      const odd = JSON.parse(image.manifest.toString());
      odd.layers[0].digest = image.digest;
      await putManifest(berth(), "names/mixed", "2", odd).expect(400);
    });

    test("Docker manifests and manifest lists are served with their own media types", async () => {
      const config = await pushBlob(berth(), "names/docker", "{}");
      const layer = await pushBlob(berth(), "names/docker", "docker layer");
      const image = Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: types.DOCKER_MANIFEST,
          config: { mediaType: types.DOCKER_IMAGE_CONFIG, digest: config, size: 2 },
          layers: [{ mediaType: types.DOCKER_LAYER, digest: layer, size: 12 }],
        }),
      );
      const list = Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: types.DOCKER_MANIFEST_LIST,
          manifests: [
            {
              mediaType: types.DOCKER_MANIFEST,
              digest: digestOf(image),
              size: image.length,
              platform: { architecture: "amd64", os: "linux", features: ["sse4"] },
            },
          ],
        }),
      );
      for (const [tag, document, type] of [
        ["image", image, types.DOCKER_MANIFEST],
        ["list", list, types.DOCKER_MANIFEST_LIST],
      ] as const) {
        await putManifest(berth(), "names/docker", tag, document, type).expect(201);
        const { headers } = await berth().api.head(pathOf("names/docker", tag)).expect(200);
        assert.equal(headers["content-type"], type);
        assert.deepEqual(await read(berth(), "names/docker", tag), document);
      }
    });

    for (const type of [types.DOCKER_SCHEMA1, types.DOCKER_SCHEMA1_SIGNED]) {
      test(`a manifest of type ${type} is rejected with MANIFEST_INVALID`, async () => {
        const document = { schemaVersion: 1, name: "a", tag: "b", fsLayers: [], history: [] };
        const { body } = await putManifest(berth(), "names/old", "1", document, type).expect(400);
        assert.equal(body.errors[0].code, "MANIFEST_INVALID");
      });
    }
  });

  describe("foreign layers", () => {
    const elsewhere = digestOf(Buffer.from("a base layer that only its vendor hands out"));
    const putLayer = async (repository: string, layer: object) => {
      const image = await pushImageParts(berth(), repository);
      const manifest = JSON.parse(image.manifest.toString());
      manifest.layers.unshift({ digest: elsewhere, size: 44, ...layer });
      return putManifest(berth(), repository, "1", manifest);
    };

    for (const mediaType of [
      types.DOCKER_FOREIGN_LAYER,
      types.DOCKER_FOREIGN_LAYER_GZIP,
      types.OCI_NONDISTRIBUTABLE_LAYER,
      types.OCI_NONDISTRIBUTABLE_LAYER_GZIP,
      types.OCI_NONDISTRIBUTABLE_LAYER_ZSTD,
    ]) {
      test(`a missing ${mediaType} layer with urls is accepted`, async () => {
        const urls = ["https://layers.example/base", "http://mirror.example/base?x=1"];
        assert.equal((await putLayer("foreign/layers", { mediaType, urls })).status, 201);
        await berth().api.get(`/v2/foreign/layers/blobs/${elsewhere}`).expect(404);
      });

      for (const url of [
        "ftp://layers.example/base",
        "file:///etc/passwd",
        "https://layers.example/#part",
        "layers.example/base",
        "",
      ]) {
        test(`a missing ${mediaType} layer with the URL ${JSON.stringify(url)} is rejected`, async () => {
          const { status, body } = await putLayer("foreign/urls", { mediaType, urls: [url] });
          assert.deepEqual([status, body.errors[0].code], [400, "MANIFEST_INVALID"]);
        });
      }
    }

    for (const [mediaType, code] of [
      [types.DOCKER_FOREIGN_LAYER_GZIP, "MANIFEST_INVALID"],
      [types.OCI_NONDISTRIBUTABLE_LAYER_GZIP, "MANIFEST_BLOB_UNKNOWN"],
    ] as const) {
      for (const layer of [{ mediaType, urls: [] }, { mediaType }]) {
        test(`a missing ${mediaType} layer ${"urls" in layer ? "with empty" : "without"} urls is rejected with ${code}`, async () => {
          const { status, body } = await putLayer("foreign/empty", layer);
          assert.deepEqual([status, body.errors[0].code], [400, code]);
        });
      }
    }

    test("DELETE of a foreign layer that is not stored is answered 404 BLOB_UNKNOWN", async () => {
      const mediaType = types.DOCKER_FOREIGN_LAYER_GZIP;
      const urls = ["https://layers.example/base"];
      assert.equal((await putLayer("foreign/absent", { mediaType, urls })).status, 201);
      const { body } = await berth()
        .api.delete(`/v2/foreign/absent/blobs/${elsewhere}`)
        .expect(404);
      assert.equal(body.errors[0].code, "BLOB_UNKNOWN");
    });
  });

  describe("size", () => {
    const limit = 4_194_304;
    const halves = (bytes: Buffer): readonly Buffer[] => [
      bytes.subarray(0, 2_000_000),
      bytes.subarray(2_000_000),
    ];
    const headers = { "Content-Type": types.OCI_INDEX };

    test("a manifest of 4,194,304 bytes is accepted with chunked transfer coding", async () => {
      const bytes = manifestOf(limit);
      assert.equal(bytes.length, limit);
      const path = pathOf("size/limit", "chunked");
      const { status, text } = await send(berth(), "PUT", path, { headers, pieces: halves(bytes) });
      assert.equal(status, 201, text);
      assert.equal(Buffer.compare(await read(berth(), "size/limit", "chunked"), bytes), 0);
    });

    for (const [coding, length] of [
      ["chunked transfer coding", undefined],
      ["a Content-Length", limit + 1],
    ] as const) {
      test(`a manifest of 4,194,305 bytes with ${coding} is answered 413, and the connection stays usable`, async () => {
        const agent = new Agent({ keepAlive: true, maxSockets: 1 });
        const declared = length === undefined ? {} : { "Content-Length": String(length) };
        const over = await send(berth(), "PUT", pathOf("size/over", "1"), {
          headers: { ...headers, ...declared },
          pieces: halves(manifestOf(limit + 1)),
          agent,
        });
        assert.equal(over.status, 413);
        assert.equal(JSON.parse(over.text).errors[0].code, "MANIFEST_INVALID");
        const next = await send(berth(), "GET", "/v2/", { agent });
        assert.equal(next.status, 200);
        const { status } = await send(berth(), "GET", pathOf("size/over", "1"), { agent });
        assert.equal(status, 404);
        agent.destroy();
      });
    }
  });

  describe("reading", () => {
    test("GET and HEAD of a manifest have the same headers, and HEAD has no body", async () => {
      const image = await pushImage("read/headers", "1");
      for (const reference of ["1", image.digest, image.digest.replace(":", "%3A")]) {
        const path = pathOf("read/headers", reference);
        const get = await send(berth(), "GET", path, { headers: { "Accept-Encoding": "gzip" } });
        const head = await send(berth(), "HEAD", path, { headers: { "Accept-Encoding": "gzip" } });
        assert.deepEqual([get.text, head.text], [image.manifest.toString(), ""]);
        for (const { status, headers } of [get, head]) {
          assert.equal(status, 200);
          assert.equal(headers["content-type"], types.OCI_MANIFEST);
          assert.equal(headers["content-length"], String(image.manifest.length));
          assert.equal(headers["docker-content-digest"], image.digest);
          assert.equal(headers["etag"], `"${image.digest}"`);
          assert.equal(headers["cache-control"], "no-cache");
          assert.equal(headers["docker-distribution-api-version"], "registry/2.0");
          assert.equal(headers["content-encoding"], undefined);
          assert.equal(headers["transfer-encoding"], undefined);
        }
      }
    });

    test("a read with the digest in If-None-Match is answered 304 without a body; another digest 200", async () => {
      const { digest } = await pushImage("read/etag", "1");
      for (const value of [`"${digest}"`, digest, `W/"${digest}"`, `"x", "${digest}"`]) {
        for (const method of ["get", "head"] as const) {
          const answer = await berth()
            .api[method](pathOf("read/etag", "1"))
            .set("If-None-Match", value);
          assert.equal(answer.status, 304);
          assert.equal(answer.text ?? "", "");
          assert.equal(answer.headers["etag"], `"${digest}"`);
        }
      }
      await berth()
        .api.get(pathOf("read/etag", "1"))
        .set("If-None-Match", `"${nowhere}"`)
        .expect(200);
    });

    test("the stored bytes and type are served for any Accept header", async () => {
      const image = await pushImage("read/accept", "1");
      const range = fc
        .tuple(
          fc.constantFrom(
            ...Object.values(types).filter((value) => typeof value === "string"),
            "*/*",
            "application/*",
            "text/html",
          ),
          fc.constantFrom("", ";q=0", "; q=0.5", ";q=nonsense", "; charset=utf-8"),
        )
        .map((parts) => parts.join(""));
      const printable = fc
        .string({ unit: "grapheme-ascii", maxLength: 40 })
        .map((text) => text.trim());
      const accept = fc.oneof(
        fc.array(range, { maxLength: 6 }).map((ranges) => ranges.join(", ")),
        printable,
      );
      await fc.assert(
        fc.asyncProperty(accept, async (value) => {
          const got = await berth()
            .api.get(pathOf("read/accept", "1"))
            .set("Accept", value)
            .buffer(true)
            .parse(collect);
          assert.equal(got.status, 200);
          assert.equal(got.headers["content-type"], types.OCI_MANIFEST);
          assert.deepEqual(got.body, image.manifest);
        }),
        { numRuns: 60 },
      );
    });

    test("an unknown tag, digest or repository is answered 404 MANIFEST_UNKNOWN", async () => {
      await pushImage("read/unknown", "1");
      for (const [repository, reference, code, detail] of [
        ["read/unknown", "edge", "MANIFEST_UNKNOWN", { tag: "edge" }],
        ["read/unknown", nowhere, "MANIFEST_UNKNOWN", { digest: nowhere }],
        ["read/nothing", "edge", "MANIFEST_UNKNOWN", { tag: "edge" }],
      ] as const) {
        const { body } = await berth().api.get(pathOf(repository, reference)).expect(404);
        assert.equal(body.errors[0].code, code);
        assert.deepEqual(body.errors[0].detail, detail);
        const head = await berth().api.head(pathOf(repository, reference)).expect(404);
        assert.equal(head.text ?? "", "");
      }
    });

    test("a repository name may look like a path of the API", async () => {
      for (const repository of ["a/manifests/b", "a/tags", "a/blobs/uploads", "a/tags/list"]) {
        const image = await pushImage(repository, "latest", repository);
        assert.deepEqual(await read(berth(), repository, "latest"), image.manifest);
        assert.deepEqual(await tagsOf(repository), ["latest"]);
      }
    });
  });

  describe("deleting", () => {
    test("DELETE by tag removes only that tag and keeps the manifest", async () => {
      const image = await pushImage("delete/tag", "1");
      await putManifest(berth(), "delete/tag", "2", image.manifest).expect(201);
      await berth().api.delete(pathOf("delete/tag", "1")).expect(202);
      await berth().api.head(pathOf("delete/tag", "1")).expect(404);
      assert.deepEqual(await tagsOf("delete/tag"), ["2"]);
      assert.deepEqual(await read(berth(), "delete/tag", image.digest), image.manifest);
    });

    test("DELETE by digest removes the manifest and all its tags, and no other manifest", async () => {
      const kept = await pushImage("delete/digest", "kept", "kept");
      const image = await pushImage("delete/digest", "1", "gone");
      await putManifest(berth(), "delete/digest", "2", image.manifest).expect(201);
      await berth().api.delete(pathOf("delete/digest", image.digest)).expect(202);
      for (const reference of ["1", "2", image.digest])
        await berth().api.head(pathOf("delete/digest", reference)).expect(404);
      assert.deepEqual(await tagsOf("delete/digest"), ["kept"]);
      assert.deepEqual(await read(berth(), "delete/digest", "kept"), kept.manifest);
    });

    test("DELETE of an unknown tag, digest or repository is answered 404", async () => {
      const image = await pushImage("delete/unknown", "1");
      await berth().api.delete(pathOf("delete/unknown", image.digest)).expect(202);
      for (const reference of ["1", "2", image.digest, nowhere]) {
        const { body } = await berth().api.delete(pathOf("delete/unknown", reference)).expect(404);
        assert.equal(body.errors[0].code, "MANIFEST_UNKNOWN");
      }
      await berth().api.delete(pathOf("delete/nothing", "1")).expect(404);
    });

    test("DELETE in one repository keeps the manifest in another", async () => {
      const image = await pushImage("delete/one", "1");
      await pushImage("delete/two", "1");
      await berth().api.delete(pathOf("delete/one", image.digest)).expect(202);
      assert.deepEqual(await read(berth(), "delete/two", "1"), image.manifest);
    });

    test("a deleted manifest can be pushed again at once", async () => {
      const image = await pushImage("delete/again", "1");
      await berth().api.delete(pathOf("delete/again", image.digest)).expect(202);
      await putManifest(berth(), "delete/again", "1", image.manifest).expect(201);
      assert.deepEqual(await read(berth(), "delete/again", "1"), image.manifest);
    });

    test("DELETE of an index keeps its children", async () => {
      const image = await pushImage("delete/index", "1");
      const index = Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: types.OCI_INDEX,
          manifests: [
            { mediaType: types.OCI_MANIFEST, digest: image.digest, size: image.manifest.length },
          ],
        }),
      );
      await putManifest(berth(), "delete/index", "i", index, types.OCI_INDEX).expect(201);
      await berth()
        .api.delete(pathOf("delete/index", digestOf(index)))
        .expect(202);
      assert.deepEqual(await read(berth(), "delete/index", image.digest), image.manifest);
    });
  });
});

describeSharedApi(
  "manifests, sparse",
  (berth) => {
    const index = (digest: Digest) => ({
      schemaVersion: 2,
      mediaType: types.OCI_INDEX,
      manifests: [{ mediaType: types.OCI_MANIFEST, digest, size: 7 }],
    });

    test("an index with missing children is accepted", async () => {
      const document = index(nowhere);
      await putManifest(berth(), "sparse/index", "1", document, types.OCI_INDEX).expect(201);
      await berth().api.get(pathOf("sparse/index", "1")).expect(200);
      await berth().api.get(pathOf("sparse/index", nowhere)).expect(404);
    });

    test("an image with a missing config and missing layers is accepted", async () => {
      const image = await pushImageParts(berth(), "sparse/source");
      await putManifest(berth(), "sparse/image", "1", image.manifest).expect(201);
      assert.deepEqual(await read(berth(), "sparse/image", "1"), image.manifest);
      await berth().api.get(`/v2/sparse/image/blobs/${image.layer}`).expect(404);
    });

    test("a body that is not a manifest is still rejected with 400", async () => {
      await putManifest(berth(), "sparse/body", "1", Buffer.from("{}")).expect(400);
    });
  },
  { sparse: "true" },
);
