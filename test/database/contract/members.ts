import { change, type Step } from "./support.ts";

const ids = { ann: 3, bob: 4, team: 5, site: 1 };

/** Members and teams of an organisation, after the steps of `accounts.ts`. */
export const membersSteps: readonly Step[] = [
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
        newcomers: "refuse",
      }),
    "not-a-member",
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
      db.commands.setMember({
        ...change,
        organisation: "team",
        user: "ann",
        role: "member",
        newcomers: "add",
      }),
    "last-owner",
  ],
  [
    (db) => db.members.list(ids.team, { limit: 1 }),
    { items: [{ name: "ann", role: "owner", sinceMs: 1000 }], more: true },
  ],
  [(db) => db.memberships.roleIn("team", ids.bob), "member"],
  [
    (db) => db.memberships.ofUser(ids.bob, { limit: 5, offset: 0 }),
    [{ id: 5, name: "team", fullName: "", createdAtMs: 1000, role: "member", teams: 0 }],
  ],
  [(db) => db.memberships.countOfUser(ids.bob), 1],
  [
    (db) =>
      db.commands.createTeam({
        ...change,
        organisation: "team",
        team: "web",
        description: "pages",
      }),
    "created",
  ],
  [
    (db) =>
      db.commands.createTeam({ ...change, organisation: "team", team: "web", description: "" }),
    "exists",
  ],
  [
    (db) =>
      db.commands.createTeam({ ...change, organisation: "team", team: "api", description: "" }),
    "created",
  ],
  [
    (db) => db.commands.updateTeam({ ...change, organisation: "team", team: "web", name: "site" }),
    "updated",
  ],
  [
    (db) =>
      db.commands.addTeamMember({ ...change, organisation: "team", team: "site", user: "bob" }),
    "added",
  ],
  [
    (db) =>
      db.commands.addTeamMember({ ...change, organisation: "team", team: "api", user: "bob" }),
    "added",
  ],
  [
    (db) =>
      db.commands.addTeamMember({ ...change, organisation: "team", team: "api", user: "bob" }),
    "unchanged",
  ],
  [
    (db) => db.teams.list(ids.team),
    [
      { id: 2, name: "api", description: "", members: 1 },
      { id: 1, name: "site", description: "pages", members: 1 },
    ],
  ],
  [(db) => db.teams.members(ids.site), ["bob"]],
  [(db) => db.teams.namesOfUser(ids.team, "bob"), new Set(["site", "api"])],
  [
    (db) => db.memberships.list(ids.team, { limit: 10, offset: 0 }),
    {
      count: 2,
      items: [
        {
          id: 3,
          name: "ann",
          fullName: "Ann Élise",
          email: "ann@example.com",
          createdAtMs: 1000,
          role: "owner",
          teams: [],
        },
        {
          id: 4,
          name: "bob",
          fullName: "",
          email: null,
          createdAtMs: 1000,
          role: "member",
          teams: ["api", "site"],
        },
      ],
    },
  ],
  [
    (db) => db.memberships.list(ids.team, { search: "ANN@E", limit: 10, offset: 0 }),
    {
      count: 1,
      items: [
        {
          id: 3,
          name: "ann",
          fullName: "Ann Élise",
          email: "ann@example.com",
          createdAtMs: 1000,
          role: "owner",
          teams: [],
        },
      ],
    },
  ],
  [
    (db) => db.memberships.list(ids.team, { search: "%", limit: 10, offset: 0 }),
    { count: 0, items: [] },
  ],
  [
    (db) =>
      db.memberships.list(ids.team, { role: "member", teamId: ids.site, limit: 10, offset: 0 }),
    {
      count: 1,
      items: [
        {
          id: 4,
          name: "bob",
          fullName: "",
          email: null,
          createdAtMs: 1000,
          role: "member",
          teams: ["api", "site"],
        },
      ],
    },
  ],
];
