import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { putManifest, pushImageParts } from "../../support/berth.ts";
import { startClosedBerth } from "../../support/closed.ts";
import { hubAs, textOf, type Answer } from "../hub/support.ts";

interface Row {
  readonly timestamp: string;
  readonly actor: string;
  readonly action: string;
  readonly tag: string | null;
  readonly digest: string | null;
  readonly data: Readonly<Record<string, string>>;
  readonly address: string | null;
}
const rowsOf = ({ body }: Answer): readonly Row[] => body["results"] as unknown as readonly Row[];
const actionsOf = (answer: Answer): readonly string[] =>
  rowsOf(answer).map(({ action, actor, tag }) => `${actor} ${action} ${tag ?? "-"}`);

describe("the activity of a repository", async () => {
  const berth = await startClosedBerth();
  for (const name of ["ann", "tom", "eve"]) await berth.addUser(name);
  await berth.addUser("root", { is_admin: 1 });
  await berth.addOrganisation("team", "ann");
  const ann = berth.as("ann");
  const { manifest } = await pushImageParts(ann, "team/app");
  await putManifest(ann, "team/app", "1", manifest).expect(201);
  await putManifest(ann, "team/app", "2", manifest).expect(201);
  await berth.pushImage("team/application", "ann", "private");
  const hub = await hubAs(berth, "ann");
  const api = "/api/berth/v1/repositories/team/app/-";
  await hub("put", `${api}/collaborators/tom`, { permission: "read" });
  await hub("delete", `${api}/tags/2`);
  await hub("patch", "/v2/repositories/team/app", { is_private: true, description: "An app" });
  // A token's label is free text, and a former repository had the same name.
  await berth.exec(`INSERT INTO audit_log (at, actor, account, action, subject) VALUES
    (${Date.now()}, 'ann', 'team', 'org.access_token.create', 'team/app'),
    (1, 'ann', 'team', 'repo.tag.push', 'team/app:old')`);
  const get = async (name: string, query = "") =>
    (await hubAs(berth, name))("get", `${api}/activity${query}`);

  test("has the changes of the repository and its tags, the newest first", async () => {
    const answer = await get("ann");
    assert.equal(answer.status, 200);
    const actions = actionsOf(answer).toReversed();
    assert.deepEqual(actions.slice(0, 5), [
      "ann repo.create -",
      "ann repo.tag.push 1",
      "ann repo.tag.push 2",
      "ann repo.collaborator -",
      "ann repo.tag.delete 2",
    ]);
    assert.ok(actions.length > 5);
    assert.ok(
      actions.slice(5).every((action) => /^ann repo\.(?:update|change_privacy) -$/.test(action)),
    );
    const push = rowsOf(answer).find(({ tag }) => tag === "1");
    assert.match(push?.data["digest"] ?? "", /^sha256:/);
    assert.equal(answer.body["next"], null);
  });

  test("names the digest of a manifest that was deleted", async () => {
    const { headers } = await ann.api.get("/v2/team/application/manifests/1").expect(200);
    const digest = String(headers["docker-content-digest"]);
    await ann.api.delete(`/v2/team/application/manifests/${digest}`).expect(202);
    const path = "/api/berth/v1/repositories/team/application/-/activity?action=repo.manifest";
    const [row] = rowsOf(await hub("get", path));
    assert.deepEqual([row?.action, row?.digest, row?.tag], ["repo.manifest.delete", digest, null]);
  });

  test("is filtered by action and by actor", async () => {
    assert.deepEqual(actionsOf(await get("ann", "?action=repo.tag")), [
      "ann repo.tag.delete 2",
      "ann repo.tag.push 2",
      "ann repo.tag.push 1",
    ]);
    assert.deepEqual(actionsOf(await get("ann", "?action=repo.tag.push&page_size=1")), [
      "ann repo.tag.push 2",
    ]);
    assert.deepEqual(actionsOf(await get("ann", "?actor=tom")), []);
    assert.deepEqual(actionsOf(await get("ann", "?action=org")), []);
  });

  test("comes in pages, whose `next` keeps the filters", async () => {
    const all = rowsOf(await get("ann"));
    const pages: Row[] = [];
    let path: string | undefined = `${api}/activity?page_size=2&action=repo`;
    while (path !== undefined) {
      const answer: Answer = await hub("get", path);
      pages.push(...rowsOf(answer));
      const next = answer.body["next"] as unknown as string | null;
      path = next === null ? undefined : new URL(next).pathname + new URL(next).search;
    }
    assert.deepEqual(pages, all);
    const whole = await hub("get", `${api}/activity?page_size=${all.length}`);
    assert.deepEqual([rowsOf(whole).length, whole.body["next"]], [all.length, null]);
  });

  test("shows permissions of users to admins of the repository alone, and addresses to administrators alone", async () => {
    const asTom = rowsOf(await get("tom"));
    assert.ok(asTom.length > 0);
    assert.ok(!asTom.some(({ action }) => action === "repo.collaborator"));
    for (const name of ["tom", "ann"])
      assert.ok(rowsOf(await get(name)).every(({ address }) => address === null));
    assert.equal(rowsOf(await get("root")).at(-1)?.address, "127.0.0.1");
    for (const [scope, address] of [
      ["repo:admin", "127.0.0.1"],
      ["repo:read", null],
    ] as const) {
      const root = await hubAs(berth, "root", await berth.addPersonalToken("root", scope));
      assert.equal(rowsOf(await root("get", `${api}/activity`)).at(-1)?.address, address, scope);
    }
    assert.equal((await get("eve")).status, 404);
    assert.equal((await (await hubAs(berth))("get", `${api}/activity`)).status, 404);
  });

  test("is bounded for a filter without a match: such a page is empty and has a `next`", async () => {
    const { ids } = (await berth.tables.rows("SELECT max(id) AS ids FROM audit_log"))[0] as {
      ids: number;
    };
    for (let slice = 0; slice < 21; slice += 1) {
      const rows = Array.from(
        { length: 500 },
        () => `(${Date.now()}, 'ann', 'team', 'repo.tag.push', 'team/app:many')`,
      );
      await berth.exec(
        `INSERT INTO audit_log (at, actor, account, action, subject) VALUES ${rows.join(",")}`,
      );
    }
    const first = await get("ann", "?action=repo.create");
    assert.deepEqual(rowsOf(first), []);
    const next = new URL(textOf(first.body["next"]));
    assert.ok(Number(next.searchParams.get("before")) > ids);
    const second = await hub("get", next.pathname + next.search);
    assert.deepEqual(actionsOf(second), ["ann repo.create -"]);
    assert.equal(second.body["next"], null);
  });
});
