import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../src/oci/digest.ts";
import type { Wire } from "../crash/wire.ts";
import { startReceiver } from "../events/receiver.ts";
import { waitUntil } from "../support/wait.ts";
import { startCluster } from "./support/cluster.ts";
import { manifestTypes } from "./support/image.ts";

test("another replica tells webhooks of changes after the replica that did it was killed, in order", async () => {
  const receiver = await startReceiver();
  const cluster = await startCluster({
    env: { BERTH_WEBHOOKS_ALLOWED_NETWORKS: "127.0.0.0/8" },
  });
  await cluster.administer(["org", "add", "team", "--owner", "admin"]);
  await cluster.administer(["webhook", "create", receiver.url, "--events", "push"]);
  const pushed: string[] = [];
  const push = async (wire: Wire): Promise<void> => {
    const annotations = { at: String(pushed.length) };
    const index = { schemaVersion: 2, mediaType: manifestTypes.index, manifests: [], annotations };
    const body = Buffer.from(JSON.stringify(index));
    const headers = { "Content-Type": manifestTypes.index };
    await wire.expect(201, "PUT", "/v2/team/app/manifests/t", { headers, body });
    pushed.push(digestOf(body));
  };
  const told = (): readonly string[] => [
    ...new Set(
      receiver.received.map(({ body }) => (JSON.parse(body) as { data: Told }).data.digest),
    ),
  ];
  const balanced = cluster.client();
  for (let at = 0; at < 20; at += 1) await push(balanced);
  await waitUntil("all pushes are told", () => told().length === pushed.length);
  const leaders = cluster.replicas.filter((replica) => isLeading(replica.log()));
  assert.equal(leaders.length, 1);
  await leaders[0]?.end("SIGKILL");
  const alive = cluster.replicas.filter((replica) => replica !== leaders[0]);
  // HAProxy may send a request to the killed replica: the pushes go to one that lives.
  const survivor = cluster.client(alive[0]);
  for (let at = 0; at < 20; at += 1) await push(survivor);
  // The lease of the killed one ends after 15 s; another replica asks for it every 5 s.
  await waitUntil("all pushes are told", () => told().length === pushed.length);
  assert.deepEqual(told(), pushed);
  assert.equal(alive.filter((replica) => isLeading(replica.log())).length, 1);
});

interface Told {
  readonly digest: string;
}

/** The last line of the log about the work `webhooks` says that the replica leads. */
const isLeading = (log: string): boolean =>
  log
    .split("\n")
    .findLast((line) => line.includes('"work":"webhooks"'))
    ?.includes("this replica leads") === true;
