import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import { AuditForwarder } from "../../../src/events/audit/forwarder.ts";
import { openSyslogStream } from "../../../src/events/audit/syslog.ts";
import { openAuditWebhook } from "../../../src/events/audit/webhook.ts";
import { signatureHeaders } from "../../../src/events/sender.ts";
import { pruneAuditLog } from "../../../src/maintenance/audit-pruning.ts";
import { change } from "../../database/contract/support.ts";
import { openTestDatabase } from "../../support/database.ts";
import { waitUntil } from "../../support/wait.ts";
import { accept, startReceiver } from "../receiver.ts";
import { startSyslogStream, type SyslogListener } from "./listeners.ts";

/** A database, and forwarders of it that send to a syslog server. */
async function start(t: TestContext) {
  const database = await openTestDatabase();
  const server = await startSyslogStream();
  const running = new Set<AuditForwarder>();
  const lines: string[] = [];
  const note = (_: object, message: string): void => void lines.push(message);
  const forward = (): AuditForwarder => {
    const target = { host: "127.0.0.1", port: server.port };
    const forwarder = new AuditForwarder({
      database,
      openReceiver: async () => openSyslogStream("tcp", target),
      log: { info: note, warn: note },
    }).start();
    running.add(forwarder);
    return forwarder;
  };
  t.after(async () => {
    for (const forwarder of running) await forwarder.stop();
    await database.close();
  });
  const add = async (subject: string): Promise<void> => {
    const action = "server.key.create";
    await database.commands.recordServerChange({ ...change, action, subject });
  };
  const position = (): Promise<unknown> =>
    database.tables.value("SELECT last_id FROM audit_forwarding");
  return { database, server, forward, add, lines, position };
}

const subjectsOf = ({ messages }: SyslogListener): readonly string[] =>
  messages.map(({ entry }) => entry.subject);

describe("the forwarding of the audit log", () => {
  test("begins with the entries after its first start, and continues after a restart", async (t) => {
    const { server, forward, add, position } = await start(t);
    await add("before");
    const first = forward();
    await waitUntil("it has begun", async () => (await position()) !== undefined);
    await add("one");
    await add("two");
    // What the receiver has, and the position has not, would come again.
    await waitUntil("both are recorded", async () => Number(await position()) === 3);
    await first.stop();
    await add("meanwhile");
    forward();
    await waitUntil("the last one is there", () => server.messages.length === 3);
    assert.deepEqual(subjectsOf(server), ["one", "two", "meanwhile"]);
  });

  test("waits for a receiver that is down, says so once, and leaves nothing out", async (t) => {
    const { server, forward, add, lines, position } = await start(t);
    forward();
    await waitUntil("it has begun", async () => (await position()) !== undefined);
    await server.close();
    for (const subject of ["one", "two", "three"]) await add(subject);
    await waitUntil("it has failed", () => lines.length > 0);
    await server.open();
    await waitUntil("all are there", () => server.messages.length === 3);
    await waitUntil("the log says so", () => lines.length === 2);
    assert.deepEqual(subjectsOf(server), ["one", "two", "three"]);
    assert.deepEqual(lines, [
      "the audit log cannot be forwarded (audit.forward)",
      "the audit log is forwarded again",
    ]);
  });

  test("sends again what was sent when the position could not be recorded", async (t) => {
    const { database, server, forward, add, position } = await start(t);
    const first = forward();
    await waitUntil("it has begun", async () => (await position()) !== undefined);
    await add("one");
    await waitUntil("it is recorded", async () => Number(await position()) === 1);
    await first.stop();
    // As if the process had died between the answer and the record.
    await database.tables.exec("UPDATE audit_forwarding SET last_id = 0");
    await add("two");
    forward();
    await waitUntil("both are there", () => server.messages.length === 3);
    assert.deepEqual(subjectsOf(server), ["one", "one", "two"]);
    await waitUntil("both are recorded", async () => Number(await position()) === 2);
    await database.commands.recordAuditForwarding({ lastId: 1 });
    assert.equal(Number(await position()), 2, "the position never goes back");
  });

  test("keeps entries that the receiver does not have, however old they are", async (t) => {
    const { database, forward, add, position } = await start(t);
    forward();
    await waitUntil("it has begun", async () => (await position()) !== undefined);
    for (const subject of ["one", "two", "three"]) await add(subject);
    await waitUntil("all are recorded", async () => Number(await position()) === 3);
    await database.tables.exec("UPDATE audit_forwarding SET last_id = 1");
    const report = { info: () => undefined, error: () => undefined };
    const parts = { database, clock: Date.now, report, keepMs: 86_400_000, isForwarded: true };
    for await (const _ of pruneAuditLog(parts));
    const left = await database.tables.values("SELECT id FROM audit_log ORDER BY id");
    assert.deepEqual(left.map(Number), [2, 3]);
  });
});

describe("a webhook for the audit log", () => {
  test("gets entries as a JSON array with the signature of the secret, and those that it did not accept again", async (t) => {
    const { database, add } = await start(t);
    const receiver = await startReceiver();
    receiver.answer = (response) => {
      receiver.answer = accept;
      response.writeHead(500).end("not now");
    };
    const nowMs = 1_700_000_000_000;
    const lines: object[] = [];
    const forwarder = new AuditForwarder({
      database,
      openReceiver: async () =>
        openAuditWebhook({
          ...{ url: receiver.url, secret: "a secret", version: "1", proxies: {} },
          clock: () => nowMs,
        }),
      log: { info: () => undefined, warn: (facts) => void lines.push(facts) },
    }).start();
    t.after(() => forwarder.stop());
    await waitUntil("it has begun", async () =>
      Boolean(await database.tables.value("SELECT only_row FROM audit_forwarding")),
    );
    await add("keys");
    await waitUntil("it is sent twice", () => receiver.received.length === 2);
    const [first, again] = receiver.received;
    assert.equal(again?.body, first?.body);
    assert.deepEqual(JSON.parse(first?.body ?? ""), [
      {
        ...{ id: 1, at: "1970-01-01T00:00:01.000Z", actor: "admin", account: "berth" },
        ...{ action: "server.key.create", subject: "keys", data: {}, address: "::1" },
      },
    ]);
    const signed = signatureHeaders(["a secret"], first?.body ?? "", nowMs);
    const expected = { ...signed, "x-berth-event": "audit", "content-type": "application/json" };
    for (const [name, value] of Object.entries(expected))
      assert.equal(first?.headers[name], value, name);
    const { origin } = new URL(receiver.url);
    assert.deepEqual(lines, [{ reason: `${origin} answered 500: not now` }]);
  });

  test("that does not answer does not keep the server from its end", async () => {
    const receiver = await startReceiver();
    const ending = new AbortController();
    receiver.answer = () => ending.abort();
    const webhook = openAuditWebhook({
      ...{ url: receiver.url, secret: undefined, version: "1", proxies: {}, clock: Date.now },
    });
    await assert.rejects(webhook.send([], ending.signal), { name: "AbortError" });
    await webhook.close();
  });
});
