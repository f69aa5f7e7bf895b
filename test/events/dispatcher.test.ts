import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import { Dispatcher, waitAfter } from "../../src/events/dispatcher.ts";
import { createWebhookSecrets } from "../../src/events/secrets.ts";
import { createSender } from "../../src/events/sender.ts";
import { receiverAddresses } from "../../src/events/receivers.ts";
import { createWebhooks } from "../../src/events/webhooks.ts";
import { app, change, manifest, times } from "../database/contract/support.ts";
import { openTestDatabase } from "../support/database.ts";
import { waitUntil } from "../support/wait.ts";
import { accept, startReceiver, type Received } from "./receiver.ts";

const hourMs = 3_600_000;
const secrets = async () => createWebhookSecrets({ current: "a".repeat(32), old: undefined });
const teller = { url: "https://registry.example.com", version: "1" };
const silent = { info: () => undefined, warn: () => undefined };

/** A database with one webhook of `team/app`, a dispatcher with a clock of its own, and a receiver. */
async function start(t: TestContext) {
  const database = await openTestDatabase();
  const receiver = await startReceiver();
  const time = { nowMs: times.nowMs };
  const clock = (): number => time.nowMs;
  const addresses = receiverAddresses(["127.0.0.0/8"]);
  const errors: unknown[] = [];
  const dispatcher = new Dispatcher({
    ...{ database, clock, random: () => 0.5, log: silent, report: (error) => errors.push(error) },
    openSender: async () => createSender({ addresses, proxies: {}, secrets, teller, clock }),
  });
  const webhooks = createWebhooks({ database, addresses, secrets, teller, clock });
  await database.commands.createRepository({ ...change, repository: app, visibility: "public" });
  const { webhook } = await webhooks.create(change.actor, "team/app", {
    ...{ url: receiver.url, format: "cloudevents", events: ["push"] },
  });
  t.after(async () => {
    await dispatcher.stop();
    await database.close();
    assert.deepEqual(errors, []);
  });
  const push = (text: string, tag: string) =>
    database.commands.putManifest({
      ...manifest(text, [], { tags: [tag] }),
      nowMs: time.nowMs,
    });
  /** Moves the clock on in steps, and sends what is due after each. */
  const pass = async (ms: number, stepMs: number): Promise<void> => {
    for (const endMs = time.nowMs + ms; time.nowMs < endMs;) {
      time.nowMs += stepMs;
      await dispatcher.sendDue();
    }
  };
  return { database, receiver, time, dispatcher, webhooks, webhook, push, pass };
}

const sizesOf = (received: readonly Received[], tag: string): readonly number[] =>
  received
    .map(({ body }) => JSON.parse(body) as { subject: string; data: { size: number } })
    .filter(({ subject }) => subject === `team/app:${tag}`)
    .map(({ data }) => data.size);

/** Texts of 1, 2, 3 … bytes: the size in an event tells which push it is of. */
const text = (at: number): string => "x".repeat(at);

