import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JobAnswer } from "../../../src/api/jobs.ts";
import type { RetentionAnswer, RetentionPlanAnswer } from "../../../src/api/retention.ts";
import { pushImageParts, putManifest } from "../../support/berth.ts";
import { startClosedBerth } from "../../support/closed.ts";
import { pullCounterTablesOf } from "../../support/database.ts";
import { waitUntil } from "../../support/wait.ts";

const root = "/api/berth/v1";
const dayMs = 24 * 3_600_000;
const berth = await startClosedBerth({ "gc.grace": "0s" });
for (const name of ["ann", "mia", "tom"]) await berth.addUser(name);
await berth.addOrganisation("team", "ann");
await berth.addUser("root", { is_admin: 1 });
const ann = berth.as("ann");

const at = (name: string, rest = "") => `${root}/repositories/${name}/-/retention${rest}`;

/** Pushes an image with a tag that was pushed last so many days ago. */
async function pushAged(name: string, tag: string, days: number, layer = tag) {
  const image = await pushImageParts(ann, name, { layer, config: { layer } });
  await putManifest(ann, name, tag, image.manifest).expect(201);
  await berth.exec(`UPDATE tags SET updated_at = updated_at - ${days * dayMs} WHERE name = '${tag}'
    AND repository_id = (SELECT id FROM repositories WHERE name = '${name}')`);
  return image;
}

async function planOf(name: string, body: object = {}): Promise<RetentionPlanAnswer> {
  const answer = await ann.api.post(at(name, "/plan")).send(body).expect(200);
  return answer.body as RetentionPlanAnswer;
}

const shown = ({ deleted }: RetentionPlanAnswer): readonly string[] =>
  deleted.map(({ name, reason, rule }) => `${name} ${reason} ${rule}`);

async function runOf(path: string, body: object = {}): Promise<JobAnswer> {
  const started = await ann.api.post(`${path}/runs`).send(body).expect(202);
  const location = started.headers["location"] ?? "";
  assert.equal(location, `${path}/runs/${(started.body as JobAnswer).id}`);
  let job = started.body as JobAnswer;
  await waitUntil("the run has ended", async () => {
    job = (await ann.api.get(location).expect(200)).body as JobAnswer;
    return job.state !== "running";
  });
  return job;
}

const rule = {
  ...{ tags: null, except: null, semver: null, keep_all: false, keep_signed: false },
  ...{ keep_newest: null, keep_pushed_within: null, keep_pulled_within: null },
};

