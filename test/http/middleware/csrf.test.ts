import assert from "node:assert/strict";
import path from "node:path";
import { after, describe, test } from "node:test";
import { hubTable } from "../../policy/hub-table.ts";
import { pushImageParts, putManifest, startBerth } from "../../support/berth.ts";
import { describeApi } from "../../support/describe-api.ts";
import { sendExactly } from "../../support/browser.ts";
import { startClosedBerth } from "../../support/closed.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { sessionOf } from "../hub/support.ts";

/** Every mutating path of the registry, of the token endpoint and of the Hub-shaped API. */
const digest = `sha256:${"0".repeat(64)}`;
const changing: readonly (readonly [string, string])[] = [
  ["POST", "/v2/team/app/blobs/uploads/"],
  ["PATCH", "/v2/team/app/blobs/uploads/1"],
  ["PUT", "/v2/team/app/blobs/uploads/1"],
  ["DELETE", "/v2/team/app/blobs/uploads/1"],
  ["PUT", "/v2/team/app/manifests/1"],
  ["DELETE", "/v2/team/app/manifests/1"],
  ["DELETE", `/v2/team/app/blobs/${digest}`],
  ["POST", "/token"],
  ["POST", "/nothing/is/here"],
  ...Object.keys(hubTable)
    .filter((row) => !row.startsWith("GET"))
    .map((row) => {
      const [method = "", route = ""] = row.split(" ");
      return [method, route.replace("*repository", "team/app").replace(/:\w+/g, "x")] as const;
    }),
];

describeApi("what browsers are told", (berth) => {
  test("every answer has X-Content-Type-Options: nosniff", async () => {
    const { manifest, digest } = await pushImageParts(berth(), "team/app");
    await putManifest(berth(), "team/app", "1", manifest).expect(201);
    for (const [method, target] of [
      ["GET", "/v2/"],
      ["GET", "/v2/team/app/manifests/1"],
      ["HEAD", "/v2/team/app/manifests/1"],
      ["GET", `/v2/team/app/manifests/${digest}?long`],
      ["GET", "/v2/team/app/tags/list"],
      ["GET", "/v2/team/app/manifests/missing"],
      ["GET", "/healthz"],
      ["GET", "/openapi.json"],
      ["GET", "/nothing"],
      ["PUT", "/v2/"],
      ["POST", "/v2/team/app/blobs/uploads/"],
      ["GET", "/v2/repositories/team/app/tags"],
      ["GET", "/v2/users/nobody"],
      ["GET", "/v2/%"],
    ] as const) {
      const { headers } = await sendExactly(berth().port, method, target);
      assert.equal(headers["x-content-type-options"], "nosniff", `${method} ${target}`);
    }
  });

  test("pushed content is sent as an attachment and with a sandbox Content-Security-Policy", async () => {
    const { manifest, digest, layer } = await pushImageParts(berth(), "team/html");
    await putManifest(berth(), "team/html", "1", manifest).expect(201);
    for (const [target, headers] of [
      ["manifests/1", {}],
      [`manifests/${digest}?long`, {}],
      [`blobs/${layer}`, {}],
      [`blobs/${layer}`, { range: "bytes=0-1" }],
      [`blobs/${layer}`, { range: "bytes=0-1,3-4" }],
      [`blobs/${layer}`, { "if-none-match": `"${layer}"` }],
    ] as const) {
      const answer = await sendExactly(berth().port, "GET", `/v2/team/html/${target}`, headers);
      assert.ok(answer.status < 400, answer.text);
      assert.equal(answer.headers["content-security-policy"], "default-src 'none'; sandbox");
      assert.equal(answer.headers["content-disposition"], "attachment");
    }
  });

  test("a mutating request from a page of another site is rejected with 403 on every path", async () => {
    for (const [method, target] of changing)
      for (const headers of [
        { origin: "https://evil.example" },
        { origin: "null" },
        { origin: `http://127.0.0.1:${berth().port + 1}` },
        { "sec-fetch-site": "cross-site" },
      ]) {
        const { status, text } = await sendExactly(berth().port, method, target, headers);
        assert.equal(status, 403, `${method} ${target} ${JSON.stringify(headers)}: ${text}`);
        assert.match(text, /a page of another site may not change anything here/);
      }
  });

  test("a request from the registry's own origin, or without an Origin header, is accepted", async () => {
    const own = { origin: `http://127.0.0.1:${berth().port}`, "sec-fetch-site": "same-origin" };
    for (const headers of [own, { "sec-fetch-site": "none" }, {}]) {
      const target = "/v2/team/own/blobs/uploads/";
      assert.equal((await sendExactly(berth().port, "POST", target, headers)).status, 202);
    }
  });
});

