import assert from "node:assert/strict";
import path from "node:path";
import { after, describe, test } from "node:test";
import { launch } from "../cli/support.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { waitUntil } from "../support/wait.ts";

const index = {
  schemaVersion: 2,
  mediaType: "application/vnd.oci.image.index.v1+json",
  manifests: [],
};
const manifest = "/v2/team/app/manifests/1";
const shown = "/v2/repositories/team/app/";

/** Starts a server on the folder, in one process or with several workers. */
async function start(data: string, settings: Readonly<Record<string, string>> = {}) {
  const args = ["serve", "--open", "--data", data, "--listen", "127.0.0.1:0"];
  const running = await launch(args, settings);
  after(() => running.child.kill("SIGKILL"));
  const url = /listens on (http:\/\/\S+)/.exec(await running.until("docker push"))?.[1] ?? "";
  const ask = (route: string, init: RequestInit = {}) =>
    fetch(new URL(route, url), {
      ...init,
      // Each request opens a connection, so that another worker may accept the next one.
      headers: { connection: "close", "content-type": index.mediaType },
    });
  return {
    push: async () => {
      const { status } = await ask(manifest, { method: "PUT", body: JSON.stringify(index) });
      assert.equal(status, 201);
    },
    pull: async (times: number) => {
      for (let time = 0; time < times; time += 1) assert.equal((await ask(manifest)).status, 200);
    },
    pulls: async () => ((await (await ask(shown)).json()) as { pull_count: number }).pull_count,
    async end(signal: NodeJS.Signals) {
      running.child.kill(signal);
      return (await running.ended).stderr;
    },
  };
}

const until = (read: () => Promise<number>, wanted: number): Promise<void> =>
  waitUntil(`there are ${wanted} pulls`, async () => (await read()) === wanted);

describe("pull counters", () => {
  test("of two workers are summed, and are complete after SIGTERM", async () => {
    const data = path.join(temporaryFolder(), "workers");
    const first = await start(data, { BERTH_WORKERS: "2" });
    await first.push();
    await first.pull(60);
    const said = await first.end("SIGTERM");
    const second = await start(data, { BERTH_WORKERS: "2" });
    assert.equal(await second.pulls(), 60, said);
    await second.pull(5);
    await until(second.pulls, 65);
    await second.end("SIGTERM");
  });

  test("lose at most the pulls that were not yet written at kill -9", async () => {
    const data = path.join(temporaryFolder(), "killed");
    let berth = await start(data);
    await berth.push();
    let known = 0;
    for (let round = 0; round < 3; round += 1) {
      await berth.pull(20);
      await until(berth.pulls, known + 20);
      await berth.pull(10);
      await berth.end("SIGKILL");
      berth = await start(data);
      const counted = await berth.pulls();
      assert.ok(counted >= known + 20 && counted <= known + 30, `${counted} after ${known}`);
      known = counted;
    }
    await berth.end("SIGTERM");
  });
});
