import { app, base, by, change, type Step } from "./support.ts";

export const ids = { ann: 3, bob: 4, team: 5, cid: 6, site: 1, app: 1 };

/** Permissions, access tokens, invites, and the end of accounts. */
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
  [
    (db) =>
      db.commands.createAccessToken({
        ...by(ids.ann, "ann"),
        id: "token",
        accountId: ids.ann,
        label: "laptop",
        description: "",
        secretHash: "secret",
        scopes: ["repo:write"],
        expiresAtMs: null,
        creatorAgent: "docker",
      }),
    true,
  ],
  [
    (db) =>
      db.commands.createAccessToken({
        ...by(ids.ann, "ann"),
        id: "robot",
        accountId: ids.team,
        label: "ci",
        description: "",
        secretHash: "other",
        scopes: [],
        resources: [{ type: "TYPE_REPO", path: "team/*", scopes: ["scope-image-pull"] }],
        expiresAtMs: 9_000,
        creatorAgent: "",
      }),
    true,
  ],
  [(db) => db.commands.touchAccessToken({ id: "token", nowMs: 1_500 }), undefined],
  [
    (db) => db.accessTokens.login("secret"),
    {
      token: {
        id: "token",
        label: "laptop",
        description: "",
        createdAtMs: 1000,
        expiresAtMs: null,
        lastUsedAtMs: 1500,
        scopes: ["repo:write"],
        resources: [],
        isActive: true,
      },
      account: { id: 3, name: "ann", kind: "user", isAdmin: false, disabled: false },
    },
  ],
  [
    (db) => db.accessTokens.list(ids.team),
    [
      {
        id: "robot",
        label: "ci",
        description: "",
        createdAtMs: 1000,
        expiresAtMs: 9000,
        lastUsedAtMs: null,
        scopes: [],
        resources: [{ type: "TYPE_REPO", path: "team/*", scopes: ["scope-image-pull"] }],
        isActive: true,
      },
    ],
  ],
  [
    (db) => db.accessTokens.origins(ids.ann),
    [{ id: "token", peer: "::1", agent: "docker", createdBy: "ann" }],
  ],
  [
    (db) =>
      db.commands.updateAccessToken({
        ...change,
        accountId: ids.ann,
        id: "token",
        label: "desk",
        isActive: false,
      }),
    true,
  ],
  [
    (db) => db.permissions.facts(ids.ann, "token", { repository: app }),
    {
      account: {
        id: 3,
        name: "ann",
        kind: "user",
        passwordChangedAtMs: null,
        isAdmin: false,
        disabled: false,
      },
      token: { isActive: false, expiresAtMs: null, scopes: ["repo:write"], resources: [] },
      repositoryFacts: {
        account: {
          id: 3,
          name: "ann",
          kind: "user",
          passwordChangedAtMs: null,
          isAdmin: false,
          disabled: false,
        },
        roles: new Map<unknown, unknown>([["team", "owner"]]),
        repositories: new Map<unknown, unknown>([
          ["team/app", { visibility: "private", role: undefined }],
        ]),
      },
      role: "owner",
      home: "organisation",
      removal: 0,
    },
  ],
  [
    (db) => db.permissions.facts(ids.bob, undefined, { namespace: "team" }),
    {
      account: {
        id: 4,
        name: "bob",
        kind: "user",
        passwordChangedAtMs: null,
        isAdmin: false,
        disabled: false,
      },
      token: undefined,
      repositoryFacts: {
        account: {
          id: 4,
          name: "bob",
          kind: "user",
          passwordChangedAtMs: null,
          isAdmin: false,
          disabled: false,
        },
        roles: new Map<unknown, unknown>([["team", "member"]]),
        repositories: new Map<unknown, unknown>([]),
      },
      role: "member",
      home: "organisation",
      removal: 0,
    },
  ],
  [
    (db) => db.permissions.facts(undefined, undefined, {}),
    {
      account: undefined,
      token: undefined,
      repositoryFacts: {
        account: undefined,
        roles: new Map<unknown, unknown>([]),
        repositories: new Map<unknown, unknown>([]),
      },
      role: undefined,
      home: undefined,
      removal: 0,
    },
  ],
  [(db) => db.commands.deleteAccessToken({ ...change, accountId: ids.ann, id: "token" }), true],
  [(db) => db.commands.deleteAccessToken({ ...change, accountId: ids.ann, id: "token" }), false],
];
