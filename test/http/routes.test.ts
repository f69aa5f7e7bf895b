import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isHubRoute } from "../../src/http/ops/openapi.ts";
import { everyRoute } from "../support/route-table.ts";

describe("the route table", () => {
  const routes = everyRoute;

  test("declares a permission for every route", () => {
    const kinds = new Set(["none", "access", "repository", "catalog", "browse", "hub"]);
    for (const route of routes) {
      assert.ok(
        kinds.has(route.permission?.kind),
        `${route.method} ${route.path} declares no permission`,
      );
    }
    assert.ok(routes.length > 15);
  });

  test("requires a repository permission exactly where the path has a repository name", () => {
    for (const { method, path, permission } of routes)
      assert.equal(path.includes("*name"), permission.kind === "repository", `${method} ${path}`);
  });

  test("requires push for POST, PUT, PATCH and upload routes, delete for DELETE and pull for GET", () => {
    const wanted = {
      get: "pull",
      post: "push",
      put: "push",
      patch: "push",
      delete: "delete",
    } as const;
    for (const { method, path, permission } of routes) {
      if (permission.kind !== "repository") continue;
      const action = path.includes("/uploads/") ? "push" : wanted[method];
      assert.ok(permission.actions.includes(action), `${method} ${path}`);
    }
  });

  test("requires a repository permission exactly on the Hub routes whose path has a repository", () => {
    const hub = routes.filter(isHubRoute);
    assert.ok(hub.length > 60);
    for (const { method, path, permission } of hub)
      assert.equal(
        /[:*]repository/.test(path),
        permission.requires.of === "repository",
        `${method} ${path}`,
      );
  });

  test("requires no permission only for health, metrics, OpenAPI, token, JWKS and search ping routes", () => {
    assert.deepEqual(
      routes.filter(({ permission }) => permission.kind === "none").map(({ path }) => path),
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
