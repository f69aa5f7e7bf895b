import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { visibleTo } from "../../../src/auth/visibility.ts";
import type { Principal, PersonalScope } from "../../../src/database/permissions/principal.ts";
import { openTestDatabase } from "../../support/database.ts";

/** Each repository is visible for a different reason. Its name says which accounts see it besides administrators. */
const repositories = [
  ["ann/mine", "private"],
  ["ann/open", "public"],
  ["ben/given-to-ann", "private"],
  ["ben/open", "public"],
  ["ben/secret", "private"],
  ["library/alpine", "public"],
  ["library/hidden", "private"],
  ["org/deep/for-the-robot", "private"],
  ["org/given-to-a-team-of-cat", "private"],
  ["org/secret", "private"],
] as const;

async function openCatalog() {
  const { tables, catalog } = await openTestDatabase();
  await tables.exec(`
    INSERT INTO accounts (id, name, kind, is_admin, created_at) VALUES (11, 'root', 'user', 1, 0),
      (12, 'ann', 'user', 0, 0), (13, 'ben', 'user', 0, 0), (14, 'cat', 'user', 0, 0), (20, 'org', 'organisation', 0, 0);
    INSERT INTO members VALUES (20, 13, 'owner', 0), (20, 14, 'editor', 0), (20, 12, 'member', 0);
    INSERT INTO teams (id, organisation_id, name, created_at) VALUES (1, 20, 'dev', 0);
    INSERT INTO team_members VALUES (1, 14, 0);`);
  for (const [name, visibility] of repositories) {
    const namespace = name.slice(0, name.indexOf("/"));
    const times = { created_at: 0, updated_at: 0 };
    await tables.insert("repositories", { name, namespace, visibility, ...times });
  }
  await tables.exec(`
    INSERT INTO collaborators SELECT id, 12, 'read' FROM repositories WHERE name = 'ben/given-to-ann';
    INSERT INTO team_permissions SELECT 1, id, 'read' FROM repositories WHERE name = 'org/given-to-a-team-of-cat';`);
  return catalog;
}

const user = (accountId: number, name: string, isAdmin = false) => ({
  ...({ kind: "user", accountId, name, isAdmin, by: "password" } as const),
});
const scoped = (scope: PersonalScope) =>
  ({ by: "access-token", accessToken: "a token", scope }) as const;
const robot = (path: string, ...scopes: readonly string[]): Principal => ({
  ...{ kind: "organisation", accountId: 20, name: "org", accessToken: "a token" },
  resources: [{ type: "TYPE_REPO", path, scopes }],
});
const everything = repositories.map(([name]) => name);
const open = ["ann/open", "ben/open", "library/alpine"];
const withOpen = (...names: readonly string[]) => [...open, ...names].toSorted();

const catalogs: readonly (readonly [string, Principal, readonly string[]])[] = [
  ["anonymous", { kind: "anonymous" }, open],
  ["an administrator", user(11, "root", true), everything],
  [
    "a token of an administrator",
    { ...user(11, "root", true), ...scoped("repo:read") },
    everything,
  ],
  [
    "a token for what is public",
    { ...user(11, "root", true), ...scoped("repo:public_read") },
    open,
  ],
  ["a user and collaborator", user(12, "ann"), withOpen("ann/mine", "ben/given-to-ann")],
  [
    "an owner of an organisation",
    user(13, "ben"),
    everything.filter((name) => open.includes(name) || /^(?:ben|org)\//.test(name)),
  ],
  ["a member of a team", user(14, "cat"), withOpen("org/given-to-a-team-of-cat")],
  ["an account that is gone", user(99, "org"), open],
  ["a robot", robot("org/d*", "scope-image-push"), withOpen("org/deep/for-the-robot")],
  [
    "a robot for all of its organisation",
    robot("*", "scope-image-pull"),
    everything.filter((name) => open.includes(name) || name.startsWith("org/")),
  ],
  ["a robot of another place", robot("ben/*", "scope-image-pull"), open],
  ["a robot whose path has more than stars", robot("org/[a-z]*", "scope-image-pull"), open],
  ["a robot that may not pull", robot("org/*", "scope-repository-read"), open],
];

describe("the catalog", async () => {
  const catalog = await openCatalog();

  for (const [who, principal, expected] of catalogs) {
    test(`of ${who} lists the repositories that the principal may pull, in order, for any page size`, async () => {
      const visibility = visibleTo(principal);
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 1, max: 12 }), async (limit) => {
          const names: string[] = [];
          for (let more = true; more;) {
            const page = await catalog.list(visibility, { last: names.at(-1), limit });
            names.push(...page.items);
            more = page.more;
          }
          assert.deepEqual(names, expected);
        }),
      );
      const behind = await catalog.list(visibility, { last: "ben/o", limit: 100 });
      assert.deepEqual(
        behind.items,
        expected.filter((name) => name > "ben/o"),
      );
    });
  }
});
