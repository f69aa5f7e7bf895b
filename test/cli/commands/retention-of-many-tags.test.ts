import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import type { RetentionPlanAnswer } from "../../../src/api/retention.ts";
import { pushImageParts, putManifest } from "../../support/berth.ts";
import { password, startClosedBerth } from "../../support/closed.ts";
import { berth as run } from "../support.ts";

const dayMs = 24 * 3_600_000;
const tagCount = 10_000;
/** Tags that one request pushes. */
const atOnce = 100;
const imageCount = 20;
const nameOf = (at: number): string => `b-${String(at).padStart(5, "0")}`;

describe("retention of a repository with 10,000 tags", async () => {
  const berth = await startClosedBerth({ "gc.grace": "0s", "gc.lease": "1s" });
  const env = { BERTH_GC_GRACE: "0s", BERTH_GC_LEASE: "1s" };
  await berth.addUser("root", { is_admin: 1 });
  await berth.addUser("ann");
  await berth.addOrganisation("team", "ann");
  const ann = berth.as("ann");
  const images = await Promise.all(
    Array.from({ length: imageCount }, (_, at) =>
      pushImageParts(ann, "team/app", { layer: `layer ${at}`, config: { at } }),
    ),
  );
  for (let at = 0; at < tagCount; at += atOnce) {
    const image = images[Math.floor((at / tagCount) * imageCount)];
    assert.ok(image);
    const names = Array.from({ length: atOnce }, (_, index) => `tag=${nameOf(at + index)}`);
    await putManifest(ann, "team/app", `${image.digest}?${names.join("&")}`, image.manifest).expect(
      201,
    );
  }
  await berth.exec(`UPDATE tags SET updated_at = updated_at - ${40 * dayMs}
    WHERE name < '${nameOf(tagCount - 30)}'`);
  await ann.api
    .patch("/v2/repositories/team/app/immutabletags")
    .send({ immutable_tags: true, immutable_tags_rules: ["b-0.000"] })
    .expect(200);

  const secretFile = path.join(berth.data, "password");
  writeFileSync(secretFile, `${password}\n`);
  const folder = ["--data", berth.data];
  const host = ["--host", `http://127.0.0.1:${berth.port}`, "--login", "root"];
  const server = [...host, "--password-file", secretFile];
  const retention = async (...words: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await run(["retention", ...words], env);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const tagsOf = async (): Promise<readonly string[]> => {
    const { body } = await ann.api.get("/v2/team/app/tags/list?n=1000").expect(200);
    return (body as { readonly tags: readonly string[] }).tags;
  };
  const immutable = Array.from({ length: 10 }, (_, at) => nameOf(at * 1_000));
  const newest = Array.from({ length: 30 }, (_, at) => nameOf(tagCount - 30 + at));

  test("its plan is the same on the data folder and on the server, and lists exactly what goes", async () => {
    await retention("set", "team/app", "--keep-newest", "30", "--untagged-after", "1d", ...server);
    const [there, here] = await Promise.all(
      [server, folder].map(
        async (way) =>
          JSON.parse(await retention("plan", "team/app", "--json", ...way)) as RetentionPlanAnswer,
      ),
    );
    assert.deepEqual(there, here);
    assert.deepEqual([there?.deleted_count, there?.kept_count], [tagCount - 40, 40]);
    assert.deepEqual(
      there?.kept.map(({ name, reason }) => `${name} ${reason}`),
      [...immutable.map((name) => `${name} immutable`), ...newest.map((name) => `${name} newest`)],
    );
    const listed = (await retention("run", "team/app", "--dry-run", ...folder)).split("\n");
    assert.equal(listed.length, tagCount - 40 + 2);
    assert.equal(listed[0], `would delete tag team/app:${nameOf(1)} (rule 1)`);
    assert.equal(listed.at(-2), `would delete ${tagCount - 40} tags and 0 manifests`);
  });

  test("its run deletes that and writes it to the audit log, but no tag that a client pushes meanwhile", async () => {
    const [image] = images;
    assert.ok(image);
    const pushed = nameOf(5_001);
    const [output] = await Promise.all([
      retention("run", "team/app", ...server),
      putManifest(ann, "team/app", pushed, image.manifest).expect(201),
    ]);
    assert.match(output, /deleted 99\d\d tags and 0 manifests\n$/);
    assert.ok((await tagsOf()).includes(pushed));
    await retention("run", "team/app", ...folder);
    assert.deepEqual(await tagsOf(), [...immutable, pushed, ...newest.slice(1)].toSorted());
    const audited = await berth.tables.value(
      `SELECT count(*) FROM audit_log WHERE action = 'repo.tag.delete' AND actor = 'berth'
       AND data = '{"reason":"retention"}'`,
    );
    assert.ok([tagCount - 40, tagCount - 39].includes(Number(audited)), String(audited));
  });

  test("a later run deletes the manifests, and then the collector their bytes", async () => {
    await berth.exec(`UPDATE manifest_reviews SET due_at = due_at - ${2 * dayMs};
      UPDATE manifests SET leased_until = 0`);
    const output = await retention("run", "team/app", ...server);
    // Each second image has an immutable tag, and the last one has the newest tags.
    assert.match(output, /deleted 0 tags and 9 manifests\n$/);
    await berth.exec("UPDATE blob_links SET leased_until = 0");
    const gc = await run(["gc", "--now", ...folder], env);
    assert.match(gc.stdout, /freed [\d,. ]+B: 0 manifests, 18 blobs, 0 files without a row\n$/);
  });
});
