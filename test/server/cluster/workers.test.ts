import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import net, { type AddressInfo } from "node:net";
import path from "node:path";
import process from "node:process";
import { after, describe, test } from "node:test";
import { digestOf } from "../../../src/oci/digest.ts";
import { berth, launch } from "../../cli/support.ts";
import { contentOf } from "../../crash/content.ts";
import { compareStored } from "../../crash/stored.ts";
import { withDigest } from "../../crash/uploader.ts";
import { createWire, type Wire } from "../../crash/wire.ts";
import { connect, get, type Connection } from "../support.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { waitUntil } from "../../support/wait.ts";

const repository = "team/app";
const uploads = `/v2/${repository}/blobs/uploads/`;
/** Closes the connection after each request, so that another worker gets the next request. */
const headers = { Connection: "close", "Content-Type": "application/octet-stream" };

interface Line {
  readonly msg: string;
  readonly worker?: number;
  readonly pid?: number;
  readonly method?: string;
  readonly signal?: string;
}

interface Cluster {
  readonly url: string;
  readonly data: string;
  readonly wire: Wire;
  readonly log: () => readonly Line[];
  /** Waits until the log has `times` lines with this message, and returns them. */
  readonly told: (message: string, times: number) => Promise<readonly Line[]>;
  readonly signal: (name: NodeJS.Signals) => void;
  readonly ended: Promise<number | null>;
}

async function start(
  env: Readonly<Record<string, string>> = {},
  data = path.join(temporaryFolder(), "data"),
): Promise<Cluster> {
  const args = ["serve", "--open", "--data", data, "--listen", "127.0.0.1:0"];
  const running = await launch(args, {
    ...{ BERTH_WORKERS: "2", BERTH_LOG_LEVEL: "debug" },
    ...env,
  });
  after(() => running.child.kill("SIGKILL"));
  let stderr = "";
  running.child.stderr?.on("data", (text: string) => (stderr += text));
  const url = /listens on (http:\/\/\S+)/.exec(await running.until("docker push"))?.[1] ?? "";
  const wire = createWire(url);
  after(() => wire.close());
  const log = (): readonly Line[] =>
    stderr
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Line);
  return {
    ...{ url, data, wire, log },
    async told(message, times) {
      const lines = () => log().filter(({ msg }) => msg === message);
      const isTold = waitUntil(`the log says "${message}"`, () => lines().length >= times);
      await Promise.race([isTold, running.ended.then(() => assert.fail(stderr))]);
      return lines();
    },
    signal: (name) => void running.child.kill(name),
    ended: running.ended.then(({ code }) => code),
  };
}

const append = async (wire: Wire, location: string, bytes: Buffer): Promise<string> =>
  (await wire.expect(202, "PATCH", location, { body: bytes, headers })).headers.location ?? "";

/** Starts a PATCH that never ends. Resolves when the server has received some bytes. */
async function beginWriting(url: string, wire: Wire, to: string, bytes: Buffer): Promise<void> {
  const writing = http.request(new URL(to, url), { method: "PATCH" });
  writing.on("error", () => undefined).write(bytes);
  await waitUntil("some of it has arrived", async () => {
    const { range } = (await wire.expect(204, "GET", to, { headers })).headers;
    return range !== "0-0";
  });
}

