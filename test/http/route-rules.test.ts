import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import * as z from "zod";
import { isHubRoute, type HubRoute, type Route } from "../../src/http/route.ts";
import { everyRoute, routeAt, titleOf } from "../support/route-table.ts";

/*
 * Rules for every route: it declares its permission, one file reads its body, and its answer has a size limit. A new
 * route that breaks a rule fails here. An exception is a line in this file, with its reason.
 */

/** Routes with a method other than GET that need no permission: clients log in with them. */
const changedByAnybody = [
  ...["post /token", "post /v2/users/login", "post /v2/auth/token"],
  ...["post /api/berth/v1/session", "delete /api/berth/v1/session"],
];

/** The size limit of the answer of a route that has no schema for it. */
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

/** Lists whose length is limited when they are written, or by the rows of one account. */
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

/** Names of the list in a paged answer, whose query has a page size; `""` is an answer that is a list itself. */
const pageLists = new Set(["", "results", "logs", "summaries"]);
const pageSizes = ["page_size", "size"];

const hubRoutes = everyRoute.filter(isHubRoute);
const registryRoutes = everyRoute.filter((route) => !isHubRoute(route));
const changes = ({ method }: Route): boolean => method !== "get";

interface JsonSchema {
  readonly type?: string;
  readonly maxItems?: number;
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly anyOf?: readonly JsonSchema[];
}

/** Names of the lists in an answer whose schema sets no maximum length; the answer itself is `""`. */
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

describe("the rules for all routes", () => {
  test("every route that changes something requires a permission, except the login routes", () => {
    const open = everyRoute.filter((route) => {
      if (!changes(route)) return false;
      return isHubRoute(route) ? route.requires.of === "anyone" : route.requires.kind === "none";
    });
    assert.deepEqual(open.map(titleOf), changedByAnybody);
  });

  test("every registry route that takes a body declares its kind, and no GET route takes a body", () => {
    for (const route of registryRoutes) {
      const kind = route.body ?? "none";
      if (!changes(route)) assert.equal(kind, "none", titleOf(route));
      else if (route.method !== "delete") assert.notEqual(kind, "none", titleOf(route));
    }
    for (const route of hubRoutes)
      if (route.body !== undefined) assert.ok(changes(route), `${titleOf(route)} has a body`);
  });

  test("only middleware/body.ts and middleware/early-end.ts read bytes from a request", () => {
    const folder = path.join(import.meta.dirname, "../../src/http");
    const reads =
      /\breq(?:uest)?\s*(?:\.(?:on|once|pipe|read|addListener)\(|\[Symbol\.asyncIterator\])|for await \([^)]*\breq(?:uest)?\)|\bpipeline\([^)]*\breq\b/;
    const readers = readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .filter((file) => reads.test(readFileSync(path.join(folder, file), "utf8")));
    // The second discards the rest of the body of a rejected request.
    assert.deepEqual(readers.toSorted(), ["middleware/body.ts", "middleware/early-end.ts"]);
  });

  test("every registry route that reads has a size limit for its answer in this file", () => {
    const reading = registryRoutes.filter((route) => !changes(route)).map(titleOf);
    assert.deepEqual(reading.toSorted(), Object.keys(bounds).toSorted());
    for (const title of Object.keys(bounds)) routeAt(title);
  });

  test("every list in an answer of a Hub GET route is paged or has a maximum length", () => {
    for (const route of hubRoutes) {
      const isPaged = pageSizes.some((size) => size in (route.query?.shape ?? {}));
      const loose = unboundedLists(answerOf(route)).filter(
        (name) => !boundedWhereWritten.has(name) && !(isPaged && pageLists.has(name)),
      );
      // A route that changes something answers only with the objects of its request.
      if (!changes(route)) assert.deepEqual(loose, [], titleOf(route));
    }
  });

  test("every paged Hub route limits or rejects a page size above 100", () => {
    for (const { query, ...route } of hubRoutes) {
      const name = pageSizes.find((size) => size in (query?.shape ?? {}));
      if (query === undefined || name === undefined) continue;
      const schema = query.shape[name] as z.ZodType;
      const parsed = schema.safeParse("1000000");
      assert.ok(!parsed.success || Number(parsed.data) <= 100, `${route.method} ${route.path}`);
    }
  });

  test("every route with a cached answer has the method GET and no body", () => {
    for (const route of everyRoute.filter(({ cacheable }) => cacheable)) {
      assert.equal(route.method, "get", titleOf(route));
      assert.equal(route.body, undefined, titleOf(route));
    }
  });
});
