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
