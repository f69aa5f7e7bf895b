import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { describe, test } from "node:test";
import { startClosedBerth, type ClosedBerth } from "../../support/closed.ts";

const [plain, proxied, named] = await Promise.all([
  startClosedBerth(),
  startClosedBerth({ trustedProxies: "127.0.0.1" }),
  startClosedBerth({ publicUrl: "https://Registry.example.com/" }),
]);

/** The WWW-Authenticate header of GET /v2/ with these request headers. */
function challenge(berth: ClosedBerth, headers: Readonly<Record<string, string>>): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ port: berth.port, path: "/v2/", headers }, (response) => {
      response.resume();
      resolve(String(response.headers["www-authenticate"]));
    });
    sent.on("error", reject).end();
  });
}

const bearer = (realm: string, service = "berth") => `Bearer realm="${realm}",service="${service}"`;

describe("the token realm of a challenge", () => {
  test("uses the Host header of the request, in lower case", async () => {
    for (const [host, realm] of [
      ["registry.example.com", "http://registry.example.com/token"],
      ["Registry.Example.com:5000", "http://registry.example.com:5000/token"],
      ["[::1]:5000", "http://[::1]:5000/token"],
    ] as const)
      assert.equal(await challenge(plain, { host }), bearer(realm));
  });

  test("uses the socket address if the Host header is not a valid host", async () => {
    for (const host of ['x",scope="y', "user@evil.example", "evil.example/path", "a b", "-", "a:b"])
      assert.equal(
        await challenge(plain, { host }),
        bearer(`http://127.0.0.1:${plain.port}/token`),
        host,
      );
  });

  const forwarded = {
    host: "inside:1",
    "x-forwarded-host": "Outside.example",
    "x-forwarded-proto": "https",
  };

  test("uses forwarded headers only from a trusted proxy, and only valid ones", async () => {
    assert.equal(await challenge(plain, forwarded), bearer("http://inside:1/token"));
    assert.equal(await challenge(proxied, forwarded), bearer("https://outside.example/token"));
    assert.equal(
      await challenge(proxied, { ...forwarded, "x-forwarded-host": "outside.example, inner" }),
      bearer("https://outside.example/token"),
    );
    assert.equal(
      await challenge(proxied, { ...forwarded, "x-forwarded-host": '"', "x-forwarded-proto": "x" }),
      bearer("http://inside:1/token"),
    );
  });

  test("uses publicUrl if it is set, and its host is also the service name", async () => {
    assert.equal(
      await challenge(named, forwarded),
      bearer("https://registry.example.com/token", "registry.example.com"),
    );
    await named.api.get("/token?service=registry.example.com").expect(200);
    await named.api.get("/token?service=berth").expect(400);
  });
});
