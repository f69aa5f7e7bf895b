import { app, change, digest, tag, type Step } from "./support.ts";
import { nothing, of, put } from "./webhooks.ts";

const push = {
  ...{ id: 1, atMs: 1000, type: "push", actor: "admin", peer: "::1", namespace: "team" },
  ...{ repository: "team/app", tag: "1", digest: digest("first"), previousDigest: null },
  ...{ mediaType: "type/manifest", sizeBytes: 5, visibility: "private" },
  ...{ repositoryCreatedAtMs: 1000, data: {} },
};
const waiting = { attempts: 0, triedSinceMs: null, subject: "team/app:1" };
const second = { digest: digest("second"), sizeBytes: 6 };
const attempt = {
  ...{ webhookId: "hook", subject: "team/app:1", status: null, answer: "no answer" },
  ...{ durationMs: 7, isBack: false, nowMs: 3_000 },
};

const deliverySteps: readonly Step[] = [
  [(db) => db.webhookDeliveries.webhooksDue(9_000), []],
  [(db) => db.commands.changeWebhook({ ...of, ...nothing, id: "none" }), false],
  [
    (db) =>
      db.commands.changeWebhook({ ...of, ...nothing, scope: "", id: "server", isActive: false }),
    true,
  ],
  [(db) => db.webhookSecrets.receiver("server"), undefined],
  [(db) => db.commands.putManifest(put("first", ["one"])), { outcome: "stored" }],
  [
    async (db) => {
      const [due] = await db.webhookDeliveries.due("hook", 1_000, 10);
      return due;
    },
    {
      ...{ ...waiting, id: 1, subject: "team/app:one" },
      event: { ...push, tag: "one" },
    },
  ],
  [(db) => db.commands.putManifest(put("second", ["one"])), { outcome: "stored" }],
  [(db) => db.commands.putManifest(put("untagged", [])), { outcome: "stored" }],
  [
    async (db) =>
      (await db.webhookDeliveries.due("hook", 1_000, 10)).map(({ subject, event }) => [
        ...[subject, event.type, event.digest, event.previousDigest, event.sizeBytes],
      ]),
    [
      ["team/app:one", "push", digest("first"), null, 5],
      ["team/app:one", "push", second.digest, null, second.sizeBytes],
      ["team/app:one", "tag.moved", second.digest, digest("first"), second.sizeBytes],
      [`team/app@${digest("untagged")}`, "push", digest("untagged"), null, 8],
    ],
  ],
  [(db) => db.webhookDeliveries.webhooksDue(1_000), ["hook"]],
  [(db) => db.webhookDeliveries.webhooksDue(999), []],
  // The first one fails: the later ones of its tag wait behind it.
  [
    (db) =>
      db.commands.recordAttempt({
        ...{ ...attempt, id: 1, subject: "team/app:one" },
        outcome: { kind: "failed", nextAtMs: 13_000, isUnreachable: false, postpones: "subject" },
      }),
    undefined,
  ],
  [async (db) => (await db.webhookDeliveries.due("hook", 3_000, 10)).map(({ id }) => id), [4]],
  // The receiver does not answer: all that is due waits.
  [
    (db) =>
      db.commands.recordAttempt({
        ...{ ...attempt, id: 4, subject: "other" },
        outcome: { kind: "failed", nextAtMs: 20_000, isUnreachable: true, postpones: "all" },
      }),
    undefined,
  ],
  [(db) => db.webhookDeliveries.due("hook", 12_999, 10), []],
  [
    async (db) =>
      (await db.webhookDeliveries.due("hook", 13_000, 10)).map(({ id, attempts, triedSinceMs }) => [
        ...[id, attempts, triedSinceMs],
      ]),
    [
      [1, 1, 3000],
      [2, 0, null],
      [3, 0, null],
    ],
  ],
  [
    (db) =>
      db.commands.recordAttempt({
        ...{ ...attempt, id: 1, subject: "team/app:one", status: 204, answer: "", isBack: true },
        outcome: { kind: "delivered" },
      }),
    undefined,
  ],
  [async (db) => (await db.webhookDeliveries.due("hook", 3_000, 10)).map(({ id }) => id), [4]],
  [
    (db) => db.webhookDeliveries.find("hook", 1),
    {
      ...{ id: 1, state: "delivered", attempts: 2, nextAtMs: null, endedAtMs: 3000 },
      ...{ status: 204, answer: "", durationMs: 7, event: { ...push, tag: "one" } },
    },
  ],
  [(db) => db.webhookDeliveries.find("pulls", 1), undefined],
];

