import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isHubRoute, type TokenRoute } from "../../src/http/route.ts";
import { reservedNamespaces } from "../../src/oci/name.ts";
import { everyRoute } from "../support/route-table.ts";

describe("the route table", () => {
  const routes = everyRoute;
  const hubRoutes = routes.filter(isHubRoute);
  const tokenRoutes = routes.filter((route): route is TokenRoute => !isHubRoute(route));

  test("declares a permission for every route", () => {
    const kinds = new Set(["none", "known-principal", "repository", "catalog", "browse"]);
    for (const { method, path, requires } of tokenRoutes)
      assert.ok(kinds.has(requires?.kind), `${method} ${path} declares no permission`);
    for (const { method, path, requires } of hubRoutes)
      assert.ok(requires.of.length > 0, `${method} ${path} declares no permission`);
    assert.ok(tokenRoutes.length > 15);
  });

  test("requires a repository permission exactly where the path has a repository name", () => {
    for (const { method, path, requires } of tokenRoutes)
      assert.equal(path.includes("*name"), requires.kind === "repository", `${method} ${path}`);
    for (const { path } of hubRoutes) assert.ok(!path.includes("*name"), path);
  });

  test("requires push for POST, PUT, PATCH and upload routes, delete for DELETE and pull for GET", () => {
    const wanted = {
      get: "pull",
      post: "push",
      put: "push",
      patch: "push",
      delete: "delete",
    } as const;
    for (const { method, path, requires } of tokenRoutes) {
      if (requires.kind !== "repository") continue;
      const action = path.includes("/uploads/") ? "push" : wanted[method];
      assert.ok(requires.actions.includes(action), `${method} ${path}`);
    }
  });

  test("requires a repository permission exactly on the Hub routes whose path has a repository", () => {
    assert.ok(hubRoutes.length > 60);
    for (const { method, path, requires } of hubRoutes)
      assert.equal(/[:*]repository/.test(path), requires.of === "repository", `${method} ${path}`);
  });

  test("has Hub-shaped routes only below /api and below words that no namespace can have", () => {
    for (const { path } of hubRoutes) {
      const [, first = "", word = ""] = path.split("/");
      assert.ok(first === "api" || (first === "v2" && reservedNamespaces.has(word)), path);
    }
  });

  test("requires no permission only for health, metrics, OpenAPI, token, JWKS and search ping routes", () => {
    assert.deepEqual(
      tokenRoutes.filter(({ requires }) => requires.kind === "none").map(({ path }) => path),
      [
        "/healthz",
        "/readyz",
        "/metrics",
        "/openapi.json",
        "/token",
        "/token",
        "/.well-known/jwks.json",
        "/v1/_ping",
      ],
    );
  });
});
