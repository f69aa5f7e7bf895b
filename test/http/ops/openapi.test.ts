import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { openApiOf } from "../../../src/http/ops/openapi.ts";
import { everyRoute } from "../../support/route-table.ts";

interface Operation {
  readonly operationId: string;
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
  readonly responses: Readonly<Record<string, unknown>>;
}

const document = openApiOf(everyRoute) as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
};
const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
);

describe("the OpenAPI document", () => {
  test("is the same in docs/openapi.json as served", () => {
    const file = path.join(import.meta.dirname, "../../../docs/openapi.json");
    const written: unknown = JSON.parse(readFileSync(file, "utf8"));
    assert.deepEqual(written, JSON.parse(JSON.stringify(document)), "run `npm run openapi`");
  });

  test("has every route, and a HEAD for every GET", () => {
    assert.equal(
      operations.filter(({ method }) => method !== "head").length,
      new Set(everyRoute.map(({ method, path }) => `${method} ${path}`)).size,
    );
    for (const item of Object.values(document.paths)) assert.equal("get" in item, "head" in item);
  });

  test("has unique operation ids and declares every path parameter", () => {
    const ids = operations.map(({ operation }) => operation.operationId);
    assert.equal(new Set(ids).size, ids.length);
    for (const { path, operation } of operations) {
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const declared = operation.parameters.filter((one) => one.in === "path");
      assert.deepEqual(
        declared.map(({ name }) => name),
        named,
      );
    }
  });

  test("has only references to components that it defines", () => {
    const text = JSON.stringify(document);
    for (const [, name = ""] of text.matchAll(/"#\/components\/\w+\/(\w+)"/g))
      assert.ok(text.includes(`"${name}":{`), name);
    assert.doesNotMatch(text, /"\$ref":"#\/(?:\$defs|definitions)/);
  });
});
