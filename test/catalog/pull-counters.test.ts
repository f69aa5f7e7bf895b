import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync } from "node:fs";
import path from "node:path";
import { after, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { PullCounterBuffer } from "../../src/catalog/pull-counters.ts";
import type { PullCounterChange } from "../../src/database/catalog/pull-counters.ts";
import { parseRepositoryName } from "../../src/oci/name.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { pushImageParts, putManifest, startBerth, type TestBerth } from "../support/berth.ts";
import { pullCounterTablesOf } from "../support/database.ts";
import { temporaryFolder } from "../support/temporary.ts";

const ociIndex = "application/vnd.oci.image.index.v1+json";

/** Restarts the server, which writes its counters, and reads them: name → [pulls, pushes]. */
async function written(berth: TestBerth): Promise<Record<string, readonly [number, number]>> {
  await berth.restart();
  const rows = await (
    await pullCounterTablesOf(berth.data)
  ).rows<{
    name: string;
    pulls: number;
    pushes: number;
  }>(
    `SELECT repository AS name, pulls, pushes FROM repository_counts
     UNION ALL SELECT repository || ':' || tag, pulls, pushes FROM tag_counts`,
  );
  return Object.fromEntries(rows.map(({ name, pulls, pushes }) => [name, [pulls, pushes]]));
}

const folder = temporaryFolder();
mkdirSync(folder, { recursive: true });
const started = await startBerth(mkdtempSync(path.join(folder, "counts-")));
after(() => started.close());
const berth = (): TestBerth => started;

describe("pull counters", () => {
  const get = (path_: string, headers: Record<string, string> = {}) =>
    berth().api.get(path_).set(headers);

  test("count a GET by tag or digest as a pull, but no HEAD, no 304 and no failed request", async () => {
    const { manifest, digest } = await pushImageParts(berth(), "team/app");
    await putManifest(berth(), "team/app", "1", manifest).expect(201);
    await putManifest(berth(), "team/app", "2", manifest).expect(201);
    const at = "/v2/team/app/manifests";
    await get(`${at}/1`).expect(200);
    await get(`${at}/1?the-long-way`).expect(200);
    await get(`${at}/${digest}`).expect(200);
    await berth().api.head(`${at}/1`).expect(200);
    await berth().api.head(`${at}/1?the-long-way`).expect(200);
    await get(`${at}/1`, { "If-None-Match": `"${digest}"` }).expect(304);
    await get(`${at}/absent`).expect(404);
    await get("/v2/team/none/manifests/1").expect(404);
    assert.deepEqual(await written(berth()), {
      "team/app": [3, 2],
      "team/app:1": [3, 1],
      "team/app:2": [1, 1],
    });
  });

  test("count an index and its child as one pull, and do not count a referrer", async () => {
    const child = await pushImageParts(berth(), "team/multi", { layer: "child" });
    await putManifest(berth(), "team/multi", child.digest, child.manifest).expect(201);
    const index = { mediaType: ociIndex, schemaVersion: 2 };
    const descriptor = { mediaType: "application/vnd.oci.image.manifest.v1+json" };
    const manifests = [{ ...descriptor, digest: child.digest, size: child.manifest.length }];
    await putManifest(berth(), "team/multi", "1", { ...index, manifests }, ociIndex).expect(201);
    const subject = { ...descriptor, digest: child.digest, size: child.manifest.length };
    const signature = await pushImageParts(berth(), "team/multi", {
      layer: "signature",
      extra: { subject, artifactType: "a/signature" },
    });
    await putManifest(berth(), "team/multi", "signed", signature.manifest).expect(201);
    const at = "/v2/team/multi/manifests";
    await get(`${at}/1`).expect(200);
    await get(`${at}/${child.digest}`).expect(200);
    await get(`${at}/${signature.digest}`).expect(200);
    await get(`${at}/signed`).expect(200);
    const counts = await written(berth());
    assert.deepEqual(counts["team/multi"], [1, 2]);
    assert.deepEqual(counts["team/multi:1"], [1, 1]);
    assert.deepEqual(counts["team/multi:signed"], [0, 1]);
  });

  test("count no pull of a fallback tag, by tag or by a digest that only fallback tags point to", async () => {
    const image = await pushImageParts(berth(), "team/signed");
    await putManifest(berth(), "team/signed", "1", image.manifest).expect(201);
    const signature = await pushImageParts(berth(), "team/signed", { layer: "cosign's" });
    const hex = image.digest.replace(":", "-");
    const empty = { schemaVersion: 2, mediaType: ociIndex, manifests: [] };
    await putManifest(berth(), "team/signed", `${hex}.sig`, signature.manifest).expect(201);
    await putManifest(berth(), "team/signed", hex, empty, ociIndex).expect(201);
    await putManifest(berth(), "team/signed", `${hex}.copy`, image.manifest).expect(201);
    const at = "/v2/team/signed/manifests";
    for (const reference of [`${hex}.sig`, hex, `${hex}.copy`, signature.digest, image.digest])
      await get(`${at}/${reference}`).expect(200);
    const counts = await written(berth());
    assert.deepEqual(counts["team/signed"], [1, 4], "the image by its digest");
    assert.deepEqual(counts["team/signed:1"], [1, 1]);
    assert.deepEqual(counts[`team/signed:${hex}.sig`], [0, 1]);
    assert.deepEqual(counts[`team/signed:${hex}.copy`], [0, 1]);
  });

  test("start at 0 for a repository that is created again", async () => {
    const push = async (): Promise<void> => {
      const { manifest } = await pushImageParts(berth(), "team/again");
      await putManifest(berth(), "team/again", "1", manifest).expect(201);
      await get("/v2/team/again/manifests/1").expect(200);
    };
    await push();
    await push();
    assert.deepEqual((await written(berth()))["team/again"], [2, 2]);
    await berth().deleteRepository("team/again");
    await push();
    assert.deepEqual((await written(berth()))["team/again"], [1, 1]);
  });

  test("of a deleted repository are not shown for a new repository of the same name", async () => {
    const push = async (): Promise<void> => {
      const { manifest } = await pushImageParts(berth(), "team/anew");
      await putManifest(berth(), "team/anew", "1", manifest).expect(201);
    };
    await push();
    for (let pulls = 0; pulls < 3; pulls += 1) await get("/v2/team/anew/manifests/1").expect(200);
    await berth().restart();
    await berth().deleteRepository("team/anew");
    await push();
    const repository = await get("/v2/repositories/team/anew/").expect(200);
    assert.equal(repository.body.pull_count, 0);
    const tag = await get("/v2/repositories/team/anew/tags/1").expect(200);
    assert.equal(tag.body.tag_last_pulled, null);
  });

  test("that are not yet written are discarded when their repository is deleted", async () => {
    const push = async (): Promise<void> => {
      const { manifest } = await pushImageParts(berth(), "team/soon");
      await putManifest(berth(), "team/soon", "1", manifest).expect(201);
      await get("/v2/team/soon/manifests/1").expect(200);
    };
    await push();
    await get("/v2/team/soon/manifests/1").expect(200);
    await berth().deleteRepository("team/soon");
    await push();
    assert.deepEqual((await written(berth()))["team/soon"], [1, 1]);
  });

  test("are shown in search results and determine their order", async () => {
    for (const name of ["few", "many"]) {
      const { manifest } = await pushImageParts(berth(), `rank/${name}`);
      await putManifest(berth(), `rank/${name}`, "1", manifest).expect(201);
      for (let pulls = name === "few" ? 2 : 9; pulls > 0; pulls -= 1)
        await get(`/v2/rank/${name}/manifests/1`).expect(200);
    }
    await berth().restart();
    const { body } = await get("/v1/search?q=rank").expect(200);
    const { results } = body as { results: { name: string; pull_count: number }[] };
    assert.deepEqual(
      results.map(({ name, pull_count }) => [name, pull_count]),
      [
        ["rank/many", 9],
        ["rank/few", 2],
      ],
    );
  });
});

describe("the pull counter buffer", () => {
  const name = parseRepositoryName("team/app");
  const one = parseReference("1");

  test("keeps counts that could not be written, and adds them to the next write", async () => {
    const batches: (readonly PullCounterChange[])[] = [];
    let fails = true;
    const reports: unknown[] = [];
    const buffer = new PullCounterBuffer({
      store: {
        add: (counted) => {
          if (fails) return Promise.reject(new Error("disk full"));
          batches.push(counted);
          return Promise.resolve([]);
        },
      },
      rank: () => Promise.resolve(),
      clock: () => 5,
      everyMs: 1_000_000,
      report: (error) => reports.push(error),
    });
    buffer.record({ name, removal: 0 }, one);
    await buffer.flush();
    assert.equal(reports.length, 1);
    fails = false;
    buffer.record({ name, removal: 0 }, one);
    await buffer.close();
    assert.deepEqual(
      batches.map((batch) => batch.map(({ pulls, lastPulledAtMs }) => [pulls, lastPulledAtMs])),
      [[[2, 5]]],
    );
  });

  test("keeps the counts of a new repository when a late response of the deleted one arrives", async () => {
    const batches: (readonly PullCounterChange[])[] = [];
    const buffer = new PullCounterBuffer({
      store: {
        add: (counted) => {
          batches.push(counted);
          return Promise.resolve([]);
        },
      },
      ...{ rank: () => Promise.resolve(), clock: () => 5 },
      ...{ everyMs: 1_000_000, report: assert.ifError },
    });
    for (const removal of [0, 7, 7, 0]) buffer.record({ name, removal }, one);
    await buffer.close();
    assert.deepEqual(
      batches.flat().map(({ pulls, removal }) => [pulls, removal]),
      [[2, 7]],
    );
  });

  test("writes nothing after it is closed, even if a late response records a pull", async () => {
    let writes = 0;
    const buffer = new PullCounterBuffer({
      store: {
        add: () => {
          writes += 1;
          return Promise.resolve([]);
        },
      },
      ...{ rank: () => Promise.resolve(), clock: () => 5 },
      ...{ everyMs: 1, report: assert.ifError },
    });
    buffer.record({ name, removal: 0 }, one);
    await buffer.close();
    assert.equal(writes, 1);
    buffer.record({ name, removal: 0 }, one);
    await pause(50);
    assert.equal(writes, 1);
  });
});