const again = { ...change, scope: "team/app", webhookId: "hook" };
const ids = async (rows: Promise<readonly { readonly id: number }[]>) =>
  (await rows).map(({ id }) => id);

const redeliverySteps: readonly Step[] = [
  [
    (db) => db.commands.recordAttempt({ ...{ ...attempt, id: 4 }, outcome: { kind: "dead" } }),
    undefined,
  ],
  [
    (db) => ids(db.webhookDeliveries.list("hook", { state: "dead", before: undefined, limit: 5 })),
    [4],
  ],
  [
    (db) => ids(db.webhookDeliveries.list("hook", { state: undefined, before: 4, limit: 2 })),
    [3, 2],
  ],
  [(db) => db.commands.redeliver({ ...again, deliveryId: 1 }), true],
  [(db) => db.commands.redeliver({ ...again, scope: "team", deliveryId: 1 }), false],
  [(db) => db.commands.redeliverDead({ ...again, limit: 10 }), 1],
  [(db) => ids(db.webhookDeliveries.due("hook", 20_000, 10)), [1, 2, 3, 4]],
  [(db) => db.commands.pingWebhook({ ...again, webhookId: "none" }), undefined],
  [(db) => db.commands.pingWebhook(again), 5],
  [
    (db) =>
      db.commands.recordPulls({
        pulls: [
          {
            ...{ repository: app, reference: { kind: "tag", tag: tag("one") } },
            ...{ digest: second.digest, actor: "ann", peer: "::2", atMs: 1_100 },
          },
        ],
      }),
    undefined,
  ],
  [
    async (db) => {
      const [due] = await db.webhookDeliveries.due("pulls", 2_000, 10);
      return due;
    },
    {
      ...{ ...waiting, id: 6, subject: "team/app:one" },
      event: {
        ...{ ...push, id: 6, type: "pull", tag: "one", ...second },
        ...{ actor: "ann", peer: "::2", atMs: 1100 },
      },
    },
  ],
  [
    (db) => db.commands.deleteTag({ ...change, dueAtMs: 2_000, repository: app, tag: tag("one") }),
    true,
  ],
  [
    async (db) => {
      const found = await db.webhookDeliveries.due("hook", 20_000, 10);
      const { event } = found.at(-1) ?? {};
      return [event?.type, event?.tag, event?.digest, event?.previousDigest];
    },
    ["tag.deleted", "one", null, second.digest],
  ],
  // The deletion of the repository ends its webhooks, after their last deliveries.
  [(db) => db.commands.deleteRepository({ ...change, repository: app }), { uploads: [] }],
  [(db) => db.webhooks.list("team/app", 10), []],
  [(db) => db.commands.deleteWebhook(of), false],
  [async (db) => (await db.webhookSecrets.receiver("hook"))?.id, "hook"],
  [
    (db) =>
      db.commands.recordAttempt({
        ...{ ...attempt, id: 6, webhookId: "pulls" },
        outcome: { kind: "delivered" },
      }),
    undefined,
  ],
  [
    (db) =>
      db.commands.pruneDeliveries({ deliveredBeforeMs: 4_000, deadBeforeMs: 4_000, limit: 10 }),
    1,
  ],
  [(db) => db.webhookSecrets.receiver("pulls"), undefined],
  [async (db) => (await db.webhookSecrets.receiver("hook"))?.id, "hook"],
  [(db) => db.commands.deleteWebhook({ ...of, scope: "", id: "server" }), true],
  [(db) => db.webhooks.list("", 10), []],
];

/** The events that commands write for webhooks, and their deliveries. They follow `webhookSteps`. */
export const webhookDeliverySteps: readonly Step[] = [...deliverySteps, ...redeliverySteps];
