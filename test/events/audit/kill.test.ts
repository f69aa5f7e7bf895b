import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { OCI_INDEX } from "../../../src/oci/media-types.ts";
import { launch, type Running } from "../../cli/support.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { waitUntil } from "../../support/wait.ts";
import { startSyslogStream } from "./listeners.ts";

/* kill -9 of a server while clients push and its audit log is forwarded. */

const pushesBetweenKills = 40;
const kills = 3;

test("a server that is killed has forwarded each acknowledged push in the end, in the order of the log", async (t) => {
  const data = mkdtempSync(path.join(temporaryFolder(), "killed-"));
  const receiver = await startSyslogStream();
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
  const acknowledged: string[] = [];
  const push = async (origin: string): Promise<void> => {
    const tag = `t${acknowledged.length}`;
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

  for (let killed = 0; killed <= kills; killed += 1) {
    const { server, origin } = await serve();
    for (let count = 0; count < pushesBetweenKills; count += 1) await push(origin);
    // The last server ends when the receiver has all; the others with entries that it may or may not have.
    if (killed === kills)
      await waitUntil("the receiver has all", () => new Set(pushed()).size === acknowledged.length);
    server.child.kill("SIGKILL");
    await server.ended;
  }
  // An entry may come again, with those after it.
  const firsts = [...new Set(pushed())];
  assert.deepEqual(firsts, acknowledged);
  const seen = new Map(receiver.messages.map(({ entry }) => [entry.subject, entry.id]));
  const ids = acknowledged.map((subject) => seen.get(subject) ?? 0);
  assert.deepEqual(
    ids,
    ids.toSorted((a, b) => a - b),
  );
});