describe("the dispatcher", () => {
  test("delivers the events of each tag in the order of the pushes", async (t) => {
    const { push, receiver, dispatcher } = await start(t);
    const order = Array.from({ length: 60 }, (_, at) => at + 1);
    for (const at of order) await push(text(at), `t${at % 3}`);
    // The receiver takes longer for some, and rejects none.
    receiver.answer = (response, { body }) =>
      void setTimeout(() => accept(response), (body.length % 5) * 3);
    await dispatcher.sendDue();
    assert.equal(receiver.received.length, 60);
    for (const tag of [0, 1, 2])
      assert.deepEqual(
        sizesOf(receiver.received, `t${tag}`),
        order.filter((at) => at % 3 === tag),
      );
  });

  test("delivers everything, in order, to a receiver that was down for an hour", async (t) => {
    const { push, receiver, pass, webhooks, webhook, database } = await start(t);
    await receiver.close();
    for (let at = 1; at <= 60; at += 1) {
      await push(text(at), `t${at % 3}`);
      await pass(60_000, 10_000);
    }
    const [attempted] = await webhooks.deliveries("team/app", webhook.id, { limit: 1 });
    assert.equal(attempted?.state, "waiting");
    await receiver.open();
    // After an hour without an answer the next attempt is less than 46 minutes away.
    await pass(hourMs, 60_000);
    assert.equal(receiver.received.length, 60);
    for (const tag of [0, 1, 2])
      assert.deepEqual(
        sizesOf(receiver.received, `t${tag}`),
        Array.from({ length: 60 }, (_, at) => at + 1).filter((at) => at % 3 === tag),
      );
    const { waiting, dead } = (await database.webhooks.find("team/app", webhook.id)) ?? {};
    assert.deepEqual([waiting, dead], [0, 0]);
  });

  test("tries a receiver that does not answer once per wait, however many deliveries wait", async (t) => {
    const { push, receiver, pass, time, dispatcher } = await start(t);
    receiver.answer = (response) => void response.writeHead(503).end();
    for (let at = 1; at <= 100; at += 1) await push(text(at), `t${at}`);
    await dispatcher.sendDue();
    // At most one for each of the 8 that are sent at the same time.
    assert.ok(receiver.received.length <= 8, `${receiver.received.length} requests`);
    receiver.received.length = 0;
    const beganMs = time.nowMs;
    await pass(9_000, 1_000);
    assert.equal(receiver.received.length, 0);
    await pass(1_000, 1_000);
    assert.equal(time.nowMs - beganMs, 10_000);
    assert.ok(receiver.received.length > 0 && receiver.received.length <= 8);
    receiver.answer = accept;
    await pass(30_000, 1_000);
    assert.equal(new Set(receiver.received.map(({ body }) => body)).size, 100);
  });

  test("stops at a delivery that the receiver rejects, and only for its tag", async (t) => {
    const { push, receiver, pass, dispatcher } = await start(t);
    await push(text(1), "bad");
    await push(text(2), "bad");
    await push(text(3), "good");
    const isBad = ({ body }: Received): boolean => body.includes("team/app:bad");
    receiver.answer = (response, got) =>
      void response.writeHead(isBad(got) ? 422 : 200).end("no such thing");
    await dispatcher.sendDue();
    assert.deepEqual(sizesOf(receiver.received, "good"), [3]);
    assert.deepEqual(sizesOf(receiver.received, "bad"), [1]);
    await push(text(4), "bad");
    await pass(9_000, 1_000);
    assert.deepEqual(sizesOf(receiver.received, "bad"), [1]);
    receiver.answer = accept;
    await pass(5_000, 1_000);
    assert.deepEqual(sizesOf(receiver.received, "bad"), [1, 1, 2, 4]);
  });

  test("tells a receiver while 16 others answer slowly and have much to be told", async (t) => {
    const { push, receiver, dispatcher, webhooks } = await start(t);
    // With the first webhook they are 16. All of their deliveries are of one tag, so one is sent after another.
    for (let at = 1; at < 16; at += 1)
      await webhooks.create(change.actor, "team/app", {
        ...{ url: receiver.url, format: "cloudevents", events: ["push"] },
      });
    const slowMs = 300;
    receiver.answer = (response) => void setTimeout(() => accept(response), slowMs);
    const pushes = 60;
    for (let at = 1; at <= pushes; at += 1) await push(text(at), "t");
    dispatcher.start();
    await waitUntil("all are told", () => receiver.received.length > 32);
    const other = await startReceiver();
    await webhooks.create(change.actor, "", {
      ...{ url: other.url, format: "cloudevents", events: ["push"] },
    });
    await push(text(pushes + 1), "other");
    await waitUntil("the other receiver is told", () => other.received.length > 0);
    assert.ok(sizesOf(receiver.received, "t").length < 16 * pushes);
    // Before the database, which `openTestDatabase` closes.
    await dispatcher.stop();
  });

  test("gives a delivery up after 3 days, and sends it again on request", async (t) => {
    const { push, receiver, pass, webhooks, webhook } = await start(t);
    receiver.answer = (response) => void response.writeHead(400).end("wrong\nrequest");
    await push(text(1), "t");
    await pass(71 * hourMs, hourMs);
    const list = () => webhooks.deliveries("team/app", webhook.id, { limit: 10 });
    assert.equal((await list())[0]?.state, "waiting");
    await pass(8 * hourMs, hourMs);
    const [given] = await list();
    assert.deepEqual([given?.state, given?.status, given?.answer], ["dead", 400, "wrong request"]);
    const { length } = receiver.received;
    assert.ok(length > 15 && length < 30, `${length} attempts`);
    await pass(24 * hourMs, hourMs);
    assert.equal(receiver.received.length, length);
    // A dead delivery does not stop the later ones.
    receiver.answer = accept;
    await push(text(2), "t");
    await pass(1_000, 1_000);
    assert.deepEqual(sizesOf(receiver.received, "t").at(-1), 2);
    await webhooks.redeliver(change.actor, "team/app", webhook.id, given?.id ?? 0);
    await pass(1_000, 1_000);
    assert.deepEqual(sizesOf(receiver.received, "t").at(-1), 1);
    assert.deepEqual(
      (await list()).map(({ state }) => state),
      ["delivered", "delivered"],
    );
  });

  test("sends nothing of a webhook that is switched off, and all later", async (t) => {
    const { push, receiver, dispatcher, webhooks, webhook } = await start(t);
    await push(text(1), "t");
    await webhooks.change(change.actor, "team/app", webhook.id, { isActive: false });
    await push(text(2), "t");
    await dispatcher.sendDue();
    assert.equal(receiver.received.length, 0);
    await webhooks.change(change.actor, "team/app", webhook.id, { isActive: true });
    await dispatcher.sendDue();
    assert.deepEqual(sizesOf(receiver.received, "t"), [1]);
  });

  test("deletes deliveries after 7 days, dead ones after 30 days, and their events", async (t) => {
    const { push, receiver, pass, dispatcher, time, database } = await start(t);
    await push(text(1), "t");
    await dispatcher.sendDue();
    receiver.answer = (response) => void response.writeHead(400).end();
    await push(text(2), "t");
    await pass(80 * hourMs, hourMs);
    const left = async (): Promise<readonly unknown[]> => [
      ...(await database.tables.values("SELECT state FROM webhook_deliveries ORDER BY id")),
      await database.tables.value("SELECT count(*) FROM events"),
    ];
    assert.deepEqual(await left(), ["delivered", "dead", 2]);
    time.nowMs += 5 * 24 * hourMs;
    await dispatcher.prune();
    assert.deepEqual(await left(), ["dead", 1]);
    time.nowMs += 30 * 24 * hourMs;
    await dispatcher.prune();
    assert.deepEqual(await left(), [0]);
  });

  test("waits 10 s after the first failure, twice as long after each, and 6 h at most", () => {
    const seconds = [1, 2, 3, 10, 13, 40].map((failures) => waitAfter(failures, 0.5) / 1000);
    assert.deepEqual(seconds, [10, 20, 40, 5120, 21_600, 21_600]);
    assert.deepEqual([waitAfter(1, 0), waitAfter(1, 1)], [8_000, 12_000]);
  });
});
