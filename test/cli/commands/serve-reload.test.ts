import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, describe, test } from "node:test";
import { digestOf } from "../../../src/oci/digest.ts";
import { newFolder, pushUpstream } from "../../mirror/support.ts";
import { startBerth } from "../../support/berth.ts";
import { databaseSettings } from "../../support/database.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { waitUntil } from "../../support/wait.ts";
import { launch, nested } from "../support.ts";

const mediaType = "application/vnd.oci.image.index.v1+json";
const index = JSON.stringify({ schemaVersion: 2, mediaType, manifests: [] });
const blob = Buffer.alloc(1024 * 1024 + 1);

/** Starts `berth serve` with a configuration file; `change` writes another file and sends SIGHUP. */
async function serve(workers: number) {
  const folder = temporaryFolder();
  const data = path.join(folder, "data");
  mkdirSync(data, { recursive: true });
  const file = path.join(folder, "berth.yaml");
  const common = { data, workers, publicUrl: "http://registry.test" };
  const ofDatabase = nested(await databaseSettings(data));
  const write = (settings: object): void =>
    writeFileSync(file, JSON.stringify({ ...common, ...ofDatabase, ...settings }));
  write({});
  const running = await launch(["serve", "--open", "--config", file, "--listen", "127.0.0.1:0"]);
  after(() => running.child.kill("SIGKILL"));
  let log = "";
  running.child.stderr?.on("data", (text: string) => (log += text));
  const url = /listens on (http:\/\/\S+)/.exec(await running.until("docker push"))?.[1] ?? "";
  // Closes the connection after each request, so that another worker gets the next request.
  const send = async (method: string, where: string, body: Buffer | string, type: string) => {
    const headers = { Connection: "close", "Content-Type": type };
    const response = await fetch(url + where, { method, body, headers });
    await response.arrayBuffer();
    return response.status;
  };
  return {
    ...running,
    file,
    log: () => log,
    getVersion: async () => (await fetch(`${url}/v2/`)).arrayBuffer(),
    get: async (where: string) => {
      const response = await fetch(url + where, { headers: { Connection: "close" } });
      await response.arrayBuffer();
      return response.status;
    },
    pushBlob: () =>
      send("POST", `/v2/a/b/blobs/uploads/?digest=${digestOf(blob)}`, blob, "a/octet-stream"),
    startUpload: () => send("POST", "/v2/up.example/team/new/blobs/uploads/", "", mediaType),
    pushTags: () =>
      send(
        "PUT",
        `/v2/a/b/manifests/${digestOf(Buffer.from(index))}?tag=1&tag=2`,
        index,
        mediaType,
      ),
    /** Resolves with the new lines of the log when one of them matches. */
    async change(settings: object, expected: RegExp): Promise<string> {
      const before = log.length;
      write(settings);
      running.child.kill("SIGHUP");
      await waitUntil("the log says so", () => expected.test(log.slice(before)));
      return log.slice(before);
    },
  };
}

/** Calls six times, so that each of two workers is asked. */
async function each(call: () => Promise<number>): Promise<ReadonlySet<number>> {
  const statuses = new Set<number>();
  for (let time = 0; time < 6; time += 1) statuses.add(await call());
  return statuses;
}

describe("SIGHUP", () => {
  for (const workers of [1, 2])
    test(`changes limits and the log level in ${workers} process(es), and names what needs a restart`, async () => {
      const server = await serve(workers);
      assert.deepEqual(await each(server.pushBlob), new Set([201]));
      assert.deepEqual(await each(server.pushTags), new Set([201]));

      const limits = { blobSize: "1MiB", tagsPerPush: 1 };
      const said = await server.change({ limits }, /the configuration was read again/);
      assert.match(said, /"applied":\["limits\.blobSize","limits\.tagsPerPush"\]/);
      assert.doesNotMatch(said, /need a restart/);
      await waitUntil("all processes obey", async () => {
        const [blobs, tags] = [await each(server.pushBlob), await each(server.pushTags)];
        return !blobs.has(201) && !tags.has(201);
      });
      assert.deepEqual(await each(server.pushBlob), new Set([413]));

      const invalid = { limits: { ...limits, tagsPerPush: -1 }, log: { level: "debug" } };
      const refused = await server.change(invalid, /the configuration is not valid/);
      assert.match(refused, /limits\.tagsPerPush.*found -1/);

      const fixed = { ...limits, idleTimeout: "50s" };
      const more = { limits: fixed, gc: { interval: "2h" }, log: { level: "debug" } };
      const restart = await server.change(more, /these settings need a restart/);
      assert.match(restart, /"needsRestart":\["gc\.interval","limits\.idleTimeout"\]/);
      assert.match(restart, /"applied":\["log\.level"\]/);
      const from = server.log().length;
      await waitUntil("requests are logged", async () => {
        await server.getVersion();
        return server.log().slice(from).includes('"path":"/v2/"');
      });

      await server.change(
        {},
        /"applied":\["log\.level","limits\.blobSize","limits\.tagsPerPush"\]/,
      );
      await waitUntil("all processes obey", async () => {
        const statuses = new Set([
          ...(await each(server.pushBlob)),
          ...(await each(server.pushTags)),
        ]);
        return statuses.size === 1 && statuses.has(201);
      });
      server.child.kill("SIGTERM");
      assert.equal((await server.ended).code, 0);
    });

  for (const workers of [1, 2])
    test(`adds, changes and removes mirrors in ${workers} process(es)`, async () => {
      const upstream = await startBerth(newFolder());
      after(() => upstream.close());
      for (const name of ["team/app", "team/other", "team/late"])
        await pushUpstream({ upstream }, name, "1", `the layer of ${name}`);
      const server = await serve(workers);
      const pull = (name: string) => () => server.get(`/v2/up.example/team/${name}/manifests/1`);
      const untilAll = (what: string, call: () => Promise<number>, status: number) =>
        waitUntil(what, async () => {
          const statuses = await each(call);
          return statuses.size === 1 && statuses.has(status);
        });
      assert.deepEqual(await each(pull("app")), new Set([404]));

      const mirror = {
        ...{ namespace: "up.example", upstream: `http://127.0.0.1:${upstream.port}` },
        ...{ visibility: "public", allowPrivateNetwork: true },
      };
      const applied = /"applied":\["mirrors"\]/;
      assert.doesNotMatch(await server.change({ mirrors: [mirror] }, applied), /need a restart/);
      await untilAll("all processes have the mirror", pull("app"), 200);
      assert.deepEqual(await each(server.startUpload), new Set([405]));

      const unreadable = { ...mirror, tls: { ca: path.join(newFolder(), "none.pem") } };
      const refused = /tls\.ca \S+none\.pem of the mirror up\.example cannot be used/;
      await server.change({ mirrors: [unreadable] }, refused);
      assert.deepEqual(await each(pull("app")), new Set([200]));

      await server.change({ mirrors: [{ ...mirror, deny: ["team/other"] }] }, applied);
      await untilAll("all processes have its new settings", pull("other"), 403);
      assert.deepEqual(await each(pull("app")), new Set([200]));

      await server.change({}, applied);
      await untilAll("no process has the mirror", server.startUpload, 202);
      assert.deepEqual(await each(pull("late")), new Set([404]));
      // What was cached is an ordinary repository.
      assert.deepEqual(await each(pull("app")), new Set([200]));
      server.child.kill("SIGTERM");
      assert.equal((await server.ended).code, 0);
    });
});
