import { change, type Step } from "./support.ts";

const row = {
  ...{ namespace: "new", visibility: "private" as const, settings: '{"root":true}' },
  password: Buffer.from("sealed"),
};
const added = (namespace: string) => ({
  ...{ ...change, ...row, namespace, upstream: "https://new", atMost: 5 },
  seen: [] as readonly (typeof row)[],
});
const changed = {
  ...{ ...change, ...row, visibility: "public" as const, settings: "{}" },
  ...{ upstream: "https://new", changed: ["is_root"], seen: [row] },
};
/** The change and a reseal after it, each of the password. */
const [password, resealed] = [Buffer.from("changed"), Buffer.from("resealed")];
const after = { ...row, visibility: "public" as const, settings: "{}" };

/** Mirrors of other registries: their states and counters, and those that the API adds. */
export const mirrorSteps: readonly Step[] = [
  [
    (db) => db.commands.alignMirror({ namespace: "team", visibility: "public", nowMs: 1_000 }),
    undefined,
  ],
  [
    (db) =>
      db.commands.setMirrorState({ namespace: "team", reason: "no answer", changedAtMs: 1_000 }),
    undefined,
  ],
  [(db) => db.mirrors.state("team"), { namespace: "team", reason: "no answer", changedAtMs: 1000 }],
  [(db) => db.mirrors.state("other"), undefined],
  [
    (db) => db.commands.addMirrorCounters({ namespace: "team", counts: { hits: 2, misses: 0 } }),
    undefined,
  ],
  [(db) => db.commands.addMirrorCounters({ namespace: "team", counts: { hits: 3 } }), undefined],
  [(db) => db.commands.setMirrorGauge({ namespace: "team", name: "left", value: 9 }), undefined],
  [
    async (db) => {
      const id = await db.commands.createAccount({ ...change, name: "user", kind: "user" });
      return id !== undefined;
    },
    true,
  ],
  [(db) => db.commands.addMirror(added("user")), "user"],
  [(db) => db.commands.addMirror({ ...added("new"), atMost: 0 }), "too many"],
  [(db) => db.commands.addMirror(added("new")), "added"],
  [(db) => db.commands.addMirror(added("other")), "outdated"],
  [(db) => db.commands.addMirror({ ...added("new"), seen: [row] }), "exists"],
  [(db) => db.addedMirrors.all(), [row]],
  [(db) => db.addedMirrors.visibilities(), [{ namespace: "new", visibility: "private" }]],
  [(db) => db.commands.changeMirror({ ...changed, before: { ...row, settings: "" } }), false],
  [(db) => db.commands.changeMirror({ ...changed, before: { ...row, password: null } }), false],
  [(db) => db.commands.changeMirror({ ...changed, before: row, seen: [] }), false],
  [(db) => db.commands.changeMirror({ ...changed, before: row, password: undefined }), true],
  [(db) => db.addedMirrors.all(), [after]],
  [
    (db) =>
      db.commands.changeMirror({ ...changed, ...after, before: after, seen: [after], password }),
    true,
  ],
  [
    (db) =>
      db.commands.resealMirrors({
        passwords: [{ namespace: "new", before: row.password, password: resealed }],
      }),
    undefined,
  ],
  [(db) => db.addedMirrors.all(), [{ ...after, password }]],
  [
    (db) =>
      db.commands.resealMirrors({
        passwords: [{ namespace: "new", before: password, password: resealed }],
      }),
    undefined,
  ],
  [(db) => db.addedMirrors.all(), [{ ...after, password: resealed }]],
  [(db) => db.commands.removeMirror({ ...change, namespace: "new" }), true],
  [(db) => db.commands.removeMirror({ ...change, namespace: "new" }), false],
  [(db) => db.mirrors.counters(), new Map<unknown, unknown>([["team", { hits: 5, left: 9 }]])],
];
