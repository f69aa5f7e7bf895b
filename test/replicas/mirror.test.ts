import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import path from "node:path";
import process from "node:process";
import { test } from "node:test";
import { runHerd as runClients } from "../../bench/client/concurrent-clients.ts";
import { createScratch } from "../clients/support/scratch.ts";
import { pushImage } from "../support/distribution.ts";
import { startFaultyProxy } from "../support/faulty-proxy.ts";
import { startCluster } from "./support/cluster.ts";
import { startProgram } from "./support/program.ts";
import { program, runBerth } from "./support/replica.ts";

const MB = 1_000_000;
const clients = Number(process.env["BERTH_MIRROR_CLIENTS"] ?? 300);

async function startUpstream(): Promise<{ readonly url: string; readonly port: number }> {
  const data = path.join(createScratch("upstream"), "data");
  const serve = ["serve", "--open", "--data", data, "--listen", "127.0.0.1:0"];
  const running = await startProgram([process.execPath, program, ...serve], {
    isReady: (log) => /listens on/.test(log()),
  });
  const url = /listens on (http:\/\/\S+)/.exec(running.log())?.[1] ?? "";
  return { url, port: Number(new URL(url).port) };
}

const upstream = await startUpstream();
const proxy = await startFaultyProxy(upstream.port);
const mirror = {
  ...{ namespace: "docker.io", upstream: proxy.url, visibility: "public", root: true },
  ...{ allowPrivateNetwork: true, idle: "30s" },
};

for (const [balance, roundRobin] of [
  ["each request goes to another replica", true],
  ["deploy/haproxy.cfg sends a blob to one replica", false],
] as const)
  test(`${clients} clients pull a new image of a mirror, one GET per object reaches the upstream: ${balance}`, async (t) => {
    const cluster = await startCluster({
      roundRobin,
      env: { BERTH_AUTH_OPEN: "true", BERTH_MIRRORS: JSON.stringify([mirror]) },
    });
    const layers = Array.from({ length: 4 }, () => randomBytes(MB));
    const name = roundRobin ? "round-robin" : "by-blob";
    const image = await pushImage(upstream.url, `library/${name}`, "1", layers);
    proxy.reset();
    proxy.rate(20 * MB);
    const { failures, ms, firstByteMs } = await runClients(clients, {
      ...{ port: cluster.balancer.port, name, tag: "1" },
      ...{ blobs: image.digests, bytes: image.bytes },
    });
    proxy.rate(undefined);
    t.diagnostic(
      `${clients} clients in ${Math.round(ms)} ms, the first byte of a blob after ${Math.round(firstByteMs)} ms`,
    );
    assert.deepEqual(failures, []);
    const gets = [...proxy.counts].filter(([key]) => key.startsWith("GET"));
    assert.deepEqual(
      gets.filter(([, count]) => count !== 1),
      [],
    );
    assert.equal(gets.length, image.digests.length + 1);
    const { code, printed } = await runBerth(["check"], cluster.env);
    assert.equal(code, 0, printed);
  });

test.after(() => proxy.close());
