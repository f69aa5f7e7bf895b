import { change, type Step } from "./support.ts";

const ann = {
  id: 3,
  name: "ann",
  kind: "user",
  fullName: "Ann Élise",
  email: "ann@example.com",
  isAdmin: false,
  disabled: false,
  createdAtMs: 1000,
};
const bob = {
  id: 4,
  name: "bob",
  kind: "user",
  fullName: "",
  email: null,
  isAdmin: false,
  disabled: false,
  createdAtMs: 1000,
};

/** Users, organisations and logins. */
export const accountsSteps: readonly Step[] = [
  [
    (db) =>
      db.commands.createFirstAdministrator({ ...change, names: ["root"], passwordHash: "hash" }),
    "root",
  ],
  [
    (db) =>
      db.commands.createAccount({
        ...change,
        name: "ann",
        kind: "user",
        fullName: "Ann Élise",
        email: "ann@example.com",
        passwordHash: "h",
      }),
    3,
  ],
  [(db) => db.commands.createAccount({ ...change, name: "bob", kind: "user" }), 4],
  [(db) => db.commands.createAccount({ ...change, name: "team", kind: "organisation" }), 5],
  [(db) => db.commands.createAccount({ ...change, name: "ann", kind: "user" }), undefined],
  [(db) => db.accounts.find("ann"), ann],
  [(db) => db.accounts.find("nobody-here"), undefined],
  [
    (db) => db.accounts.login("ann"),
    {
      account: ann,
      passwordHash: "h",
    },
  ],
  [
    (db) => db.accounts.login("bob"),
    {
      account: bob,
      passwordHash: null,
    },
  ],
  [
    (db) => db.accounts.list({ kind: "user", limit: 2 }),
    {
      items: [ann, bob],
      more: true,
    },
  ],
  [
    (db) => db.accounts.list({ kind: "user", last: "ann", limit: 5 }),
    {
      items: [
        bob,
        {
          id: 2,
          name: "root",
          kind: "user",
          fullName: "",
          email: null,
          isAdmin: true,
          disabled: false,
          createdAtMs: 1000,
        },
      ],
      more: false,
    },
  ],
  [
    (db) => db.accountPages.page({ kind: "user", search: "N É", limit: 5, offset: 0 }),
    { count: 1, items: [ann] },
  ],
  [
    (db) => db.accountPages.page({ kind: "user", search: "EXAMPLE.com", limit: 5, offset: 0 }),
    { count: 1, items: [ann] },
  ],
  [
    (db) => db.accountPages.page({ kind: "user", search: "%", limit: 5, offset: 0 }),
    { count: 0, items: [] },
  ],
  [
    (db) => db.accountPages.page({ kind: "user", search: "", limit: 1, offset: 1 }),
    { count: 3, items: [bob] },
  ],
  [
    (db) => db.accountPages.dependents("root", "user"),
    { repositories: 0, organisations: [], isLastAdministrator: true },
  ],
  [(db) => db.accountPages.dependents("team", "user"), undefined],
  [
    (db) =>
      db.commands.recordServerChange({
        ...change,
        action: "server.key.create",
        subject: "keys",
      }),
    undefined,
  ],
  [
    (db) => db.auditLog.list({ account: "berth" }, { before: undefined, window: 5 }),
    {
      entries: [
        {
          ...{ id: 5, atMs: 1000, actor: "admin", account: "berth", action: "server.key.create" },
          ...{ subject: "keys", data: {}, peer: "::1" },
        },
      ],
      last: undefined,
    },
  ],
  [
    (db) =>
      db.auditLog.list(
        { action: "user", actor: "nobody", fromMs: 0, toMs: 5_000 },
        { before: { atMs: 1_000, id: 3 }, window: 1 },
      ),
    { entries: [], last: { atMs: 1000, id: 2 } },
  ],
  [(db) => db.auditLog.pushesSince(0, 5), 0],
  [(db) => db.commands.changeUser({ ...change, name: "bob", isAdmin: true }), "changed"],
  [
    (db) =>
      db.commands.changeUser({
        ...change,
        name: "bob",
        isAdmin: false,
        disabled: true,
        passwordHash: "new",
      }),
    "changed",
  ],
  [(db) => db.commands.changeUser({ ...change, name: "bob", disabled: false }), "changed"],
  [
    (db) => db.commands.changeUser({ ...change, name: "root", isAdmin: false }),
    "last-administrator",
  ],
];