describe("two workers", () => {
  test("continue each other's uploads, store one copy of a digest, and exit with 0 on SIGTERM", async () => {
    const { wire, data, log, signal, ended } = await start();
    const bytes = contentOf("by turns", 600_000);
    let { location = "" } = (await wire.expect(202, "POST", uploads, { headers })).headers;
    for (let at = 0; at < bytes.length; at += 100_000)
      location = await append(wire, location, bytes.subarray(at, at + 100_000));
    const digest = digestOf(bytes);
    await wire.expect(201, "PUT", withDigest(location, digest), { headers });
    const blob = `/v2/${repository}/blobs/${digest}`;
    for (let times = 0; times < 4; times += 1)
      assert.ok((await wire.expect(200, "GET", blob, { headers })).body.equals(bytes));
    const writers = () => log().filter(({ method }) => method === "PATCH");
    await waitUntil("the log has each PATCH", () => writers().length === 6);
    assert.deepEqual(new Set(writers().map(({ worker }) => worker)), new Set([1, 2]));

    const same = contentOf("the same for everybody", 300_000);
    await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        wire.expect(201, "POST", `/v2/many/r${index}/blobs/uploads/?digest=${digestOf(same)}`, {
          body: same,
          headers,
        }),
      ),
    );
    signal("SIGTERM");
    assert.equal(await ended, 0);
    const { blobRows, orphanBlobs, orphanUploads, problems } = await compareStored(data);
    assert.deepEqual(
      { blobRows, orphanBlobs, orphanUploads, problems },
      { blobRows: 2, orphanBlobs: 0, orphanUploads: 0, problems: [] },
    );
  });

  test("have their metrics together, whichever answers, and no counter goes down after SIGKILL", async () => {
    const { wire, told } = await start();
    const answered = async (): Promise<number> => {
      const { body } = await wire.expect(200, "GET", "/metrics", { headers });
      const text = body.toString();
      const gets =
        /^berth_http_requests_total\{route="\/healthz",method="GET",status="2xx"\} (\d+)$/m;
      return Number(gets.exec(text)?.[1]);
    };
    for (let times = 0; times < 20; times += 1)
      await wire.expect(200, "GET", "/healthz", { headers });
    for (let times = 0; times < 4; times += 1)
      await waitUntil("all requests are counted", async () => (await answered()) === 20);
    const [first] = await told("a worker listens", 2);
    process.kill(first?.pid ?? 0, "SIGKILL");
    await told("a worker listens", 3);
    for (let times = 0; times < 4; times += 1) assert.equal(await answered(), 20);
    await wire.expect(200, "GET", "/healthz", { headers });
    await waitUntil("the next request is counted", async () => (await answered()) === 21);
    const { body } = await wire.expect(200, "GET", "/metrics", { headers });
    assert.match(body.toString(), /^berth_processes 3$/m);
    assert.match(body.toString(), /^berth_http_sent_bytes_total [1-9]\d+$/m);
  });

  test("are replaced after SIGKILL, and a client can continue an upload that a killed worker had locked", async () => {
    const { url, wire, log, told, signal, ended } = await start();
    const bytes = contentOf("goes on", 900_000);
    const digest = digestOf(bytes);
    const { location = "" } = (await wire.expect(202, "POST", uploads, { headers })).headers;
    await beginWriting(url, wire, location, bytes.subarray(0, 500_000));

    for (const { pid = 0 } of await told("a worker listens", 2)) process.kill(pid, "SIGKILL");
    const deaths = await told("a worker has died; another one starts", 2);
    assert.deepEqual(
      deaths.map((line) => line.signal),
      ["SIGKILL", "SIGKILL"],
    );
    await told("a worker listens", 4);
    const { range = "" } = (await wire.expect(204, "GET", location, { headers })).headers;
    const rest = await append(wire, location, bytes.subarray(Number(range.slice(2)) + 1));
    await wire.expect(201, "PUT", withDigest(rest, digest), { headers });
    const blob = await wire.expect(200, "GET", `/v2/${repository}/blobs/${digest}`, { headers });
    assert.ok(blob.body.equals(bytes));
    await waitUntil("both new workers answer on the port of the old ones", async () => {
      await wire.expect(200, "GET", "/v2/", { headers });
      const answering = new Set(
        log()
          .filter(({ method }) => method === "GET")
          .map(({ worker }) => worker),
      );
      return answering.has(3) && answering.has(4);
    });
    signal("SIGINT");
    assert.equal(await ended, 0);
  });

  test("exit when the first process is killed, and a new server can start on the data folder", async () => {
    const { url, wire, data, told, signal, ended } = await start();
    const bytes = contentOf("kept", 300_000);
    const to = `${uploads}?digest=${digestOf(bytes)}`;
    await wire.expect(201, "POST", to, { body: bytes, headers });
    await told("a worker listens", 2);
    let haveEnded = false;
    // The workers inherit standard error of the first process. It is closed when the last worker has exited.
    void ended.then(() => (haveEnded = true));
    signal("SIGKILL");
    await waitUntil("the workers have ended, too", () => haveEnded);
    assert.equal(await ended, null);
    await assert.rejects(fetch(url));
    const again = await start({}, data);
    const blob = `/v2/${repository}/blobs/${digestOf(bytes)}`;
    assert.ok((await again.wire.expect(200, "GET", blob, { headers })).body.equals(bytes));
    again.signal("SIGTERM");
    assert.equal(await again.ended, 0);
  });

  test("share limits.connections, so that the server accepts as many connections as one process", async () => {
    const { url, told } = await start({ BERTH_LIMITS_CONNECTIONS: "4" });
    const port = Number(new URL(url).port);
    const open: Connection[] = [];
    after(() => {
      for (const { socket } of open) socket.destroy();
    });
    for (let index = 0; index < 8; index += 1) open.push(await connect(port, get("/healthz")));
    const answers = await Promise.all(
      open.map(({ until }) =>
        until("\r\n\r\n")
          .then(() => 1)
          .catch(() => 0),
      ),
    );
    assert.equal(answers.filter((answer) => answer === 1).length, 4);
    await told("connections rejected: the limit is reached", 1);
  });

  test("exit at once with 143 on a second SIGTERM", async () => {
    const { url, wire, told, signal, ended } = await start();
    const { location = "" } = (await wire.expect(202, "POST", uploads, { headers })).headers;
    await beginWriting(url, wire, location, Buffer.alloc(500_000));
    signal("SIGTERM");
    await told(
      "draining: running requests can finish; a second signal ends the process at once",
      2,
    );
    signal("SIGTERM");
    assert.equal(await ended, 143);
  });

  test("do not start when the port is in use (exit code 1) or with storage in memory (exit code 2)", async () => {
    const other = net.createServer().listen(0, "127.0.0.1");
    after(() => other.close());
    await once(other, "listening");
    const listen = `127.0.0.1:${(other.address() as AddressInfo).port}`;
    const data = path.join(temporaryFolder(), "data");
    const args = ["serve", "--open", "--data", data, "--listen", listen];
    const taken = await berth(args, { BERTH_WORKERS: "2" });
    assert.equal(taken.code, 1);
    assert.match(taken.stderr, new RegExp(`^berth: ${listen} is already in use`, "m"));

    const forgetful = { BERTH_WORKERS: "2", BERTH_STORAGE_DRIVER: "memory" };
    const refused = await berth(args, forgetful);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /workers \(BERTH_WORKERS\).*memory driver/);
  });
});
