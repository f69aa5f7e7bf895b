import assert from "node:assert/strict";
import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { pushBlob, pushImageParts, putManifest } from "../../../support/berth.ts";
import type { OverviewAnswer } from "../../../../src/api/server.ts";
import { wholeInMemoryBytes } from "../../../../src/registry/uploads/memory-budget.ts";
import { startClosedBerth } from "../../../support/closed.ts";
import { waitUntil } from "../../../support/wait.ts";
import { hubAs, textOf, type Answer, type Ask } from "../../hub/support.ts";

const base = "/api/berth/v1/admin";

async function untilEnded(ask: Ask, started: Answer): Promise<Answer["body"]> {
  assert.equal(started.status, 202, started.text);
  const at = started.headers["location"] ?? "";
  let job = await ask("get", at);
  await waitUntil("the job has ended", async () => {
    job = await ask("get", at);
    return textOf(job.body["state"]) !== "running";
  });
  return job.body;
}

describe("the administration of a server", async () => {
  const berth = await startClosedBerth({ "gc.interval": "0s" });
  await berth.addUser("root", { is_admin: 1 });
  await berth.addUser("mia");
  const root = await hubAs(berth, "root");
  const mia = berth.as("mia");
  const image = await pushImageParts(mia, "mia/app");
  await putManifest(mia, "mia/app", "1", image.manifest).expect(201);
  await pushBlob(mia, "mia/app", "unused bytes");
  await berth.exec("UPDATE blob_reviews SET due_at = 0; UPDATE blob_links SET leased_until = 0");

  test("the overview has the versions, the sizes, the disk and the parts that work", async () => {
    await berth.exec(`INSERT INTO audit_log (at, actor, account, action, subject)
        VALUES (${Date.now() - 48 * 3_600_000}, 'mia', 'mia', 'repo.tag.push', 'mia/app:0');
      INSERT INTO job_plans (kind, next_at) VALUES ('collection', ${Date.now() + 3_600_000})`);
    const { body, status } = await root("get", `${base}/overview`);
    assert.equal(status, 200);
    assert.equal(body["is_ready"], true);
    assert.equal(body["node"], process.versions.node);
    assert.equal(body["sizes"]?.["blobs"], 3);
    assert.equal(body["pushes_24h"], 1, "the push of two days ago does not count");
    assert.ok(Number(body["disk"]?.["total"]) > Number(body["disk"]?.["free"]));
    assert.deepEqual(body["warnings"], []);
    assert.equal(body["collection"]?.["next_at"], null, "gc.interval is 0");
  });

  test("the overview has the pulls, the largest repositories, and what a collection can free", async () => {
    await mia.api.get("/v2/mia/app/manifests/1").expect(200);
    const shown = async () => {
      const { body } = await root("get", `${base}/overview`);
      return body as unknown as OverviewAnswer;
    };
    await waitUntil("the pull is counted", async () => (await shown()).pulls.today === 1);
    const { largest, sizes, collection, pulls } = await shown();
    assert.equal(pulls.yesterday, 0);
    assert.deepEqual(largest, [{ name: "mia/app", unique_bytes: sizes.bytes }]);
    const { unreferenced, next_frees: nextFrees, last_dry_run: lastDryRun } = collection;
    assert.deepEqual(unreferenced, { blobs: 1, bytes: "unused bytes".length, more: false });
    assert.deepEqual([nextFrees, lastDryRun], [null, null]);
  });

  test("a dry run lists what a collection would delete and changes nothing", async () => {
    const job = await untilEnded(root, await root("post", `${base}/gc`, { dry_run: true }));
    assert.equal(job["state"], "done", textOf(job["reason"]));
    const found = job["findings"] as unknown as { kind: string; subject: string }[];
    assert.ok(found.some(({ kind, subject }) => kind === "link" && subject === "mia/app"));
    assert.equal((await root("get", `${base}/overview`)).body["sizes"]?.["blobs"], 3);
    assert.equal((await root("get", `${base}/gc`)).body["last"], null, "a dry run is not a run");
    const { collection } = (await root("get", `${base}/overview`)).body;
    assert.equal(collection?.["last_dry_run"]?.["id"], job["id"]);
  });

  test("a collection deletes the same, is the last run, and is in the audit log", async () => {
    const job = await untilEnded(root, await root("post", `${base}/gc`, { now: true }));
    assert.equal(job["state"], "done");
    assert.equal(job["counts"]?.["blobs"], 1);
    assert.equal(job["actor"], "root");
    const { body } = await root("get", `${base}/gc`);
    assert.equal(body["last"]?.["id"], job["id"]);
    assert.equal(body["settings"]?.["lease_seconds"], 3600);
    assert.deepEqual(body["waiting"], { blobs: 0, bytes: 0 });
    const audit = (await root("get", `${base}/audit?account=berth`)).body;
    assert.equal(audit["results"]?.[0]?.["action"], "server.collection");
    const jobs = (await root("get", `${base}/jobs?kind=collection`)).body;
    assert.equal(jobs["count"], 2);
  });

  test("a scrub reads all blobs, and fails if one has wrong bytes", async () => {
    const good = await untilEnded(
      root,
      await root("post", `${base}/scrub`, { bytes_per_second: 0 }),
    );
    assert.equal(good["state"], "done", textOf(good["reason"]));
    assert.equal(good["counts"]?.["blobs"], 2);
    await berth.exec("UPDATE blobs SET size_bytes = size_bytes + 1 WHERE id = 1");
    const bad = await untilEnded(
      root,
      await root("post", `${base}/scrub`, { bytes_per_second: 0 }),
    );
    assert.equal(bad["state"], "failed");
    assert.equal(bad["reason"], "1 blobs are wrong or unreadable");
    assert.equal(bad["findings"]?.[0]?.["kind"], "wrong-size");
    assert.match(textOf((await root("get", `${base}/scrub`)).body["next_at"]), /Z$/);
  });

  test("a job that runs is found again by a second request, and ends when it is canceled", async () => {
    // About 100 bytes at 1 byte per second.
    const started = await root("post", `${base}/scrub`, { bytes_per_second: 1 });
    const again = await root("post", `${base}/scrub`, { bytes_per_second: 1 });
    assert.equal(again.body["id"], started.body["id"]);
    const at = started.headers["location"] ?? "";
    assert.equal((await root("delete", at)).status, 204);
    await waitUntil("the job is canceled", async () => {
      const { body } = await root("get", at);
      return textOf(body["state"]) === "canceled";
    });
    assert.equal((await root("delete", at)).status, 404);
    assert.equal((await root("get", `${base}/jobs/none`)).status, 404);
  });

  test("open uploads are listed, the longest idle first, and the client of a deleted one gets 404", async () => {
    const begin = async (bytes: number): Promise<string> => {
      const begun = await mia.api.post("/v2/mia/app/blobs/uploads/").expect(202);
      const session = begun.headers["location"] ?? "";
      await mia.api
        .patch(session)
        .set("Content-Type", "application/octet-stream")
        .send(Buffer.alloc(bytes))
        .expect(202);
      return session;
    };
    // Smaller chunks would stay in memory for 50 ms.
    const [more, less] = [wholeInMemoryBytes + 2, wholeInMemoryBytes + 1];
    const [older, newer] = [await begin(more), await begin(less)];
    const list = async (query = "") => {
      const { body } = await root("get", `${base}/uploads?${query}`);
      const found = body["results"] as unknown as {
        id: string;
        repository: string;
        size: number;
      }[];
      return { count: Number(body["count"]), found };
    };
    const { count, found } = await list();
    assert.equal(count, 2);
    assert.deepEqual(
      found.map(({ repository, size }) => [repository, size]),
      [
        ["mia/app", more],
        ["mia/app", less],
      ],
    );
    assert.deepEqual((await list("page_size=1&page=2")).found, found.slice(1));
    const [{ id } = { id: "" }] = found;
    const stored = (): Promise<unknown> =>
      berth.tables.value("SELECT count(*) FROM uploads WHERE id = ?", id);
    assert.equal(await stored(), 1);
    const files = (): readonly number[] =>
      readdirSync(path.join(berth.data, "uploads"))
        .map((name) => statSync(path.join(berth.data, "uploads", name)).size)
        .toSorted((a, b) => a - b);
    assert.deepEqual(files(), [less, more]);
    assert.equal((await root("delete", `${base}/uploads/${id}`)).status, 204);
    assert.equal(await stored(), 0);
    assert.deepEqual(files(), [less]);
    assert.equal((await root("delete", `${base}/uploads/${id}`)).status, 404);
    await mia.api.get(older).expect(404);
    await mia.api.get(newer).expect(204);
    const log = (await root("get", `${base}/audit?action=server.upload`)).body["results"];
    assert.deepEqual([log?.[0]?.["actor"], log?.[0]?.["subject"]], ["root", id]);
  });

  test("a rotation makes a new signing key, and the earlier one is only removed by force", async () => {
    const before = (await root("get", `${base}/keys`)).body["keys"];
    assert.equal(before?.["length"], 1);
    const rotated = await root("post", `${base}/keys`);
    assert.equal(rotated.status, 201);
    const keys = (await root("get", `${base}/keys`)).body["keys"];
    assert.deepEqual([keys?.[0]?.["id"], keys?.[0]?.["state"]], [rotated.body["id"], "signs"]);
    assert.equal(keys?.[1]?.["state"], "verifies");
    const [first, second] = [textOf(keys?.[0]?.["id"]), textOf(keys?.[1]?.["id"])];
    assert.equal((await root("delete", `${base}/keys/${first}`)).status, 409);
    assert.equal((await root("delete", `${base}/keys/${second}`)).status, 409);
    assert.equal((await root("delete", `${base}/keys/none`)).status, 404);
    const actions = (await root("get", `${base}/audit?account=berth&action=server.key`)).body;
    assert.equal(actions["results"]?.["length"], 1, "a rejected removal leaves no row");
    assert.equal((await root("delete", `${base}/keys/${second}?force=true`)).status, 204);
    const [row] = (await root("get", `${base}/audit?account=berth&action=server.key.delete`)).body[
      "results"
    ] as unknown as readonly { actor: string; subject: string }[];
    assert.deepEqual([row?.actor, row?.subject], ["root", second]);
  });
});