describe("a JSON body that creates a repository", async () => {
  const berth = await startClosedBerth();
  await berth.addUser("mia");
  const authorization = `Bearer ${await sessionOf(berth, "mia")}`;
  const make = (name: string, type: string | undefined) =>
    sendExactly(
      berth.port,
      "POST",
      "/v2/namespaces/mia/repositories",
      { authorization, ...(type === undefined ? {} : { "content-type": type }) },
      JSON.stringify({ name, namespace: "mia" }),
    );

  test("is rejected with 415 unless its Content-Type is JSON, and the error names the type to send", async () => {
    for (const type of [
      "text/plain",
      "application/x-www-form-urlencoded",
      "multipart/form-data; boundary=x",
      "text/json",
      undefined,
    ]) {
      const { status, text } = await make("refused", type);
      assert.equal(status, 415, type);
      assert.match(text, /with the header Content-Type: application\/json/);
    }
    for (const [name, type] of [
      ["a", "application/json"],
      ["b", "Application/JSON; charset=utf-8"],
      ["c", "application/vnd.docker.something+json"],
    ] as const)
      assert.equal((await make(name, type)).status, 201, type);
  });

  test("uses repositories.defaultVisibility, unless the body sets is_private", async () => {
    const open = await startClosedBerth({ "repositories.defaultVisibility": "public" });
    await open.addUser("mia");
    for (const [server, isPrivate] of [
      [berth, true],
      [open, false],
    ] as const) {
      const headers = {
        authorization: `Bearer ${await sessionOf(server, "mia")}`,
        "content-type": "application/json",
      };
      const target = "/v2/namespaces/mia/repositories";
      for (const [name, body, shown] of [
        ["default", {}, isPrivate],
        ["said", { is_private: false }, false],
      ] as const) {
        const text = JSON.stringify({ name, ...body });
        const made = await sendExactly(server.port, "POST", target, headers, text);
        assert.equal((JSON.parse(made.text) as { is_private: boolean }).is_private, shown, name);
      }
    }
  });
});

describe("open mode", async () => {
  const folder = temporaryFolder();
  const berth = await startBerth(path.join(folder, "data"), {
    publicUrl: "https://registry.example.com/",
  });
  after(() => berth.close());
  const { manifest } = await pushImageParts(berth, "team/app");
  await putManifest(berth, "team/app", "1", manifest).expect(201);

  test("rejects a Host with 403, unless it is an IP address, a localhost name or the host of publicUrl", async () => {
    for (const [host, status] of [
      ["localhost:5000", 200],
      ["registry.localhost", 200],
      ["127.0.0.1", 200],
      ["127.8.8.8:5000", 200],
      ["[::1]:5000", 200],
      ["192.168.1.7:5000", 200],
      ["registry.example.com", 200],
      ["registry.example.com:5000", 200],
      ["evil.example", 403],
      ["localhost.evil.example:5000", 403],
      ["127.0.0.1.evil.example", 403],
      ["registry.example.com.evil.example", 403],
    ] as const)
      for (const target of ["/v2/team/app/manifests/1", "/v2/_catalog", "/healthz"]) {
        const answer = await sendExactly(berth.port, "GET", target, { host });
        assert.equal(answer.status, status, `${host} ${target}`);
        if (status === 403) assert.match(answer.text, /set publicUrl/);
      }
    const host = "evil.example";
    const own = { host, origin: `http://${host}` };
    assert.equal(
      (await sendExactly(berth.port, "DELETE", "/v2/team/app/manifests/1", own)).status,
      403,
    );
  });

  test("answers 401 on every route for accounts, organisations, access tokens and team permissions", async () => {
    const body = { "content-type": "application/json" };
    for (const [row, need] of Object.entries(hubTable)) {
      const [method = "", route = ""] = row.split(" ");
      const isImage = ["open", "create", "read", "write", "admin"].includes(need);
      if (isImage && !route.includes("/groups")) continue;
      const target = route.replace(/:\w+/g, "team");
      const { status, text } = await sendExactly(berth.port, method, target, body, "{}");
      assert.equal(status, 401, `${row}: ${text}`);
    }
  });
});

describe("a Host header with an invalid port or address", async () => {
  const berth = await startBerth(path.join(temporaryFolder(), "data"), {
    mirrors: "[{ namespace: docker.io, upstream: 'http://127.0.0.1:1' }]",
  });
  after(() => berth.close());

  test("is not answered with a server error, even if the request names a mirrored registry", async () => {
    for (const host of ["127.0.0.1:99999", "1.2.3.256"]) {
      const target = "/v2/team/app/tags/list?ns=elsewhere.example";
      const { status } = await sendExactly(berth.port, "GET", target, { host });
      assert.ok(status < 500, `${host}: ${status}`);
    }
  });
});