describe("the retention of a repository", () => {
  test("is that of its namespace until it has its own", async () => {
    await pushAged("team/own", "1", 0);
    const none = (await ann.api.get(at("team/own")).expect(200)).body as RetentionAnswer;
    assert.deepEqual([none.scope, none.rules, none.delete_untagged_after], [null, [], null]);
    const ofTeam = `${root}/namespaces/team/retention`;
    await ann.api
      .put(ofTeam)
      .send({ rules: [{ keep_newest: 5 }] })
      .expect(200);
    const given = (await ann.api.get(at("team/own")).expect(200)).body as RetentionAnswer;
    assert.deepEqual([given.scope, given.changed_by], ["team", "ann"]);
    assert.deepEqual(given.rules, [{ ...rule, keep_newest: 5 }]);
    const set = await ann.api.put(at("team/own")).send({ rules: [], delete_untagged_after: 7 });
    assert.equal(set.status, 200);
    const own = set.body as RetentionAnswer;
    assert.deepEqual([own.scope, own.rules, own.delete_untagged_after], ["team/own", [], 7]);
    await ann.api.delete(at("team/own")).expect(204);
    await ann.api.delete(at("team/own")).expect(404);
    await ann.api.delete(ofTeam).expect(204);
    const rows = await ann.api.get(`${root}/repositories/team/own/-/activity`).expect(200);
    const actions = (rows.body as { results: { action: string }[] }).results.map(
      ({ action }) => action,
    );
    assert.ok(actions.includes("repo.retention.set") && actions.includes("repo.retention.remove"));
  });

  test("lists what rules delete before they are saved, with the bytes, and a run deletes just that", async () => {
    const name = "team/planned";
    const old = await pushAged(name, "old", 40);
    await pushAged(name, "older", 41);
    await pushAged(name, "pr-1", 9);
    await pushAged(name, "new", 1);
    const body = {
      rules: [
        { tags: "pr-.*", keep_pushed_within: 7 },
        { except: "pr-.*", keep_newest: 1, keep_pushed_within: 30 },
      ],
      delete_untagged_after: 1,
    };
    const planned = await planOf(name, body);
    assert.deepEqual(shown(planned), ["old expired 2", "older expired 2", "pr-1 expired 1"]);
    assert.deepEqual([planned.deleted_count, planned.kept_count], [3, 1]);
    assert.ok((planned.frees ?? 0) > "old".length, String(planned.frees));
    assert.deepEqual(await planOf(name), {
      ...{ deleted_count: 0, deleted: [], kept_count: 4, manifest_count: 0, manifests: [] },
      ...{ frees: 0, kept: (await planOf(name)).kept },
    });
    const withoutBytes = await planOf(name, { ...body, delete_untagged_after: null });
    assert.equal(withoutBytes.frees, 0);

    await ann.api.put(at(name)).send(body).expect(200);
    assert.deepEqual(shown(await planOf(name)), shown(planned));
    const dry = await runOf(at(name), { dry_run: true });
    assert.deepEqual([dry.state, dry.counts], ["done", { tags: 3, manifests: 0, failed: 0 }]);
    const job = await runOf(at(name));
    assert.deepEqual(job.findings, dry.findings);
    assert.deepEqual(
      job.findings.map(({ subject, message }) => `${subject} ${message}`),
      [`${name}:old rule 2`, `${name}:older rule 2`, `${name}:pr-1 rule 1`],
    );
    const { body: list } = await ann.api.get(`/v2/${name}/tags/list`).expect(200);
    assert.deepEqual((list as { tags: string[] }).tags, ["new"]);
    const after = (await ann.api.get(at(name)).expect(200)).body as RetentionAnswer;
    assert.equal(after.last?.id, job.id);

    // The manifests have no tag for a day now.
    assert.equal((await planOf(name)).manifest_count, 0);
    await berth.exec(`UPDATE manifest_reviews SET due_at = due_at - ${2 * dayMs};
      UPDATE manifests SET leased_until = 0`);
    const later = await planOf(name);
    assert.equal(later.manifest_count, 3);
    assert.ok(later.manifests.includes(old.digest));
    assert.deepEqual((await runOf(at(name))).counts, { tags: 0, manifests: 3, failed: 0 });
    await ann.api.get(`/v2/${name}/manifests/${old.digest}`).expect(404);
  });

  test("keeps what was pulled within the days of a rule, by its tag or its digest", async () => {
    const name = "team/pulled";
    await pushAged(name, "by-tag", 40);
    const digest = (await pushAged(name, "by-digest", 40)).digest;
    await pushAged(name, "not-pulled", 40);
    await ann.api.get(`/v2/${name}/manifests/by-tag`).expect(200);
    await ann.api.get(`/v2/${name}/manifests/${digest}`).expect(200);
    const rules = [{ keep_pulled_within: 30 }];
    // Berth has counted pulls for less than 30 days.
    assert.deepEqual(shown(await planOf(name, { rules })), []);
    const since = Date.now() - 60 * dayMs;
    const counters = await pullCounterTablesOf(berth.data);
    await counters.exec(`UPDATE pulls_known SET since = ${since}`);
    await waitUntil("the pulls are written", async () => {
      const { kept } = await planOf(name, { rules });
      return kept.length === 2;
    });
    assert.deepEqual(shown(await planOf(name, { rules })), ["not-pulled expired 1"]);
  });

  test("rejects rules that are wrong, misspelled, or say nothing that stays", async () => {
    await pushAged("team/wrong", "1", 0);
    for (const [body, message] of [
      [{ rules: [{}] }, /say what stays/],
      [{ rules: [{ keep_newest: 1, keep_pushed_wihtin: 7 }] }, /keep_pushed_wihtin/],
      [{ rules: [{ keep_newest: 0 }] }, /keep_newest/],
      [{ rules: [{ tags: "(", keep_newest: 1 }] }, /tag pattern/],
      [{ rules: [{ semver: "x.y", keep_newest: 1 }] }, /is not a range of versions/],
      [{ rules: Array.from({ length: 21 }, () => ({ keep_newest: 1 })) }, /rules/],
      [{ rules: [], delete_untagged_after: 0 }, /delete_untagged_after/],
      [{ delete_untagged_after: 1 }, /rules/],
    ] as const) {
      const answer = await ann.api.put(at("team/wrong")).send(body).expect(400);
      assert.match(answer.text, message);
    }
    await ann.api.get(at("team/wrong", "/runs/none")).expect(404);
    await ann.api.get(`${root}/namespaces/team/retention/runs/none`).expect(404);
  });

  test("is for admins of the repository, and that of a namespace for its owners", async () => {
    await pushAged("team/closed", "1", 0);
    const [tom, admin] = [berth.as("tom"), berth.as("root")];
    const policy = { rules: [{ keep_newest: 1 }] };
    await tom.api.get(at("team/closed")).expect(404);
    await tom.api.put(at("team/closed")).send(policy).expect(404);
    await tom.api.put(`${root}/namespaces/team/retention`).send(policy).expect(403);
    await tom.api.get(`${root}/namespaces/none/retention`).expect(404);
    await tom.api.put(`${root}/namespaces/tom/retention`).send(policy).expect(200);
    await admin.api.put(`${root}/namespaces/library/retention`).send(policy).expect(200);
    const job = await runOf(at("team/closed"), { dry_run: true });
    await ann.api.get(at("team/own", `/runs/${job.id}`)).expect(404);
    // An access token that may only change settings must not delete.
    const secret = await berth.addRobot("team", [
      { type: "TYPE_REPO", path: "team/*", scopes: ["scope-repository-settings-admin"] },
    ]);
    const robot = berth.as("team", secret);
    await robot.api.put(at("team/closed")).send(policy).expect(404);
  });
});
