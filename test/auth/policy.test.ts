import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Grant } from "../../src/auth/principal.ts";
import { createOpenPolicy, createPolicy, type Action } from "../../src/auth/policy.ts";
import type { RepositoryFacts } from "../../src/database/facts.ts";
import { parseRepositoryName, type RepositoryName } from "../../src/oci/name.ts";

const there = parseRepositoryName("team/private");
const absent = parseRepositoryName("team/missing");
const open = parseRepositoryName("team/public");

/** A policy over these repositories, and the lookups that it has made. */
function setting(removals: Readonly<Record<string, number>> = {}) {
  const asked: string[] = [];
  const factsOf = (name: RepositoryName): RepositoryFacts => ({
    name,
    isThere: name !== absent,
    isHosted: name !== absent,
    isPublic: name === open,
    removal: removals[name] ?? 0,
    hasNamespace: true,
  });
  const facts = {
    get: (name: RepositoryName) => {
      asked.push(name);
      return Promise.resolve(factsOf(name));
    },
  };
  const policy = createPolicy({
    facts,
    permissionReader: {
      actions: (_, names) => {
        asked.push(`rights of ${names.join(" ")}`);
        return Promise.resolve(new Map(names.map((name) => [name, new Set<Action>(["pull"])])));
      },
    },
  });
  return { policy, asked, facts, factsOf };
}

const grant = (more: Partial<Grant> = {}): Grant => ({
  principal: { kind: "user", accountId: 7, name: "mia", isAdmin: false, by: "password" },
  actions: new Map(),
  catalog: false,
  removals: 0,
  absent: new Set(),
  live: false,
  expiresAtMs: undefined,
  ...more,
});
const repository = (...actions: Action[]) => ({ kind: "repository", actions }) as const;

describe("the policy", () => {
  test("requires every action that a route declares", () => {
    const { policy, factsOf } = setting();
    const pulling = grant({ actions: new Map([[there, new Set<Action>(["pull"])]]) });
    const allows = (...actions: Action[]): boolean =>
      policy.allows({
        grant: pulling,
        permission: repository(...actions),
        repository: factsOf(there),
      });
    assert.deepEqual(
      [allows("pull"), allows("push"), allows("pull", "push"), allows("delete")],
      [true, false, false, false],
    );
  });

  test("rejects an empty grant without any lookup, whether the repository exists or not", async () => {
    const { policy, asked } = setting();
    for (const name of [there, absent, open]) {
      const permission = repository("pull");
      const now = await policy.recheckPermission(grant(), name);
      assert.equal(policy.allows({ ...now, permission }), false);
    }
    assert.deepEqual(asked, []);
  });

  test("rejects a grant that is older than the deletion of its repository", () => {
    const { policy, factsOf } = setting({ [there]: 5 });
    const actions = new Map([
      [there, new Set<Action>(["pull"])],
      [absent, new Set<Action>(["pull"])],
    ]);
    const allows = (removals: number, name = there): boolean =>
      policy.allows({
        ...{ grant: grant({ actions, removals }), permission: repository("pull") },
        repository: factsOf(name),
      });
    assert.deepEqual([allows(4), allows(5), allows(6)], [false, true, true]);
    assert.equal(allows(4, absent), true);
  });

  test("permits a mount from a repository that the grant covers or that is public", async () => {
    const { policy, asked } = setting({ [there]: 5 });
    const actions = new Map([[there, new Set<Action>(["pull"])]]);
    assert.equal(await policy.mayRead(grant({ actions, removals: 5 }), there), true);
    assert.equal(await policy.mayRead(grant({ actions, removals: 4 }), there), false);
    assert.equal(await policy.mayRead(grant(), open), true);
    assert.equal(await policy.mayRead(grant(), there), false);
    assert.ok(!asked.some((text) => text.startsWith("rights")));
  });

  test("reads the permissions of a password login from the database", async () => {
    const { policy, asked } = setting();
    assert.equal(await policy.mayRead(grant({ live: true }), there), true);
    assert.deepEqual(asked, [there, `rights of ${there}`]);
  });

  test("permits the catalog only to a grant with the catalog", () => {
    const { policy } = setting();
    const allows = (catalog: boolean): boolean =>
      policy.allows({
        ...{ grant: grant({ catalog }), permission: { kind: "catalog" } },
        repository: undefined,
      });
    assert.deepEqual([allows(true), allows(false)], [true, false]);
  });

  test("of open mode allows everything", async () => {
    const { facts, factsOf } = setting();
    const policy = createOpenPolicy(facts);
    const permission = repository("pull", "push", "delete");
    assert.equal(policy.allows({ grant: grant(), permission, repository: factsOf(there) }), true);
    assert.equal(await policy.mayRead(grant(), there), true);
    assert.deepEqual(policy.visibilityFor(grant()), { kind: "everything" });
  });
});