test("a job whose process has ended is shown as failed, and does not stop the next one", async () => {
  const berth = await startClosedBerth();
  await berth.addUser("root", { is_admin: 1 });
  const root = await hubAs(berth, "root");
  await berth.exec(`INSERT INTO jobs (id, kind, subject, dry_run, actor, state, started_at, seen_at)
    VALUES ('dead', 'collection', '', 0, 'root', 'running', ${Date.now() - 90_000}, ${Date.now() - 61_000})`);
  const { body } = await root("get", `${base}/jobs/dead`);
  assert.deepEqual([body["state"], body["reason"]], ["failed", "its server has ended"]);
  const started = await root("post", `${base}/gc`, {});
  assert.notEqual(started.body["id"], "dead");
  assert.equal((await untilEnded(root, started))["state"], "done");
});

test("the overview says what the next collection deletes, and what waits longer", async () => {
  const berth = await startClosedBerth({ "gc.interval": "1h", "gc.deleteDelay": "2h" });
  await berth.addUser("root", { is_admin: 1 });
  const root = await hubAs(berth, "root");
  for (const text of ["first", "second one"]) await pushBlob(berth.as("root"), "root/app", text);
  const nextAtMs = Date.now() + 600_000;
  await berth.exec(`DELETE FROM job_plans;
    INSERT INTO job_plans (kind, next_at) VALUES ('collection', ${nextAtMs});
    DELETE FROM blob_reviews; DELETE FROM blob_links;
    UPDATE blobs SET state = 'deleting', retired_at = ${nextAtMs - 7_200_000} + id - 1`);
  const { body } = await root("get", `${base}/overview`);
  const { collection } = body as unknown as OverviewAnswer;
  assert.deepEqual(collection.next_frees, { blobs: 1, bytes: 5 });
  assert.deepEqual(collection.waiting, { blobs: 2, bytes: 15 });
});

test("a server that anyone can reach over http warns of it, and of a missing publicUrl", async () => {
  const berth = await startClosedBerth({ listen: "0.0.0.0:0" });
  await berth.addUser("root", { is_admin: 1 });
  const { body } = await (await hubAs(berth, "root"))("get", `${base}/overview`);
  const codes = (body["warnings"] as unknown as { code: string }[]).map(({ code }) => code);
  assert.deepEqual(codes, ["no_public_url", "plain_http"]);
});
