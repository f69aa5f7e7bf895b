import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { mirrorSettings, pushUpstream, startMirrorPair } from "../../mirror/support.ts";
import { putManifest } from "../../support/berth.ts";
import { startClosedBerth } from "../../support/closed.ts";
import { waitUntil } from "../../support/wait.ts";
import { hubAs, textOf, type Answer, type Ask } from "../hub/support.ts";

const base = "/api/berth/v1/mirrors";
const hub = `${base}/docker.io`;

/** Waits until the job of an answer has ended, and returns it. */
async function untilEnded(ask: Ask, started: Answer): Promise<Answer> {
  assert.equal(started.status, 202, started.text);
  const at = started.headers["location"] ?? "";
  let job = await ask("get", at);
  await waitUntil("the job has ended", async () => {
    job = await ask("get", at);
    return textOf(job.body["state"]) !== "running";
  });
  return job;
}

describe("mirrors in the API", async () => {
  const pair = await startMirrorPair();
  const image = await pushUpstream(pair, "library/app", "1", "the layer of app");
  await putManifest(pair.upstream, "library/app", "2", image.manifest).expect(201);
  const schedule = [
    { image: "library/app", tags: ["1"], cron: "0 3 * * *" },
    { image: "library/app", tags: ["2"] },
    { image: "library/nowhere" },
  ];
  const berth = await startClosedBerth({
    ...mirrorSettings(pair.proxy.url, { schedule, cacheSize: "1GB" }),
  });
  await berth.addUser("mia");
  await berth.addUser("root", { is_admin: 1 });
  const [root, mia, nobody] = [
    await hubAs(berth, "root"),
    await hubAs(berth, "mia"),
    await hubAs(berth),
  ];

  test("a client that may read a mirror sees its upstream and health, and only an administrator sees figures", async () => {
    for (const ask of [mia, nobody]) {
      const { body } = await ask("get", base);
      assert.deepEqual(body["results"], [
        {
          ...{ namespace: "docker.io", upstream: pair.proxy.url, is_private: false },
          is_root: true,
          is_configured: true,
          health: { state: "ok", until: null, since: null, reason: null },
          numbers: null,
        },
      ]);
      const one = (await ask("get", hub)).body;
      assert.deepEqual([one["details"], one["settings"]], [null, null]);
    }
    const token = await hubAs(berth, "root", await berth.addPersonalToken("root", "repo:admin"));
    const one = (await token("get", hub)).body;
    assert.deepEqual([one["numbers"], one["details"]], [null, null]);
    const { body } = await root("get", base);
    assert.equal(body["results"]?.[0]?.["numbers"]?.["cache_size"], 1_000_000_000);
  });

  test("a job downloads an image, and the mirror shows its bytes, its misses and what is evicted next", async () => {
    const started = await root("post", `${hub}/warm`, { image: "library/app:1" });
    const job = (await untilEnded(root, started)).body;
    assert.equal(job["state"], "done");
    assert.equal(job["actor"], "root");
    assert.equal(job["subject"], "docker.io/library/app:1");
    assert.equal(job["counts"]?.["newBlobs"], 2);
    await waitUntil("the counters are written", async () => {
      const { body } = await root("get", hub);
      return Number(body["numbers"]?.["misses"]) > 0;
    });
    const { numbers, details } = (await root("get", hub)).body;
    assert.equal(numbers?.["blobs"], 2);
    assert.ok(Number(numbers?.["bytes"]) > 0);
    assert.equal(details?.["evicted_next"]?.["length"], 2);
    assert.equal(details?.["evicted_next"]?.[0]?.["repository"], "docker.io/library/app");
    // A client has used the first one later than the second one.
    const [used, unused] = [0, 1].map((at) => textOf(details?.["evicted_next"]?.[at]?.["digest"]));
    await berth.exec(`INSERT INTO mirror_uses (namespace, blob_id, used_at)
      SELECT 'docker.io', id, ${Date.now() + 60_000} FROM blobs WHERE digest = '${used}'`);
    await waitUntil("the blobs are counted again", async () => {
      const next = (await root("get", hub)).body["details"]?.["evicted_next"];
      return textOf(next?.[0]?.["digest"]) === unused && textOf(next?.[1]?.["digest"]) === used;
    });
    // A blob that a hosted repository has too is not of the mirror alone.
    await berth.exec(`INSERT INTO repositories (name, namespace, visibility, created_at, updated_at)
        VALUES ('mia/app', 'mia', 'private', 0, 0);
      INSERT INTO blob_links (repository_id, blob_id, created_at, leased_until)
        SELECT repositories.id, blobs.id, 0, 0 FROM repositories, blobs
        WHERE repositories.name = 'mia/app' AND digest = '${used}'`);
    await waitUntil("the blobs are counted again", async () => {
      const { body } = await root("get", hub);
      return Number(body["numbers"]?.["blobs"]) === 1;
    });
  });

  test("a job that cannot fetch its image fails with the reason of the upstream", async () => {
    const started = await root("post", `${hub}/warm`, { image: "library/app:absent" });
    const job = (await untilEnded(root, started)).body;
    assert.equal(job["state"], "failed");
    assert.equal(job["reason"], "docker.io/library/app:absent could not be fetched");
    assert.match(textOf(job["findings"]?.[0]?.["message"]), /manifest unknown/);
  });

  test("a pinned image is listed, is not evicted next, and is in the audit log with its actor", async () => {
    const pinned = await root("post", `${hub}/pin`, { image: "docker.io/library/app:1" });
    const answer = { image: "docker.io/library/app:1", pinned: true, changed: true };
    assert.deepEqual(pinned.body, answer);
    const again = await root("post", `${hub}/pin`, { image: "library/app:1" });
    assert.deepEqual(again.body, { ...answer, changed: false });
    await waitUntil("the blobs are counted again", async () => {
      const { details } = (await root("get", hub)).body;
      return Number(details?.["evicted_next"]?.["length"]) === 0;
    });
    // A pin of another mirror.
    await berth.exec(
      "INSERT INTO mirror_pins (repository, tag, pinned_at) VALUES ('quay.io/team/app', '1', 0)",
    );
    assert.deepEqual((await root("get", hub)).body["details"]?.["pins"], [answer.image]);
    const unpinned = await root("post", `${hub}/unpin`, { image: "library/app:1" });
    assert.deepEqual(unpinned.body, { ...answer, pinned: false });
    const rows = await berth.tables.rows<{ readonly action: string }>(
      "SELECT action, actor, subject FROM audit_log WHERE account = 'docker.io' ORDER BY id",
    );
    const row = { actor: "root", subject: "docker.io/library/app:1" };
    assert.deepEqual(
      rows.filter(({ action }) => action.endsWith("pin")),
      [
        { action: "mirror.pin", ...row },
        { action: "mirror.unpin", ...row },
      ],
    );
  });

  test("a schedule shows its next run and its last one, and runs as a job that can be a dry run", async () => {
    const before = (await root("get", hub)).body["details"]?.["schedules"];
    assert.equal(before?.["length"], 3);
    assert.match(textOf(before?.[0]?.["next_at"]), /T03:00:00/);
    assert.equal(before?.[0]?.["last"], null);
    assert.equal(before?.[1]?.["name"], "docker.io/library/app (2)");
    assert.equal(before?.[1]?.["next_at"], null);
    const dry = { schedule: "docker.io/library/app (2)", dry_run: true };
    const planned = (await untilEnded(root, await root("post", `${hub}/sync`, dry))).body;
    assert.equal(planned["dry_run"], true);
    assert.equal(planned["counts"]?.["tags"], 1);
    const run = { schedule: "docker.io/library/app (2)" };
    assert.equal(
      (await untilEnded(root, await root("post", `${hub}/sync`, run))).body["state"],
      "done",
    );
    const failing = { schedule: "docker.io/library/nowhere" };
    const failed = (await untilEnded(root, await root("post", `${hub}/sync`, failing))).body;
    assert.equal(failed["state"], "failed");
    const after = (await root("get", hub)).body["details"]?.["schedules"];
    assert.equal(after?.[0]?.["last"], null);
    assert.equal(after?.[1]?.["last"]?.["state"], "done");
    assert.equal(after?.[2]?.["last"]?.["state"], "failed");
  });

  test("a purge deletes a cached tag, so that the next pull asks the upstream, and then the repository", async () => {
    const pulled = async (): Promise<string> => {
      const path = "/v2/docker.io/library/app/manifests/1";
      const { headers } = await berth.as("mia").api.get(path).expect(200);
      return String(headers["docker-content-digest"]);
    };
    assert.equal(await pulled(), image.digest);
    const next = await pushUpstream(pair, "library/app", "1", "another layer of app");
    assert.equal(await pulled(), image.digest, "the tag was checked a moment ago");
    assert.equal((await root("post", `${hub}/purge`, { image: "library/app:1" })).status, 204);
    assert.equal(await pulled(), next.digest);
    // A manifest is stored after it was served.
    const stored = `SELECT count(*) FROM manifests JOIN repositories ON repositories.id = repository_id
      WHERE digest = '${next.digest}' AND name = 'docker.io/library/app'`;
    await waitUntil("it is stored", async () => Number(await berth.tables.value(stored)) === 1);
    assert.equal((await root("post", `${hub}/purge`, { image: "library/app" })).status, 204);
    const again = await root("post", `${hub}/purge`, { image: "library/app" });
    assert.equal(again.status, 404);
  });

  test("every change by another client is rejected, and so are unknown mirrors, schedules and names", async () => {
    const token = await hubAs(berth, "root", await berth.addPersonalToken("root", "repo:admin"));
    for (const action of ["warm", "pin", "unpin", "purge"]) {
      const image = { image: "library/app:1" };
      assert.equal((await nobody("post", `${hub}/${action}`, image)).status, 401);
      assert.equal((await mia("post", `${hub}/${action}`, image)).status, 403);
      assert.equal((await token("post", `${hub}/${action}`, image)).status, 403);
      assert.equal((await root("post", `${base}/ghcr.io/${action}`, image)).status, 404);
      assert.equal((await root("post", `${hub}/${action}`, { image: "UPPER:1" })).status, 400);
      assert.equal((await root("post", `${hub}/${action}`, {})).status, 400);
    }
    assert.equal((await root("post", `${hub}/sync`, { schedule: "none" })).status, 404);
    assert.equal((await mia("post", `${hub}/sync`, { schedule: "none" })).status, 403);
    assert.equal((await root("get", `${base}/ghcr.io`)).status, 404);
  });

  test("an upstream that has stopped makes the mirror failing, and only administrators see the reason", async () => {
    await pair.proxy.close();
    await root("post", `${hub}/warm`, { image: "library/app:3" });
    await waitUntil("the mirror fails", async () => {
      const { body } = await nobody("get", hub);
      return textOf(body["health"]?.["state"]) === "failing";
    });
    const { health } = (await nobody("get", hub)).body;
    assert.equal(health?.["reason"], null);
    assert.match(textOf((await root("get", hub)).body["health"]?.["reason"]), /127\.0\.0\.1/);
  });
});
