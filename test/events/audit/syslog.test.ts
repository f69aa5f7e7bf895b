import assert from "node:assert/strict";
import path from "node:path";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { AuditEntry } from "../../../src/database/events/audit.ts";
import {
  openSyslogDatagrams,
  openSyslogStream,
  syslogMessage,
} from "../../../src/events/audit/syslog.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { waitUntil } from "../../support/wait.ts";
import { parseMessage, startSyslogDatagrams, startSyslogStream } from "./listeners.ts";

const { signal } = new AbortController();

const entry = (id: number, data: AuditEntry["data"] = {}): AuditEntry => ({
  ...{ id, atMs: Date.UTC(2026, 10, 30, 12, 0, 0, 5), actor: "mia", account: "team" },
  ...{ action: "repo.tag.push", subject: "team/app:1.4", data, peer: "192.0.2.7" },
});
const entries = (count: number): readonly AuditEntry[] =>
  Array.from({ length: count }, (_, at) => entry(at + 1));
const idsOf = (messages: readonly { readonly entry: { readonly id: number } }[]) =>
  messages.map((message) => message.entry.id);

describe("an entry as a syslog message", () => {
  test("has the header of RFC 5424, and the entry of the API with its id as JSON", () => {
    const { head, entry: shown } = parseMessage(syslogMessage(entry(7)).toString("latin1"));
    assert.match(
      head,
      /^<110>1 2026-11-30T12:00:00\.005Z [\x21-\x7e]+ berth \d+ repo\.tag\.push -$/,
    );
    assert.deepEqual(shown, {
      ...{ id: 7, at: "2026-11-30T12:00:00.005Z", actor: "mia", account: "team" },
      ...{ action: "repo.tag.push", subject: "team/app:1.4", data: {}, address: "192.0.2.7" },
    });
  });

  test("is one line of ASCII, whatever a client has written", () => {
    const data = { text: "a\nb\r\0\u007f<34>1 é 日本 😀" };
    const bytes = syslogMessage(entry(1, data));
    assert.match(bytes.toString("latin1"), /^[\x20-\x7e]+$/);
    assert.deepEqual(parseMessage(bytes.toString("latin1")).entry.data, data);
  });

  test("of more than 8 KiB has no data, because receivers would cut it off", () => {
    const bytes = syslogMessage(entry(1, { text: "x".repeat(8_192) }));
    assert.ok(bytes.length < 8_192);
    const { data, subject } = parseMessage(bytes.toString("latin1")).entry;
    assert.deepEqual([data, subject], [{ shortened: "true" }, "team/app:1.4"]);
  });
});

describe("a syslog server over UDP", () => {
  test("gets one datagram for each entry, in their order", async () => {
    const server = await startSyslogDatagrams();
    const receiver = openSyslogDatagrams("udp", "127.0.0.1", server.port);
    await receiver.send(entries(120), signal);
    await waitUntil("all are there", () => server.messages.length === 120);
    assert.deepEqual(idsOf(server.messages), idsOf(entries(120).map((one) => ({ entry: one }))));
  });

  test("whose port is closed on this machine is an error", async () => {
    const server = await startSyslogStream();
    // No UDP server has the number of this TCP port.
    const receiver = openSyslogDatagrams("udp", "127.0.0.1", server.port);
    await assert.rejects(receiver.send(entries(2), signal), { code: "ECONNREFUSED" });
  });
});

describe("a syslog server over TCP", () => {
  test("gets the entries with octet counting, and has read them when they count as sent", async () => {
    const server = await startSyslogStream();
    const receiver = openSyslogStream("tcp", { host: "127.0.0.1", port: server.port });
    await receiver.send(entries(500), signal);
    assert.deepEqual(idsOf(server.messages), idsOf(entries(500).map((one) => ({ entry: one }))));
  });

  test("that ends the connection before it has read the entries does not have them", async () => {
    const server = await startSyslogStream();
    server.accept = (socket) => void socket.on("error", () => undefined).destroy();
    const receiver = openSyslogStream("tcp", { host: "127.0.0.1", port: server.port });
    // More than the buffers of the two sockets take.
    const large = Array.from({ length: 3_000 }, (_, at) => entry(at, { text: "x".repeat(7_000) }));
    await assert.rejects(receiver.send(large, signal));
  });

  test("that hangs does not have the entries that the system took for it", async () => {
    const server = await startSyslogStream();
    server.accept = (socket) => void socket.on("error", () => undefined).pause();
    const target = { host: "127.0.0.1", port: server.port };
    const receiver = openSyslogStream("tcp", target, { idleMs: 200 });
    await assert.rejects(receiver.send(entries(3), signal), /did not close the connection/);
  });

  test("that does not listen is an error, and so is the end of the server while it is sent to", async () => {
    const server = await startSyslogStream();
    const receiver = openSyslogStream("tcp", { host: "127.0.0.1", port: server.port });
    await server.close();
    await assert.rejects(receiver.send(entries(1), signal), { code: "ECONNREFUSED" });
    const silent = await startSyslogStream();
    silent.accept = (socket) => void socket.on("error", () => undefined).pause();
    const ending = new AbortController();
    const sending = openSyslogStream("tcp", { host: "127.0.0.1", port: silent.port }).send(
      Array.from({ length: 3_000 }, (_, at) => entry(at, { text: "x".repeat(7_000) })),
      ending.signal,
    );
    await Promise.race([pause(100), sending.catch(() => undefined)]);
    ending.abort();
    await assert.rejects(sending, { name: "AbortError" });
  });
});

test("a syslog server on a Unix socket gets the entries with octet counting", async () => {
  const file = path.join(temporaryFolder(), "syslog.sock");
  const server = await startSyslogStream({ path: file });
  await openSyslogStream("unix", { path: file }).send(entries(3), signal);
  assert.deepEqual(idsOf(server.messages), [1, 2, 3]);
});
