import assert from "node:assert/strict";
import { readdirSync, statSync } from "node:fs";
import { get } from "node:http";
import path from "node:path";
import { after, test } from "node:test";
import { launch, type Running } from "../cli/support.ts";
import { startBerth } from "../support/berth.ts";
import { startFaultyProxy } from "../support/faulty-proxy.ts";
import { waitUntil } from "../support/wait.ts";
import { bulk, mirrorSettings, newFolder, pushUpstream } from "./support.ts";

async function serve(data: string, mirrors: string): Promise<{ server: Running; port: number }> {
  const args = ["serve", "--open", "--data", data, "--listen", "127.0.0.1:0"];
  const server = await launch(args, { BERTH_MIRRORS: mirrors, BERTH_LOG_LEVEL: "error" });
  const text = await server.until("http://127.0.0.1:");
  const [, port = ""] = /http:\/\/127\.0\.0\.1:(\d+)/.exec(text) ?? [];
  return { server, port: Number(port) };
}

/** The size of the largest upload in a data folder. */
const largestIn = (data: string): number => {
  const folder = path.join(data, "uploads");
  return Math.max(0, ...readdirSync(folder).map((name) => statSync(path.join(folder, name)).size));
};

test("a new process resumes the download of a killed process from the bytes on disk", async () => {
  const upstream = await startBerth(newFolder());
  const proxy = await startFaultyProxy(upstream.port);
  after(async () => {
    await proxy.close();
    await upstream.close();
  });
  const size = 4_000_000;
  const image = await pushUpstream({ upstream }, "library/killed", "1", bulk(size, "killed"));
  const mirrors = mirrorSettings(proxy.url)["mirrors"] ?? "";
  const data = newFolder();
  const first = await serve(data, mirrors);
  after(() => first.server.child.kill("SIGKILL"));
  proxy.fail({ kind: "stall", atByte: 2_000_000, until: new Promise(() => undefined) }, /./, 1);
  const url = (port: number) => `http://127.0.0.1:${port}/v2/killed/blobs/${image.layer}`;

  await new Promise<void>((resolve, reject) => {
    get(url(first.port), (answer) => {
      let received = 0;
      answer.on("error", () => undefined);
      answer.on("data", (chunk: Buffer) => {
        received += chunk.length;
        if (received >= 2_000_000) resolve();
      });
    }).on("error", reject);
  });
  // The client may receive bytes before they are written to the file.
  await waitUntil("half of it is in a file", () => largestIn(data) >= 1_000_000);
  first.server.child.kill("SIGKILL");
  await first.server.ended;

  const second = await serve(data, mirrors);
  after(() => second.server.child.kill("SIGKILL"));
  const answer = await fetch(url(second.port));
  assert.equal(answer.status, 200);
  assert.equal(Buffer.compare(Buffer.from(await answer.arrayBuffer()), image.layerBytes), 0);
  const [, from = "0"] = /^bytes=(\d+)-$/.exec(proxy.seen.at(-1)?.headers.range ?? "") ?? [];
  assert.ok(Number(from) >= 1_000_000, `it began again at byte ${from}`);
  assert.equal(proxy.count("GET", /blobs/), 2);
  second.server.child.kill("SIGTERM");
  assert.equal((await second.server.ended).code, 0);
});
