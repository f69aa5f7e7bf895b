import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startClosedBerth } from "../../support/closed.ts";

const origin = "https://ui.example.com";
const berth = await startClosedBerth({ "cors.origins": `${origin}, http://127.0.0.1:8080/` });
await berth.addUser("mia");
await berth.pushImage("mia/app", "mia", "public");
const plain = await startClosedBerth();

const headersOf = ({ headers }: { readonly headers: object }) =>
  headers as Readonly<Record<string, string | undefined>>;
const allowed = (answer: { readonly headers: object }) =>
  headersOf(answer)["access-control-allow-origin"];

describe("cors.origins", () => {
  test("lets a page of a named origin read answers and errors of the distribution API and of the token endpoint", async () => {
    for (const [path, status] of [
      ["/v2/", 401],
      ["/v2/_catalog", 401],
      ["/v2/mia/app/manifests/1", 401],
      ["/v2/mia/none/tags/list", 401],
      ["/token?service=berth", 200],
    ] as const) {
      const answer = await berth.api.get(path).set("Origin", origin).expect(status);
      assert.equal(allowed(answer), origin, path);
      assert.match(headersOf(answer)["vary"] ?? "", /\bOrigin\b/, path);
      assert.match(
        headersOf(answer)["access-control-expose-headers"] ?? "",
        /Docker-Content-Digest.*Link.*WWW-Authenticate/,
      );
      assert.equal(headersOf(answer)["access-control-allow-credentials"], undefined);
    }
    const token = await berth.token("mia", "repository:mia/app:pull");
    for (let time = 0; time < 2; time += 1) {
      const answer = await berth
        .with(token)
        .api.get("/v2/mia/app/manifests/1")
        .set("Origin", origin);
      assert.deepEqual([answer.status, allowed(answer)], [200, origin]);
      assert.equal(headersOf(answer)["vary"], "Origin");
    }
  });

  test("answers a preflight request without credentials", async () => {
    const answer = await berth.api
      .options("/v2/mia/app/manifests/1")
      .set("Origin", "http://127.0.0.1:8080")
      .set("Access-Control-Request-Method", "DELETE")
      .set("Access-Control-Request-Headers", "authorization")
      .expect(204);
    assert.equal(allowed(answer), "http://127.0.0.1:8080");
    assert.match(headersOf(answer)["access-control-allow-methods"] ?? "", /\bDELETE\b/);
    assert.match(headersOf(answer)["access-control-allow-headers"] ?? "", /\bAuthorization\b/);
  });

  test("lets a page of a named origin change something with its own credentials", async () => {
    const remove = () => berth.as("mia").api.delete("/v2/mia/app/manifests/1");
    await remove().set("Origin", "https://other.example").expect(403);
    const sent = { Origin: origin, "Sec-Fetch-Site": "cross-site" };
    const answer = await remove().set(sent).expect(202);
    assert.equal(allowed(answer), origin);
  });

  test("adds nothing for another origin, for other paths, and in a registry without it", async () => {
    const preflight = { "Access-Control-Request-Method": "GET" };
    for (const [server, path, from] of [
      [berth, "/v2/", "https://other.example"],
      [berth, "/v2/", "null"],
      [berth, "/v2/users/mia", origin],
      [berth, "/api/berth/v1/session", origin],
      [berth, "/healthz", origin],
      [plain, "/v2/", origin],
    ] as const) {
      assert.equal(allowed(await server.api.get(path).set("Origin", from)), undefined, path);
      const asked = await server.api.options(path).set({ Origin: from, ...preflight });
      assert.deepEqual([asked.status >= 400, allowed(asked)], [true, undefined], path);
    }
    assert.equal(headersOf(await plain.api.get("/v2/"))["vary"], undefined);
  });
});
