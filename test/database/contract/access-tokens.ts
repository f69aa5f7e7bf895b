import { ids } from "./access.ts";
import { app, by, change, type Step } from "./support.ts";

/** Access tokens, and the permissions of requests with and without one, after the steps of `access.ts`. */
export const accessTokensSteps: readonly Step[] = [
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
  [(db) => db.accessTokens.labelOf("token"), "laptop"],
  [(db) => db.accessTokens.labelOf("none"), undefined],
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
