import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { z } from "zod";
import type { HubRoute } from "../../src/http/hub/route.ts";
import { isHubRoute } from "../../src/http/ops/openapi.ts";
import type { Route } from "../../src/http/route.ts";
import { everyRoute, routeAt, titleOf } from "../support/route-table.ts";

/*
 * The rules that hold for every route: who may ask is declared, the body is read in one place, the answer is bounded. A
 * new route that breaks one fails here; an exception is a line in this file, with its reason.
 */

/** Routes that change something for a client without an account; they are how a client shows who it is. */
const changedByAnybody = ["post /token", "post /v2/users/login", "post /v2/auth/token"];

/** What bounds the answer of a route that has no schema for it. */
const bounds: Readonly<Record<string, string>> = {
  "get /healthz": "constant",
  "get /readyz": "constant",
  "get /openapi.json": "the route table",
  "get /metrics": "the metrics that are registered",
  "get /token": "limits of a form",
  "get /.well-known/jwks.json": "the signing keys",
  "get /v2": "constant",
  "get /v2/": "constant",
  "get /v1/_ping": "constant",
  "get /v1/search": "100 results",
  "get /v2/_catalog": "limits.pageSize",
  "get /v2/*name/tags/list": "limits.pageSize",
  "get /v2/*name/referrers/:digest": "limits.pageSize",
  "get /v2/*name/manifests/:reference": "limits.manifestSize",
  "get /v2/*name/blobs/:digest": "streamed, never held",
  "get /v2/*name/blobs/uploads/:id": "headers only",
};

/** Lists that are bounded when they are written, or by what there is of one account. */
const boundedWhereWritten = new Set([
  ...[
    "scopes",
    "resources",
    "rules",
    "immutable_tags",
    "media_types",
    "content_types",
    "categories",
  ],
  ...["operating_systems", "architectures", "os_versions", "types"],
  ...["groups", "user_groups", "namespaces", "data"],
]);

/** The list of a page, where the query says how long a page is; `""` is an answer that is a list itself. */
const pageLists = new Set(["", "results", "logs", "summaries"]);
const pageSizes = ["page_size", "size"];

const hubRoutes = everyRoute.filter(isHubRoute);
const registryRoutes = everyRoute.filter((route): route is Route => !isHubRoute(route));
const changes = ({ method }: Route | HubRoute): boolean => method !== "get";

interface JsonSchema {
  readonly type?: string;
  readonly maxItems?: number;
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly anyOf?: readonly JsonSchema[];
}

/** Names of the lists in an answer that have no limit of their own; the answer itself is `""`. */
function unboundedLists(schema: JsonSchema, name = ""): string[] {
  const below = [
    ...Object.entries(schema.properties ?? {}).flatMap(([key, inner]) =>
      unboundedLists(inner, key),
    ),
    ...(schema.anyOf ?? []).flatMap((inner) => unboundedLists(inner, name)),
    ...(schema.items === undefined ? [] : unboundedLists(schema.items, name)),
  ];
  const isUnbounded = schema.type === "array" && schema.maxItems === undefined;
  return isUnbounded ? [name, ...below] : below;
}

const answerOf = ({ answer }: HubRoute): JsonSchema =>
  answer === undefined
    ? {}
    : (z.toJSONSchema(answer, { io: "output", unrepresentable: "any" }) as JsonSchema);

describe("every route", () => {
  test("that changes something asks for a permission, but for those that tell who a client is", () => {
    const open = everyRoute.filter((route) => {
      if (!changes(route)) return false;
      const { permission } = route;
      return (
        permission.kind === "none" ||
        (permission.kind === "hub" && permission.requires.of === "nobody")
      );
    });
    assert.deepEqual(open.map(titleOf), changedByAnybody);
  });

  test("that takes a body declares its kind, so that the router reads it", () => {
    for (const route of registryRoutes) {
      const kind = route.body ?? "none";
      if (!changes(route)) assert.equal(kind, "none", titleOf(route));
      else if (route.method !== "delete") assert.notEqual(kind, "none", titleOf(route));
    }
    for (const route of hubRoutes)
      if (route.body !== undefined) assert.ok(changes(route), `${titleOf(route)} has a body`);
  });

  test("gets its body from the one file that reads bodies", () => {
    const folder = path.join(import.meta.dirname, "../../src/http");
    const reads =
      /\breq(?:uest)?\s*(?:\.(?:on|once|pipe|read|addListener)\(|\[Symbol\.asyncIterator\])|for await \([^)]*\breq(?:uest)?\)|\bpipeline\([^)]*\breq\b/;
    const readers = readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .filter((file) => reads.test(readFileSync(path.join(folder, file), "utf8")));
    // The second drops what is left of the body of a refused request.
    assert.deepEqual(readers.toSorted(), ["middleware/body.ts", "middleware/early-end.ts"]);
  });

  test("of the registry names what bounds its answer", () => {
    const reading = registryRoutes.filter((route) => !changes(route)).map(titleOf);
    assert.deepEqual(reading.toSorted(), Object.keys(bounds).toSorted());
    for (const title of Object.keys(bounds)) routeAt(title);
  });

  test("of the Hub-shaped API answers with lists that are pages, or have a limit", () => {
    for (const route of hubRoutes) {
      const isPaged = pageSizes.some((size) => size in (route.query?.shape ?? {}));
      const loose = unboundedLists(answerOf(route)).filter(
        (name) => !boundedWhereWritten.has(name) && !(isPaged && pageLists.has(name)),
      );
      // What changes something answers with what it was asked to change.
      if (!changes(route)) assert.deepEqual(loose, [], titleOf(route));
    }
  });

  test("with pages gives out at most 100 entries, however many are asked for", () => {
    for (const { query, ...route } of hubRoutes) {
      const name = pageSizes.find((size) => size in (query?.shape ?? {}));
      if (query === undefined || name === undefined) continue;
      const schema = query.shape[name] as z.ZodType;
      const parsed = schema.safeParse("1000000");
      assert.ok(!parsed.success || Number(parsed.data) <= 100, `${route.method} ${route.path}`);
    }
  });

  test("whose answer is cached only reads", () => {
    for (const route of hubRoutes) if (route.cacheable) assert.ok(!changes(route), titleOf(route));
  });
});
