import { ids } from "./access.ts";
import { by, change, type Step } from "./support.ts";

const ann = { ...by(ids.ann, "ann"), accountId: ids.ann, account: "ann" };
const start = (id: string, nowMs: number, replaces?: string) => ({
  ...{ ...ann, nowMs, id, secretHash: `hash of ${id}`, passwordAtMs: nowMs - 1 },
  ...{ agent: "Firefox", replaces },
});
const session = (id: string, startedAtMs: number, changes: object = {}) => ({
  ...{ id, passwordAtMs: startedAtMs - 1, startedAtMs, seenAtMs: startedAtMs },
  ...{ peer: "::1", agent: "Firefox", ...changes },
});
const account = (changes: object) => ({
  ...{ id: ids.ann, name: "ann", kind: "user", isAdmin: false, disabled: false },
  ...{ passwordChangedAtMs: null, ...changes },
});

/** Sessions of browsers, and profiles, after the steps of `access.ts`. */
export const browserSessionsSteps: readonly Step[] = [
  [(db) => db.commands.startBrowserSession(start("1", 1_000)), undefined],
  [(db) => db.commands.startBrowserSession(start("2", 2_000)), undefined],
  [(db) => db.commands.startBrowserSession(start("3", 3_000, "1")), undefined],
  [(db) => db.browserSessions.find("hash of 1"), undefined],
  [(db) => db.browserSessions.find("hash of 2"), { ...session("2", 2_000), account: account({}) }],
  // The last request was recorded less than a minute ago.
  [(db) => db.commands.touchBrowserSession({ id: "2", nowMs: 61_999 }), undefined],
  [(db) => db.browserSessions.list(ids.ann), [session("3", 3_000), session("2", 2_000)]],
  [(db) => db.commands.touchBrowserSession({ id: "2", nowMs: 62_000 }), undefined],
  [
    (db) => db.browserSessions.list(ids.ann),
    [session("2", 2_000, { seenAtMs: 62_000 }), session("3", 3_000)],
  ],
  [
    (db) =>
      db.commands.endBrowserSessions({
        ...{ ...by(ids.bob, "bob"), accountId: ids.bob, account: "bob", which: { only: "2" } },
      }),
    0,
  ],
  [(db) => db.commands.endBrowserSessions({ ...ann, which: { only: "3" } }), 1],
  [(db) => db.commands.startBrowserSession(start("4", 4_000)), undefined],
  // A new password ends all sessions but the one in which it was set.
  [
    (db) =>
      db.commands.changeUser({
        ...{ ...change, nowMs: 5_000, name: "ann", passwordHash: "new", keptSession: "4" },
      }),
    "changed",
  ],
  [(db) => db.browserSessions.find("hash of 2"), undefined],
  [
    (db) => db.browserSessions.find("hash of 4"),
    {
      ...session("4", 4_000, { passwordAtMs: 5_000 }),
      account: account({ passwordChangedAtMs: 5_000 }),
    },
  ],
  [(db) => db.commands.startBrowserSession(start("5", 6_000)), undefined],
  [(db) => db.commands.endBrowserSessions({ ...ann, which: { allBut: "4" } }), 1],
  [(db) => db.commands.endBrowserSessions({ ...ann, which: { allBut: undefined } }), 1],
  [(db) => db.commands.startBrowserSession(start("6", 7_000)), undefined],
  [(db) => db.commands.startBrowserSession(start("7", 8_000)), undefined],
  [(db) => db.commands.deleteExpiredBrowserSessions({ beforeMs: 7_000 }), undefined],
  [(db) => db.browserSessions.list(ids.ann), [session("7", 8_000)]],
  [(db) => db.commands.changeUser({ ...change, name: "ann", disabled: true }), "changed"],
  [(db) => db.browserSessions.list(ids.ann), []],
  [(db) => db.profiles.usersBeginning("ann", 10), []],
  [(db) => db.commands.changeUser({ ...change, name: "ann", disabled: false }), "changed"],
  [
    (db) => db.commands.changeProfile({ ...change, name: "ann", kind: "user", fullName: "Ann" }),
    "changed",
  ],
  [(db) => db.commands.changeProfile({ ...change, name: "ann", kind: "user" }), "unchanged"],
  [(db) => db.commands.changeProfile({ ...change, name: "ann", kind: "organisation" }), "unknown"],
  [(db) => db.profiles.usersBeginning("an", 10), [{ name: "ann", fullName: "Ann" }]],
  [(db) => db.profiles.usersBeginning("", 2).then((users) => users.length), 2],
];
