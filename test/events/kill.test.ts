import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import path from "node:path";
import process from "node:process";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { digestOf } from "../../src/oci/digest.ts";
import { OCI_INDEX } from "../../src/oci/media-types.ts";
import { berth, launch, type Ended, type Running } from "../cli/support.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { waitUntil } from "../support/wait.ts";
import { startReceiver, type TestReceiver } from "./receiver.ts";

/*
 * kill -9 of a server while clients push and a receiver is told: each push that was acknowledged is told, and the pushes of
 * each tag in their order. A delivery may come twice.
 */

/** `BERTH_TEST_EVENTS=10000` takes two minutes. */
const pushesAtLeast = Number(process.env["BERTH_TEST_EVENTS"] ?? 2_000);
const tags = 40;
/** After each tenth of the pushes, however long they take. */
const kills = 10;
/** A receiver that is told nothing new for this time is told nothing any more. */
const silentMs = 120_000;

interface Told {
  readonly id: string;
  readonly subject: string;
  readonly data: { readonly digest: string };
}

/** The digests of each tag in the order of their first delivery. */
function firstTold({ received }: TestReceiver): ReadonlyMap<string, readonly string[]> {
  const seen = new Set<string>();
  const order = new Map<string, string[]>();
  for (const { body } of received) {
    const { id, subject, data } = JSON.parse(body) as Told;
    if (seen.has(id)) continue;
    seen.add(id);
    order.set(subject, [...(order.get(subject) ?? []), data.digest]);
  }
  return order;
}

/** A port that the server gets again after each kill. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe("events of a server that is killed", () => {
  test("are all told, in the order of the pushes of each tag", async () => {
    const data = mkdtempSync(path.join(temporaryFolder(), "killed-"));
    const receiver = await startReceiver();
    const port = await freePort();
    const env = { BERTH_WEBHOOKS_ALLOWED_NETWORKS: "127.0.0.0/8" };
    const isUp = async (): Promise<boolean> =>
      (await fetch(`http://127.0.0.1:${port}/healthz`).catch(() => undefined))?.ok === true;
    /** Starts the server, again if it ends: a client of another process may have the port for a moment. */
    const serve = async (attempts = 5): Promise<Running> => {
      const args = ["serve", "--open", "--data", data, "--listen", `127.0.0.1:${port}`];
      const started = await launch(args, { ...env, BERTH_LOG_LEVEL: "error" });
      let ended: Ended | undefined;
      void started.ended.then((how) => (ended = how));
      await waitUntil("the server answers", async () => ended !== undefined || (await isUp()));
      if (ended === undefined) return started;
      assert.ok(attempts > 1, JSON.stringify(ended));
      return await serve(attempts - 1);
    };
    let server = await serve();
    const made = await berth(
      ["webhook", "create", receiver.url, "--events", "push", "--data", data],
      env,
    );
    assert.equal(made.code, 0, made.stderr);

    let acknowledged = 0;
    const pushed = new Map<string, string[]>();
    /** Pushes one manifest after another to a tag, each until it is acknowledged. */
    const push = async (tag: number): Promise<void> => {
      const name = `app/told:t${tag}`;
      const digests: string[] = [];
      pushed.set(name, digests);
      for (let at = 0; acknowledged < pushesAtLeast; at += 1) {
        const annotations = { tag: String(tag), at: String(at) };
        const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [], annotations };
        const body = JSON.stringify(index);
        for (;;) {
          const answer = await fetch(`http://127.0.0.1:${port}/v2/app/told/manifests/t${tag}`, {
            method: "PUT",
            headers: { "Content-Type": OCI_INDEX },
            body,
          }).catch(() => undefined);
          if (answer?.status === 201) break;
          await pause(20);
        }
        digests.push(digestOf(Buffer.from(body)));
        acknowledged += 1;
      }
    };
    const killing = (async () => {
      for (let killed = 0; killed < kills; killed += 1) {
        const after = (pushesAtLeast * (killed + 0.5)) / kills;
        while (acknowledged < after) await pause(5);
        server.child.kill("SIGKILL");
        await server.ended;
        server = await serve();
      }
    })();
    await Promise.all([killing, ...Array.from({ length: tags }, (_, tag) => push(tag))]);
    const lacking = (): number => {
      const told = firstTold(receiver);
      let count = 0;
      for (const [name, digests] of pushed)
        count += digests.filter((digest) => told.get(name)?.includes(digest) !== true).length;
      return count;
    };
    let [count, sinceMs] = [0, performance.now()];
    while (lacking() > 0 && performance.now() - sinceMs < silentMs) {
      if (receiver.received.length > count)
        [count, sinceMs] = [receiver.received.length, performance.now()];
      await pause(500);
    }
    server.child.kill("SIGKILL");
    await server.ended;

    const told = firstTold(receiver);
    for (const [name, digests] of pushed) {
      // A push whose acknowledgement was lost is pushed again: the same digest twice in a row.
      const once = (told.get(name) ?? []).filter((digest, at, all) => digest !== all[at - 1]);
      assert.deepEqual(once, digests, name);
    }
    console.log(
      `${acknowledged} pushes, ${kills} kills, ${receiver.received.length} deliveries, 0 lost`,
    );
  });
});
