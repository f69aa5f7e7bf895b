import assert from "node:assert/strict";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { before, test } from "node:test";
import { digestOf } from "../../src/oci/digest.ts";
import { reservedNamespaces } from "../../src/oci/name.ts";
import { pushImageParts, putManifest } from "../support/berth.ts";
import { describeApi } from "../support/describe-api.ts";

const digest = digestOf(Buffer.from("never pushed"));

describeApi("errors", (berth) => {
  /** Sends the path unchanged; clients that parse URLs would normalize it first. */
  const ask = (method: string, path: string) =>
    new Promise<{ status: number | undefined; headers: IncomingHttpHeaders; text: string }>(
      (resolve, reject) => {
        const request = httpRequest({ port: berth().port, method, path }, (response) => {
          const pieces: Buffer[] = [];
          response.on("data", (piece: Buffer) => pieces.push(piece));
          response.on("end", () =>
            resolve({
              status: response.statusCode,
              headers: response.headers,
              text: Buffer.concat(pieces).toString(),
            }),
          );
        });
        request.on("error", reject);
        request.end();
      },
    );
  const failure = async (method: string, path: string) => {
    const { status, headers, text } = await ask(method, path);
    assert.match(headers["content-type"] ?? "", /^application\/json(?:;|$)/, `${method} ${path}`);
    const { errors } = JSON.parse(text);
    assert.ok(Array.isArray(errors) && errors.length > 0);
    for (const { code, message } of errors) {
      assert.match(code, /^[A-Z_]+$/);
      assert.equal(typeof message, "string");
    }
    return { status, headers, code: errors[0].code as string };
  };

  before(async () => {
    const { manifest } = await pushImageParts(berth(), "team/app");
    await putManifest(berth(), "team/app", "1", manifest).expect(201);
  });

  for (const path of [
    "/v1/",
    "/v2/team",
    "/v2/team/app",
    "/v2/team/app/",
    "/v2/team/app/manifests",
    "/v2/team/app/tags",
    "/v2/team/app/tags/lists",
    "/v2/team/app/nothing/1",
    "/v2/_oci/ext/discover",
    "/v2/team/app/_oci/ext/discover",
    "/V2/",
    "/v2/team/app/Manifests/1",
    "/favicon.ico",
  ]) {
    test(`GET ${path} matches no route and is answered 404`, async () => {
      assert.equal((await failure("GET", path)).status, 404);
    });
  }

  for (const [method, path, allowed] of [
    ["POST", "/v2/", ["GET", "HEAD"]],
    ["DELETE", "/v2/_catalog", ["GET", "HEAD"]],
    ["PUT", "/healthz", ["GET", "HEAD"]],
    ["PUT", "/v2/team/app/tags/list", ["GET", "HEAD"]],
    ["POST", "/v2/team/app/manifests/1", ["GET", "HEAD", "PUT", "DELETE"]],
    ["PATCH", "/v2/team/app/manifests/1", ["GET", "HEAD", "PUT", "DELETE"]],
    ["OPTIONS", "/v2/team/app/manifests/1", ["GET", "HEAD", "PUT", "DELETE"]],
    ["PUT", `/v2/team/app/blobs/${digest}`, ["GET", "HEAD", "DELETE"]],
    ["DELETE", `/v2/team/app/referrers/${digest}`, ["GET", "HEAD"]],
    ["PURGE", "/v2/team/app/tags/list", ["GET", "HEAD"]],
  ] as const) {
    test(`${method} ${path.slice(0, 40)} is answered 405, and Allow lists the methods`, async () => {
      const { status, headers, code } = await failure(method, path);
      assert.deepEqual([status, code], [405, "UNSUPPORTED"]);
      const allow = headers["allow"]?.split(", ") ?? [];
      assert.deepEqual(allow.toSorted(), [...allowed].toSorted());
    });
  }

  for (const path of [
    "/v2/%/tags/list",
    "/v2/team%2/tags/list",
    "/v2/team/app/manifests/%zz",
    "/v2/team/app/manifests/%ff",
    "/v2/%c0%ae%c0%ae/x/tags/list",
    "/v2/%ed%a0%80/tags/list",
  ]) {
    test(`GET ${path} is answered 400, since the path is not percent-encoded UTF-8`, async () => {
      assert.equal((await failure("GET", path)).status, 400);
    });
  }

  for (const path of [
    "/v2/../x/tags/list",
    "/v2/team/../app/tags/list",
    "/v2/team/./app/tags/list",
    "/v2/%2e%2e/x/tags/list",
    "/v2/%2e%2e/tags/list",
    "/v2/team%2f..%2fapp/tags/list",
    "/v2/team/%2e%2e%2fapp/tags/list",
    "/v2/..%5c..%5cx/tags/list",
    "/v2/team//app/tags/list",
    "/v2//team/app/tags/list",
    "/v2/team/app//tags/list",
    "/v2/team/app%00/tags/list",
    "/v2/team/app%0a/tags/list",
    "/v2/team/app%20/tags/list",
    "/v2/Team/app/tags/list",
    "/v2/team/app_/tags/list",
    "/v2/te___am/app/tags/list",
    "/v2/team/%C3%A9/tags/list",
  ]) {
    test(`GET ${path} is answered 400 NAME_INVALID`, async () => {
      const { status, code } = await failure("GET", path);
      assert.deepEqual([status, code], [400, "NAME_INVALID"]);
    });
  }

  for (const path of [
    "/v2/%2e%2e/x",
    "/v2/..",
    "//v2/team/app/tags/list",
    "/v2/team/app/blobs/..%2f..%2f..%2fberth.db",
    "/v2/team/app/blobs/../../../berth.db",
    "/v2/team/app/manifests/..",
    "/v2/team/app/manifests/%2e%2e%2f%2e%2e",
    "/v2/team/app/blobs/uploads/..%2f..%2fberth.db",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/../../etc/passwd",
  ]) {
    test(`GET ${path} is answered 400 or 404 and reads no file`, async () => {
      const { status } = await failure("GET", path);
      assert.ok(status === 400 || status === 404, String(status));
    });
  }

  test("a percent-encoded slash in a repository name counts as a slash", async () => {
    assert.equal((await ask("GET", "/v2/team%2Fapp/tags/list")).status, 200);
  });

  for (const namespace of reservedNamespaces) {
    test(`requests to the reserved namespace ${namespace} are rejected with 400 NAME_INVALID`, async () => {
      for (const [method, path] of [
        ["GET", "tags/list"],
        ["GET", "manifests/1"],
        ["PUT", "manifests/1"],
        ["POST", "blobs/uploads/"],
        ["GET", `referrers/${digest}`],
      ] as const) {
        const { status, code } = await failure(method, `/v2/${namespace}/app/${path}`);
        assert.deepEqual([status, code], [400, "NAME_INVALID"]);
      }
    });
  }

  test("a repository name of 255 characters is accepted, one of 256 is rejected with NAME_INVALID", async () => {
    const name = `long/${"a".repeat(250)}`;
    assert.equal((await failure("GET", `/v2/${name}/tags/list`)).code, "NAME_UNKNOWN");
    const { status, code } = await failure("GET", `/v2/${name}a/tags/list`);
    assert.deepEqual([status, code], [400, "NAME_INVALID"]);
    assert.equal((await ask("POST", `/v2/${name}/blobs/uploads/`)).status, 202);
    assert.equal((await failure("POST", `/v2/${name}a/blobs/uploads/`)).code, "NAME_INVALID");
  });

  for (const [path, status] of [
    ["/v2/team/app/manifests/edge", 404],
    [`/v2/team/app/manifests/${digest}`, 404],
    [`/v2/team/app/blobs/${digest}`, 404],
    ["/v2/no/such/tags/list", 404],
    ["/v2/Team/app/tags/list", 400],
    ["/v2/team/app/blobs/sha256:abc", 400],
    ["/v2/nothing", 404],
  ] as const) {
    test(`HEAD ${path.slice(0, 40)} is answered ${status} like GET, without a body`, async () => {
      const head = await ask("HEAD", path);
      const get = await ask("GET", path);
      assert.deepEqual([head.status, get.status, head.text], [status, status, ""]);
      assert.equal(head.headers["content-type"], get.headers["content-type"]);
    });
  }

  test("every answer below /v2/ has the header Docker-Distribution-API-Version, also an error", async () => {
    for (const path of ["/v2", "/v2/", "/v2/team/app/tags/list", "/v2/no/such/tags/list"]) {
      const { headers } = await ask("GET", path);
      assert.equal(headers["docker-distribution-api-version"], "registry/2.0");
    }
  });

  test("GET /v2 and GET /v2/ answer an empty JSON object", async () => {
    for (const path of ["/v2", "/v2/"]) {
      const { status, text, headers } = await ask("GET", path);
      assert.deepEqual([status, text], [200, "{}"]);
      assert.match(headers["content-type"] ?? "", /^application\/json/);
    }
  });

  test("no answer is compressed, even if the client sends Accept-Encoding", async () => {
    for (const path of ["/v2/", "/v2/team/app/manifests/1", "/v2/team/app/tags/list"]) {
      const { headers } = await berth().api.get(path).set("Accept-Encoding", "zstd, gzip, br");
      assert.equal(headers["content-encoding"], undefined);
    }
  });
});
