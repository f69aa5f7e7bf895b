import { app, change, manifest, type Step } from "./support.ts";

const sealed = (text: string): Buffer => Buffer.from(text);
const hook = {
  ...{ ...change, id: "hook", scope: "team/app", url: "https://example.com/a?b", atMost: 2 },
  ...({ format: "cloudevents", events: ["push", "tag.deleted", "tag.moved"] } as const),
  ...{ secret: sealed("one"), authorization: null },
};
export const of = { ...change, scope: "team/app", id: "hook" };
const webhook = {
  ...{ id: "hook", scope: "team/app", url: "https://example.com/a?b", format: "cloudevents" },
  ...{ events: ["push", "tag.deleted", "tag.moved"], isActive: true, creator: "admin" },
  ...{ createdAtMs: 1000, oldSecretUntilMs: null, hasAuthorization: false, waiting: 0, dead: 0 },
};
export const put = (text: string, tags: readonly string[] = ["1"]) => manifest(text, [], { tags });

export const nothing = {
  ...{ url: undefined, format: undefined, events: undefined, isActive: undefined },
  authorization: undefined,
};
const never = { oldSecret: null };

/** Webhooks and their secrets. */
export const webhookSteps: readonly Step[] = [
  [(db) => db.commands.createWebhook(hook), "absent"],
  [
    (db) => db.commands.createRepository({ ...change, repository: app, visibility: "private" }),
    "created",
  ],
  [(db) => db.commands.putManifest(put("before")), { outcome: "stored" }],
  [(db) => db.commands.createWebhook(hook), "created"],
  [(db) => db.commands.createWebhook({ ...hook, id: "pulls", events: ["pull"] }), "created"],
  [(db) => db.commands.createWebhook({ ...hook, id: "third" }), "too many"],
  [
    (db) => db.commands.createWebhook({ ...hook, id: "server", scope: "", format: "hub" }),
    "created",
  ],
  [(db) => db.webhooks.find("team/app", "hook"), webhook],
  [(db) => db.webhooks.find("team", "hook"), undefined],
  [
    (db) => db.webhooks.list("team/app", 10),
    [webhook, { ...webhook, id: "pulls", events: ["pull"] }],
  ],
  [(db) => db.commands.changeWebhook({ ...of, ...nothing, authorization: sealed("a") }), true],
  [async (db) => (await db.webhooks.find("team/app", "hook"))?.hasAuthorization, true],
  [(db) => db.webhooks.scopesWanting("pull"), ["team/app"]],
  [(db) => db.webhooks.scopesWanting("mirror.failing"), []],
  [
    (db) => db.commands.rotateWebhookSecret({ ...of, secret: sealed("two"), oldUntilMs: 9_000 }),
    true,
  ],
  [
    (db) => db.webhookSecrets.receiver("hook"),
    {
      ...{ id: "hook", url: hook.url, format: "cloudevents", secret: sealed("two") },
      ...{ oldSecret: sealed("one"), oldSecretUntilMs: 9000, authorization: sealed("a") },
    },
  ],
  [(db) => db.commands.changeWebhook({ ...of, ...nothing, authorization: null }), true],
  [
    (db) =>
      db.commands.resealWebhooks({
        secrets: [{ id: "hook", secret: sealed("2"), oldSecret: null, authorization: sealed("b") }],
      }),
    undefined,
  ],
  [
    async (db) => (await db.webhookSecrets.all()).toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    [
      { id: "hook", url: hook.url, secret: sealed("2"), ...never, authorization: sealed("b") },
      { id: "pulls", url: hook.url, secret: sealed("one"), ...never, authorization: null },
      { id: "server", url: hook.url, secret: sealed("one"), ...never, authorization: null },
    ],
  ],
];
