import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { hostname } from "node:os";
import { after, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { createMemoryStore } from "../../../storage/memory/store.ts";
import { deleteStaleDownloads } from "../../../src/mirror/pull/fetch-owners.ts";
import {
  createProcessId,
  registerMirrorProcess,
} from "../../../src/mirror/pull/mirror-processes.ts";
import { digestOf, parseDigest } from "../../../src/oci/digest.ts";
import { parseRepositoryName } from "../../../src/oci/name.ts";
import { startBerth } from "../../support/berth.ts";
import { openTestDatabase } from "../../support/database.ts";
import { waitUntil } from "../../support/wait.ts";
import { openClient } from "../client.ts";
import {
  bulk,
  mirrorSettings,
  newFolder,
  pushUpstream,
  startForeignUpstream,
  startMirrorPair,
} from "../support.ts";

test("two processes on one database request each manifest and blob once from the upstream", async () => {
  const pair = await startMirrorPair();
  const { mirror, proxy } = pair;
  const other = await startBerth(mirror.data, pair.settings, { beside: true });
  after(() => other.close());
  for (const round of [1, 2, 3]) {
    const name = `both${round}`;
    const image = await pushUpstream(pair, `library/${name}`, "1", bulk(100_000, name));
    proxy.reset();
    const pull = async (port: number, reference: string): Promise<void> => {
      const read = async (what: string) =>
        (await openClient(port, `/v2/${name}/${what}`)).readAll();
      assert.equal(Buffer.compare(await read(`manifests/${reference}`), image.manifest), 0);
      await read(`blobs/${image.config}`);
      assert.equal(Buffer.compare(await read(`blobs/${image.layer}`), image.layerBytes), 0);
    };
    // Rounds 1 and 3 pull by tag, round 2 by digest.
    const reference = round === 2 ? image.digest : "1";
    const clients = Array.from({ length: 20 }, (_, index) =>
      pull(index % 2 === 0 ? mirror.port : other.port, reference),
    );
    await Promise.all(clients);
    assert.deepEqual([...proxy.counts.values()], [1, 1, 1], [...proxy.counts.keys()].join("\n"));
  }
});

test("a client of two processes reads a foreign layer from one right after the manifest from the other", async () => {
  const data = newFolder();
  let block: (() => Promise<void>) | undefined;
  const upstream = await startForeignUpstream(async (repository) => {
    await block?.();
    return `a layer of ${repository}`;
  });
  const first = await startBerth(data, upstream.settings);
  const other = await startBerth(data, upstream.settings, { beside: true });
  after(async () => {
    await other.close();
    await first.close();
  });
  const read = async (port: number, what: string): Promise<string> =>
    String(await (await openClient(port, `/v2/windows/${what}`)).readAll());
  const layer = "a layer of library/windows";
  let blocked: Promise<void> | undefined;
  // When the upstream answers with the manifest, the database accepts no writes for 300 ms.
  block = () =>
    new Promise((resolve) => {
      block = undefined;
      blocked = first.tables.whileWritersWait(() => {
        resolve();
        return pause(300);
      });
    });
  await read(first.port, "manifests/1");
  assert.equal(await first.tables.value("SELECT count(*) FROM manifests"), 1);
  assert.equal(await read(other.port, `blobs/${digestOf(Buffer.from(layer))}`), layer);
  await blocked;
});

test("a tag is stored after a HEAD to one process and a GET of its digest to another", async () => {
  const pair = await startMirrorPair();
  const { mirror, proxy } = pair;
  const other = await startBerth(mirror.data, pair.settings, { beside: true });
  after(() => other.close());
  const image = await pushUpstream(pair, "library/apart", "1", "a layer");
  await mirror.api.head("/v2/apart/manifests/1").expect(200);
  await other.api.get(`/v2/apart/manifests/${image.digest}`).expect(200);
  const names = () => mirror.tables.values("SELECT name FROM tags");
  await waitUntil("the tag is stored", async () => (await names())[0] === "1");
  proxy.fail({ kind: "status", status: 500 });
  const { headers } = await other.api.get("/v2/apart/manifests/1").expect(200);
  assert.equal(headers["docker-content-digest"], image.digest);
});

test("two processes on one database both answer 404 for a manifest that the upstream does not have", async () => {
  const pair = await startMirrorPair();
  const other = await startBerth(pair.mirror.data, pair.settings, { beside: true });
  after(() => other.close());
  const answers = await Promise.all(
    [pair.mirror, other].map(({ api }) => api.get("/v2/nothing/manifests/1")),
  );
  assert.deepEqual(
    answers.map(({ status }) => status),
    [404, 404],
  );
});

test("two processes on one database follow a tag that moves, although the upstream's HEAD has no digest", async () => {
  const upstream = await startBerth(newFolder());
  // The HEAD of this upstream has no digest, so that the mirror has to download the manifest.
  const front = createServer((manifestDownloads, outgoing) => {
    const { method = "GET", url, headers } = manifestDownloads;
    const target = { host: "127.0.0.1", port: upstream.port, method, path: url, headers };
    request(target, (answer) => {
      const { "docker-content-digest": digest, ...rest } = answer.headers;
      const shown = method === "HEAD" || digest === undefined ? rest : answer.headers;
      outgoing.writeHead(answer.statusCode ?? 502, shown);
      answer.pipe(outgoing);
    }).end();
  }).listen(0, "127.0.0.1");
  await once(front, "listening");
  const { port } = front.address() as AddressInfo;
  const settings = mirrorSettings(`http://127.0.0.1:${port}`, { ttl: { tag: "0s" } });
  const data = newFolder();
  const first = await startBerth(data, settings);
  const both = [first, await startBerth(data, settings, { beside: true })] as const;
  after(async () => {
    for (const one of both) await one.close();
    front.closeAllConnections();
    front.close();
    await upstream.close();
  });
  for (const layer of ["first", "second", "third"]) {
    const { digest } = await pushUpstream({ upstream }, "library/moving", "1", layer);
    for (const { api } of both) {
      // On a busy machine the upstream may answer too late. Then the mirror's answer has a `Warning` header.
      await waitUntil("the upstream has told in time", async () => {
        const { headers } = await api.get("/v2/moving/manifests/1").expect(200);
        if (headers["warning"] !== undefined) return false;
        assert.equal(headers["docker-content-digest"], digest);
        return true;
      });
    }
  }
});

describe("a mirror process", () => {
  const nowMs = 1_000_000_000;
  const join = async (others: Readonly<Record<string, number>>, areOnOneHost = true) => {
    const database = await openTestDatabase();
    for (const [owner, seenAtMs] of Object.entries(others))
      await database.commands.seeMirrorProcess({ owner, nowMs: seenAtMs });
    const { processId, release } = createProcessId();
    const parts = { database, processId, areOnOneHost, clock: () => nowMs, report: assert.ifError };
    const mirrorProcesses = await registerMirrorProcess(parts);
    const owners = async () =>
      (await database.mirrorProcesses.othersThan("")).map((one) => one.owner);
    return { mirrorProcesses, owner: processId, owners, release };
  };

  test("is the only process if the others have died or sent no heartbeat for 121 s, and deletes their rows", async () => {
    const died = { [`${hostname()}/999999999/a`]: nowMs, "another/1/b": nowMs - 121_000 };
    const { mirrorProcesses, owner, owners, release } = await join(died);
    assert.equal(await mirrorProcesses.isOnlyProcess(), true);
    assert.deepEqual(await owners(), [owner]);
    await mirrorProcesses.unregister();
    assert.deepEqual(await owners(), []);
    release();
  });

  test("of replicas is not the only one if the process id of another replica does not exist here", async () => {
    const other = `${hostname()}/999999999/a`;
    const { mirrorProcesses, release } = await join({ [other]: nowMs - 1_000 }, false);
    assert.equal(await mirrorProcesses.isOnlyProcess(), false);
    assert.equal(mirrorProcesses.hasEnded(other), false);
    await mirrorProcesses.unregister();
    release();
  });

  test("is not the only process if a process of another host sent a heartbeat 1 s ago", async () => {
    const { mirrorProcesses, release } = await join({ "another/1/b": nowMs - 1_000 });
    assert.equal(await mirrorProcesses.isOnlyProcess(), false);
    await mirrorProcesses.unregister();
    release();
  });
});

async function* oneChunk(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

test("the maintenance deletes the bytes and the row of a stale download after an hour", async () => {
  const hourMs = 3_600_000;
  const database = await openTestDatabase();
  const store = createMemoryStore();
  const repository = parseRepositoryName("docker.io/library/left");
  const begin = async (digit: string, nowMs: number): Promise<string> => {
    const upload = await store.begin();
    await store.append(upload, 0, oneChunk("half of it"));
    const reference = parseDigest(`sha256:${digit.repeat(64)}`);
    const fetch = { repository, reference, owner: "another/1/a", nowMs, takesFrom: undefined };
    await database.commands.beginMirrorFetch({ ...fetch, storageReference: upload });
    return upload;
  };
  const old = await begin("a", 1);
  const young = await begin("b", hourMs);
  await deleteStaleDownloads({ store, database, clock: () => hourMs + 2 });
  assert.equal(await store.uploadSize(old), 0);
  assert.equal(await store.uploadSize(young), "half of it".length);
  assert.deepEqual([...(await database.uploads.storageReferences())], [young]);
});
