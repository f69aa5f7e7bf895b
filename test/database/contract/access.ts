import { app, base, change, type Step } from "./support.ts";

export const ids = { ann: 3, bob: 4, team: 5, cid: 6, site: 1, app: 1 };

const access = { repositoryId: ids.app, namespace: "team" };

/** Permissions of teams and collaborators. */
export const accessSteps: readonly Step[] = [
  [
    (db) =>
      db.commands.createFirstAdministrator({ ...change, names: ["root"], passwordHash: undefined }),
    "root",
  ],
  [(db) => db.commands.createAccount({ ...change, name: "ann", kind: "user" }), 3],
  [(db) => db.commands.createAccount({ ...change, name: "bob", kind: "user" }), 4],
  [(db) => db.commands.createAccount({ ...change, name: "team", kind: "organisation" }), 5],
  [
    (db) =>
      db.commands.setMember({
        ...change,
        organisation: "team",
        user: "ann",
        role: "owner",
        newcomers: "add",
      }),
    "added",
  ],
  [
    (db) =>
      db.commands.setMember({
        ...change,
        organisation: "team",
        user: "bob",
        role: "member",
        newcomers: "add",
      }),
    "added",
  ],
  [
    (db) =>
      db.commands.createTeam({
        ...change,
        organisation: "team",
        team: "site",
        description: "pages",
      }),
    "created",
  ],
  [
    (db) =>
      db.commands.addTeamMember({ ...change, organisation: "team", team: "site", user: "bob" }),
    "added",
  ],
  [
    (db) => db.commands.createRepository({ ...change, repository: app, visibility: "private" }),
    "created",
  ],
  [
    (db) =>
      db.commands.setTeamPermission({
        ...change,
        organisation: "team",
        team: "site",
        repository: app,
        permission: "write",
      }),
    "set",
  ],
  [(db) => db.teams.permissions(ids.site), [{ repository: "team/app", permission: "write" }]],
  [(db) => db.teams.onRepository(ids.app), [{ id: 1, name: "site", permission: "write" }]],
  [
    (db) =>
      db.commands.setCollaborator({ ...change, repository: app, user: "bob", permission: "admin" }),
    "set",
  ],
  [(db) => db.collaborators.list(ids.app), [{ name: "bob", permission: "admin" }]],
  [(db) => db.repositoryAccess.countPeople(access), 3],
  [(db) => db.repositoryAccess.countPeople(access, "O"), 2],
  [
    (db) => db.repositoryAccess.people(access, { search: "", limit: 2, offset: 1 }),
    [
      { id: ids.bob, name: "bob", fullName: "" },
      { id: 2, name: "root", fullName: "" },
    ],
  ],
  [
    (db) => db.repositoryAccess.reasons(access, [2, ids.ann, ids.bob], 10),
    [
      { userId: 2, kind: "admin", team: null, permission: "admin" },
      { userId: ids.ann, kind: "owner", team: null, permission: "admin" },
      { userId: ids.bob, kind: "own", team: null, permission: "admin" },
      { userId: ids.bob, kind: "team", team: "site", permission: "write" },
    ],
  ],
  // The limit is that of each user.
  [
    (db) => db.repositoryAccess.reasons(access, [2, ids.bob], 1),
    [
      { userId: 2, kind: "admin", team: null, permission: "admin" },
      { userId: ids.bob, kind: "own", team: null, permission: "admin" },
    ],
  ],
  [
    (db) => db.repositoryAccess.reasons({ ...access, namespace: "bob" }, [ids.bob], 2),
    [
      { userId: ids.bob, kind: "own", team: null, permission: "admin" },
      { userId: ids.bob, kind: "owner", team: null, permission: "admin" },
    ],
  ],
  [
    (db) => db.repositoryAccess.teams(ids.app, 10),
    [{ name: "site", permission: "write", members: 1 }],
  ],
  [
    (db) => db.repositoryAccess.ofTeam(ids.site, { kind: "everything" }, { limit: 10 }),
    [{ name: "team/app", permission: "write" }],
  ],
  [
    (db) => db.repositoryAccess.ofTeam(ids.site, { kind: "everything" }, { last: app, limit: 1 }),
    [],
  ],
  [(db) => db.repositoryAccess.countOfTeam(ids.site, { kind: "user", accountId: ids.bob }), 1],
  [(db) => db.repositoryAccess.countOfTeam(ids.site, { kind: "public" }), 0],
  [
    (db) => db.repositoryPermissions.facts(ids.bob, [app, base]),
    {
      account: { name: "bob", isAdmin: false, disabled: false },
      roles: new Map<unknown, unknown>([["team", "member"]]),
      repositories: new Map<unknown, unknown>([
        ["team/app", { visibility: "private", role: "admin" }],
      ]),
    },
  ],
  [
    (db) => db.repositoryPermissions.facts(undefined, []),
    {
      account: undefined,
      roles: new Map<unknown, unknown>([]),
      repositories: new Map<unknown, unknown>([]),
    },
  ],
  [(db) => db.commands.setCollaborator({ ...change, repository: app, user: "bob" }), "set"],
  [
    (db) => db.repositoryPermissions.facts(ids.bob, [app]),
    {
      account: { name: "bob", isAdmin: false, disabled: false },
      roles: new Map<unknown, unknown>([["team", "member"]]),
      repositories: new Map<unknown, unknown>([
        ["team/app", { visibility: "private", role: "write" }],
      ]),
    },
  ],
];
