import { app, change, manifest, type Step } from "./support.ts";

const sealed = (text: string): Buffer => Buffer.from(text);
const hook = {
  ...{ ...change, id: "hook", scope: "team/app", url: "https://example.com/a?b", atMost: 2 },
  ...({ format: "cloudevents", events: ["push", "tag.deleted", "tag.moved"] } as const),
  secret: sealed("one"),
};
export const of = { ...change, scope: "team/app", id: "hook" };
const webhook = {
  ...{ id: "hook", scope: "team/app", url: "https://example.com/a?b", format: "cloudevents" },
  ...{ events: ["push", "tag.deleted", "tag.moved"], isActive: true, creator: "admin" },
  ...{ createdAtMs: 1000, oldSecretUntilMs: null, waiting: 0, dead: 0 },
};
export const put = (text: string, tags: readonly string[] = ["1"]) => manifest(text, [], { tags });

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
      ...{ oldSecret: sealed("one"), oldSecretUntilMs: 9000 },
    },
  ],
  [
    (db) =>
      db.commands.resealWebhooks({
        secrets: [{ id: "hook", secret: sealed("2"), oldSecret: null }],
      }),
    undefined,
  ],
  [
    async (db) => (await db.webhookSecrets.all()).toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    [
      { id: "hook", secret: sealed("2"), oldSecret: null },
      { id: "pulls", secret: sealed("one"), oldSecret: null },
      { id: "server", secret: sealed("one"), oldSecret: null },
    ],
  ],
];
