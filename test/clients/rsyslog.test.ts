import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import path from "node:path";
import process from "node:process";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { isReplicated, startBerth } from "./support/berth.ts";
import { atEnd, createScratch, endProcess, untilReady } from "./support/scratch.ts";

/* A real rsyslog gets the audit log over UDP, over TCP and over a Unix socket, and writes down what it understood. */

/** The fields of a message, as rsyslog has parsed them. */
const properties = [
  ...["inputname", "pri", "protocol-version", "app-name", "msgid", "structured-data", "msg"],
] as const;
type Parsed = Readonly<Record<(typeof properties)[number], string>>;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function startRsyslog() {
  const folder = createScratch("rsyslog");
  const port = await freePort();
  const [socket, messages] = [path.join(folder, "socket"), path.join(folder, "messages")];
  const template = properties.map((name) => `%${name}%`).join("\\t");
  writeFileSync(
    path.join(folder, "rsyslog.conf"),
    `global(workDirectory="${folder}")
module(load="imtcp")
module(load="imudp")
module(load="imptcp")
input(type="imtcp" address="127.0.0.1" port="${port}" name="tcp")
input(type="imudp" address="127.0.0.1" port="${port}" name="udp")
input(type="imptcp" path="${socket}" unlink="on" name="unix")
template(name="parsed" type="string" string="${template}\\n")
action(type="omfile" file="${messages}" template="parsed")
`,
  );
  const log = path.join(folder, "log");
  const output = openSync(log, "w");
  const child = spawn(
    "rsyslogd",
    ["-n", "-f", path.join(folder, "rsyslog.conf"), "-i", path.join(folder, "pid")],
    { cwd: folder, env: { PATH: process.env["PATH"] }, stdio: ["ignore", output, output] },
  );
  closeSync(output);
  const { pid } = child;
  assert.ok(pid, "rsyslogd could not be started");
  atEnd(async () => void (await endProcess(pid)));
  await untilReady(child, log, () => existsSync(socket));
  return {
    receivers: {
      tcp: `tcp://127.0.0.1:${port}`,
      udp: `udp://127.0.0.1:${port}`,
      unix: `unix:${socket}`,
    },
    parsed: (): readonly Parsed[] =>
      (existsSync(messages) ? readFileSync(messages, "utf8") : "")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => {
          const values = line.split("\t");
          return Object.fromEntries(properties.map((name, at) => [name, values[at]])) as Parsed;
        }),
  };
}

const index = "application/vnd.oci.image.index.v1+json";

async function pushTag(host: string, tag: string): Promise<void> {
  const answer = await fetch(`http://${host}/v2/team/app/manifests/${tag}`, {
    method: "PUT",
    headers: { "Content-Type": index, Connection: "close" },
    body: JSON.stringify({ schemaVersion: 2, mediaType: index, manifests: [] }),
  });
  assert.equal(answer.status, 201);
  await answer.arrayBuffer();
}

if (!isReplicated)
  describe("rsyslog", async () => {
    const rsyslog = await startRsyslog();
    for (const [input, receiver] of Object.entries(rsyslog.receivers))
      test(`understands the entries of the audit log that it gets as ${input}, in their order`, async () => {
        const berth = await startBerth({ settings: { BERTH_AUDIT_FORWARD: receiver } });
        const tags = Array.from({ length: 20 }, (_, at) => `t${at}`);
        for (const tag of tags) await pushTag(berth.host, tag);
        const pushed = (): readonly Parsed[] =>
          rsyslog
            .parsed()
            .filter(({ inputname, msgid }) => inputname === input && msgid === "repo.tag.push");
        const deadline = Date.now() + 30_000;
        while (pushed().length < tags.length && Date.now() < deadline) await pause(100);
        for (const one of pushed())
          assert.deepEqual(
            { ...one, msg: "" },
            {
              ...{ inputname: input, pri: "110", "protocol-version": "1", "app-name": "berth" },
              ...{ msgid: "repo.tag.push", "structured-data": "-", msg: "" },
            },
          );
        const subjects = pushed().map(
          ({ msg }) => (JSON.parse(msg) as { subject: string }).subject,
        );
        assert.deepEqual(
          subjects,
          tags.map((tag) => `team/app:${tag}`),
        );
      });
  });
