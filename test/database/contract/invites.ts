import { ids } from "./access.ts";
import { app, by, change, type Step } from "./support.ts";

/** Invites, and the end of accounts, after the steps of `access-tokens.ts`. */
export const invitesSteps: readonly Step[] = [
  [(db) => db.commands.createAccount({ ...change, name: "cid", kind: "user" }), 6],
  [
    (db) =>
      db.commands.createInvite({
        ...by(ids.ann, "ann"),
        id: "invite",
        organisation: "team",
        user: "cid",
        team: "site",
        role: "member",
      }),
    "invited",
  ],
  [
    (db) => db.invites.ofOrganisation("team"),
    [
      {
        id: "invite",
        organisation: "team",
        user: "cid",
        team: "site",
        role: "member",
        inviter: "ann",
        createdAtMs: 1000,
      },
    ],
  ],
  [
    (db) => db.invites.ofUser(ids.cid),
    [
      {
        id: "invite",
        organisation: "team",
        user: "cid",
        team: "site",
        role: "member",
        inviter: "ann",
        createdAtMs: 1000,
      },
    ],
  ],
  [
    (db) => db.invites.find("invite"),
    {
      id: "invite",
      organisation: "team",
      user: "cid",
      team: "site",
      role: "member",
      inviter: "ann",
      createdAtMs: 1000,
    },
  ],
  [(db) => db.commands.acceptInvite({ ...by(ids.bob, "bob"), id: "invite" }), false],
  [(db) => db.commands.acceptInvite({ ...by(ids.cid, "cid"), id: "invite" }), true],
  [(db) => db.commands.deleteInvite({ ...change, id: "invite" }), false],
  [
    (db) =>
      db.commands.removeTeamMember({ ...change, organisation: "team", team: "site", user: "cid" }),
    "removed",
  ],
  [(db) => db.commands.removeMember({ ...change, organisation: "team", user: "cid" }), "removed"],
  [
    (db) => db.commands.removeMember({ ...change, organisation: "team", user: "ann" }),
    "last-owner",
  ],
  [
    (db) =>
      db.commands.setTeamPermission({
        ...change,
        organisation: "team",
        team: "site",
        repository: app,
      }),
    "set",
  ],
  [(db) => db.commands.deleteTeam({ ...change, organisation: "team", team: "site" }), "deleted"],
  [
    (db) => db.commands.deleteAccount({ ...change, name: "ann", kind: "user" }),
    { kind: "last-owner", organisations: ["team"] },
  ],
  [
    (db) => db.commands.deleteAccount({ ...change, name: "team", kind: "organisation" }),
    { kind: "has-repositories", count: 1 },
  ],
  [
    (db) => db.commands.deleteAccount({ ...change, name: "cid", kind: "user" }),
    { kind: "deleted" },
  ],
  [
    (db) => db.audit.list({ action: "org.team", limit: 2 }),
    [
      {
        id: 25,
        actor: "admin",
        account: "team",
        action: "org.team.delete",
        subject: "site",
        peer: "::1",
        atMs: 1000,
        data: {},
      },
      {
        id: 24,
        actor: "admin",
        account: "team",
        action: "org.team.permission",
        subject: "site",
        peer: "::1",
        atMs: 1000,
        data: { repository: "team/app", permission: "none" },
      },
    ],
  ],
  [
    (db) => db.activity.page({ repository: app, except: "repo.collaborator", limit: 5 }),
    {
      entries: [
        {
          ...{ id: 9, atMs: 1_000, actor: "admin", peer: "::1" },
          ...{ action: "repo.create", subject: "team/app", data: { visibility: "private" } },
        },
      ],
      next: undefined,
    },
  ],
  [
    (db) =>
      db.activity
        .page({ repository: app, action: "repo", limit: 1 })
        .then(({ entries, next }) => [entries.map(({ id, action }) => [id, action]), next]),
    [[[12, "repo.collaborator"]], 12],
  ],
  [
    (db) => db.activity.page({ repository: app, actor: "ann", before: 7, limit: 1 }),
    { entries: [], next: undefined },
  ],
  [
    (db) =>
      db.audit.list({
        account: "ann",
        accountId: ids.ann,
        actor: "ann",
        fromMs: 0,
        toMs: 2_000,
        skip: 0,
        limit: 5,
      }),
    [
      {
        id: 13,
        actor: "ann",
        account: "ann",
        action: "user.access_token.create",
        subject: "laptop",
        peer: "::1",
        atMs: 1000,
        data: { id: "token" },
      },
    ],
  ],
];
