import type { Step } from "./support.ts";

const key = (id: string, before: string | undefined) => ({
  ...{ id, algorithm: "ES256", createdAtMs: 1_000, sealed: Buffer.from(`sealed ${id}`), before },
});

/** A bucket of one account with 2 tokens, and one of an address that does not limit this attempt. */
const attempt = (nowMs: number) => ({
  nowMs,
  buckets: [
    { key: "account", everyMs: 100, burst: 2 },
    { key: "address", everyMs: 10, burst: null },
  ],
});

/** Signing keys, and wrong passwords. */
export const signInSteps: readonly Step[] = [
  [(db) => db.commands.addSigningKey(key("1", undefined)), true],
  // Another process adds a key at the same time: the first one has won.
  [(db) => db.commands.addSigningKey(key("2", undefined)), false],
  [(db) => db.commands.addSigningKey(key("2", "1")), true],
  [
    (db) => db.signingKeys.list(),
    [
      { id: "2", sealed: Buffer.from("sealed 2") },
      { id: "1", sealed: Buffer.from("sealed 1") },
    ],
  ],
  [(db) => db.commands.removeSigningKey({ id: "1" }), undefined],
  [
    (db) =>
      db.commands.resealSigningKeys({
        keys: ["1", "2"].map((id) => ({ id, sealed: Buffer.from(`resealed ${id}`) })),
      }),
    undefined,
  ],
  [(db) => db.signingKeys.list(), [{ id: "2", sealed: Buffer.from("resealed 2") }]],
  [(db) => db.commands.takeLoginAttempt(attempt(1_000)), 0],
  [(db) => db.commands.takeLoginAttempt(attempt(1_050)), 0],
  [(db) => db.commands.takeLoginAttempt(attempt(1_060)), 40],
  [(db) => db.commands.takeLoginAttempt(attempt(1_100)), 0],
  [(db) => db.commands.returnLoginAttempt(attempt(1_100)), undefined],
  [(db) => db.commands.takeLoginAttempt(attempt(1_100)), 0],
  [(db) => db.commands.takeLoginAttempt(attempt(1_101)), 99],
  [(db) => db.commands.deleteFullLoginAttempts({ nowMs: 1_300 }), undefined],
  [(db) => db.commands.takeLoginAttempt(attempt(1_101)), 0],
];
