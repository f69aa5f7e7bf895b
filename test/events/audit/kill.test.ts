import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import type { Socket } from "node:net";
import path from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { OCI_INDEX } from "../../../src/oci/media-types.ts";
import { launch, type Running } from "../../cli/support.ts";
import { tablesOf } from "../../support/database.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { waitUntil } from "../../support/wait.ts";
import { startSyslogStream } from "./listeners.ts";

/* kill -9 of a server while clients push and its audit log is forwarded. */

type Kill = (socket: Socket, kill: () => void) => void;
const kills: readonly Kill[] = [
  // The receiver has entries, and the server cannot have recorded the position.
  (socket, kill) => socket.once("data", kill),
  // The server is recording the position, or sends the next entries.
  (socket, kill) => socket.once("close", kill),
];
const pushesOfTheLast = 20;

test("a server that is killed has forwarded each acknowledged push in the end, in the order of the log", async (t) => {
  const data = mkdtempSync(path.join(temporaryFolder(), "killed-"));
  const receiver = await startSyslogStream();
  const { accept } = receiver;
  const env = {
    BERTH_AUDIT_FORWARD: `tcp://127.0.0.1:${receiver.port}`,
    BERTH_LOG_LEVEL: "error",
  };
  const serve = async (): Promise<{ readonly server: Running; readonly origin: string }> => {
    const args = ["serve", "--open", "--data", data, "--listen", "127.0.0.1:0"];
    const server = await launch(args, env);
    t.after(() => server.child.kill("SIGKILL"));
    const [, origin = ""] =
      /listens on (http:\/\/\S+)/.exec(await server.until("docker push")) ?? [];
    return { server, origin };
  };
  let tags = 0;
  const acknowledged: string[] = [];
  const push = async (origin: string): Promise<void> => {
    const tag = `t${(tags += 1)}`;
    const answer = await fetch(`${origin}/v2/app/logged/manifests/${tag}`, {
      method: "PUT",
      headers: { "Content-Type": OCI_INDEX },
      body: JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] }),
    });
    assert.equal(answer.status, 201);
    acknowledged.push(`app/logged:${tag}`);
  };
  const pushed = (): readonly string[] =>
    receiver.messages
      .filter(({ entry }) => entry.action === "repo.tag.push")
      .map(({ entry }) => entry.subject);

  for (const killOn of kills) {
    const { server, origin } = await serve();
    receiver.accept = (socket) => {
      killOn(socket, () => server.child.kill("SIGKILL"));
      accept(socket);
    };
    while (!server.child.killed) {
      await push(origin).catch((error: unknown) => assert.ok(server.child.killed, String(error)));
      await pause(5);
    }
    await server.ended;
    receiver.accept = accept;
    // With PostgreSQL another replica leads when the lease of this one ends, after 15 s.
    await (await tablesOf(data)).exec("UPDATE leases SET leased_until = 0");
  }
  const { origin } = await serve();
  for (let count = 0; count < pushesOfTheLast; count += 1) await push(origin);
  await waitUntil("the receiver has all", () => pushed().includes(acknowledged.at(-1) ?? ""));

  // An entry may come again, with those after it. The server may have done a push that it did not answer.
  const firsts = [...new Set(pushed())].filter((subject) => acknowledged.includes(subject));
  assert.deepEqual(firsts, acknowledged);
  const all = receiver.messages.map(({ entry }) => entry.id);
  assert.ok(all.length > new Set(all).size, "what the first kill interrupted came again");
  const seen = new Map(receiver.messages.map(({ entry }) => [entry.subject, entry.id]));
  const ids = acknowledged.map((subject) => seen.get(subject) ?? 0);
  assert.deepEqual(
    ids,
    ids.toSorted((a, b) => a - b),
  );
});
