import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { formatScope, parseScopes, TooManyScopesError } from "../../../src/auth/tokens/scope.ts";

const asked = (...parameters: string[]) =>
  parseScopes(parameters).map(({ name, actions }) => [name, ...actions]);

describe("scopes", () => {
  test("are parsed from repeated parameters, from lists separated by spaces, and from both", () => {
    const expected = [
      ["a/b", "pull"],
      ["c/d", "pull", "push"],
      ["e", "delete"],
    ];
    const [first, second, third] = [
      "repository:a/b:pull",
      "repository:c/d:pull,push",
      "repository:e:delete",
    ] as const;
    assert.deepEqual(asked(first, second, third), expected);
    assert.deepEqual(asked(`${first} ${second} ${third}`), expected);
    assert.deepEqual(asked(`${first} ${second}`, ` ${third} `), expected);
  });

  test("of one name are merged into one scope with all actions", () => {
    assert.deepEqual(asked("repository:a/b:pull", "repository:a/b:push,pull"), [
      ["a/b", "pull", "push"],
    ]);
  });

  test("keep the requested name, and have the repository name that it resolves to", () => {
    const [scope] = parseScopes(["repository:alpine:pull"]);
    assert.ok(scope?.type === "repository");
    assert.deepEqual([scope.name, scope.repository], ["alpine", "library/alpine"]);
  });

  test("may have a resource class, which is ignored", () => {
    assert.deepEqual(asked("repository(plugin):a/b:pull", "repository():c/d:pull"), [
      ["a/b", "pull"],
      ["c/d", "pull"],
    ]);
  });

  test("of type registry are accepted only as catalog:*", () => {
    assert.deepEqual(asked("registry:catalog:*", "registry:catalog:search", "registry:other:*"), [
      ["catalog", "*"],
    ]);
  });

  test("that are malformed, or have no known type or action, are ignored", () => {
    const senseless = [
      ...["", ":", "::", "repository", "repository:", "repository:a/b", "repository:a/b:"],
      ...["repository::pull", "repository:A/B:pull", "repository:a//b:pull", "image:a/b:pull"],
      ...["repository:host:5000/a/b:pull", "repository:../x:pull", "repository:users/x:pull"],
      ...["repository:a/b:admin", "repository(a:a/b:pull", "Repository:a/b:pull", "a\0b:c:pull"],
    ];
    assert.deepEqual(asked(...senseless, "repository:a/b:pull,admin"), [["a/b", "pull"]]);
  });

  test("beyond 100 throw TooManyScopesError", () => {
    const many = (count: number) =>
      Array.from({ length: count }, (_, at) => `repository:a/b${at}:pull`);
    assert.equal(parseScopes(many(100)).length, 100);
    assert.throws(() => parseScopes(many(101)), TooManyScopesError);
    assert.throws(() => parseScopes([many(101).join(" ")]), TooManyScopesError);
  });

  const component = fc.stringMatching(/^[a-z0-9]{1,8}$/).map((text) => `r${text}`);
  const scope = fc.record({
    type: fc.constant("repository" as const),
    name: fc.array(component, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/")),
    actions: fc.uniqueArray(fc.constantFrom("pull", "push", "delete", "*"), { minLength: 1 }),
  });

  test("are parsed back after formatting, with any split over parameters", () => {
    const scopes = fc.uniqueArray(scope, { maxLength: 20, selector: ({ name }) => name });
    fc.assert(
      fc.property(scopes, fc.array(fc.boolean()), (scopes, apart) => {
        const parameters: string[] = [];
        for (const [at, one] of scopes.entries()) {
          if (at === 0 || apart[at]) parameters.push(formatScope(one));
          else parameters.push(`${parameters.pop()} ${formatScope(one)}`);
        }
        assert.deepEqual(
          parseScopes(parameters).map(({ type, name, actions }) => ({ type, name, actions })),
          scopes.map(({ type, name, actions }) => ({ type, name, actions })),
        );
      }),
    );
  });

  test("parsed from any text never throw, and have only valid repository names", () => {
    const piece = fc.oneof(
      fc.constantFrom("repository", "registry", "catalog", ":", "::", ",", "*", "(", ")", "pull"),
      fc.constantFrom("a/b", "UPPER", "..", "host:5000/a", "library/", "-", "a".repeat(300)),
      fc.string({ maxLength: 5 }),
    );
    const text = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(""));
    fc.assert(
      fc.property(fc.array(text, { maxLength: 9 }), (parameters) => {
        for (const scope of parseScopes(parameters)) {
          assert.ok(scope.actions.length > 0);
          if (scope.type === "repository")
            assert.match(scope.repository, /^[a-z0-9][a-z0-9/._-]+$/);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("parsed from very long malformed texts include only the valid scope", () => {
    const hostile = [
      `repository:${"a:".repeat(20_000)}`,
      `repository:${"a/".repeat(20_000)}:pull`,
      `repository:a:${"pull,".repeat(20_000)}`,
      `${"(".repeat(40_000)}:a:pull`,
    ];
    assert.deepEqual(asked(...hostile), [["a", "pull"]]);
  });
});
