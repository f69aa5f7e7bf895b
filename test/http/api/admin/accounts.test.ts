import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startClosedBerth } from "../../../support/closed.ts";
import { hubAs, textOf } from "../../hub/support.ts";

const base = "/api/berth/v1/admin";
const organisations = "/api/berth/v1/organisations";

describe("the administration of accounts", async () => {
  const berth = await startClosedBerth();
  await berth.addUser("root", { is_admin: 1 });
  await berth.addUser("mia");
  await berth.addUser("tom");
  await berth.addOrganisation("team", "mia");
  await berth.pushImage("tom/app", "tom", "private");
  const root = await hubAs(berth, "root");
  const mia = await hubAs(berth, "mia");
  const nobody = await hubAs(berth);

  test("is only for administrators who have signed in with the password", async () => {
    const secret = await berth.addPersonalToken("root", "repo:admin");
    const token = await hubAs(berth, "root", secret);
    for (const noun of ["overview", "users", "organisations", "quotas", "gc", "scrub", "keys"]) {
      assert.equal((await nobody("get", `${base}/${noun}`)).status, 401);
      assert.equal((await mia("get", `${base}/${noun}`)).status, 403);
      assert.equal((await token("get", `${base}/${noun}`)).status, 403);
      assert.equal((await root("get", `${base}/${noun}`)).status, 200);
    }
  });

  test("lists users in pages, and finds them by a part of the name, full name or email", async () => {
    const user = {
      ...{ username: "zoe", password: "a long password", full_name: "Zoe Z." },
      email: "zoe@example.com",
    };
    const created = await root("post", `${base}/users`, user);
    assert.equal(created.status, 201);
    const { created_at: _, ...rest } = created.body as unknown as Record<string, unknown>;
    assert.deepEqual(rest, {
      ...{ username: "zoe", full_name: "Zoe Z.", email: "zoe@example.com" },
      ...{ is_admin: false, is_disabled: false },
    });
    for (const search of ["zo", "oe z", "EXAMPLE.COM"]) {
      const { body } = await root("get", `${base}/users?search=${encodeURIComponent(search)}`);
      assert.equal(body["count"], 1);
      assert.equal(body["results"]?.[0]?.["username"], "zoe");
    }
    const first = (await root("get", `${base}/users?page_size=2`)).body;
    assert.equal(first["count"], 5);
    assert.equal(first["results"]?.["length"], 2);
    assert.match(textOf(first["next"]), /page=2/);
    const names = async (query: string) =>
      (
        (await root("get", `${base}/users?${query}`)).body["results"] as unknown as {
          username: string;
        }[]
      ).map(({ username }) => username);
    assert.deepEqual(await names("page_size=2&page=2"), ["root", "tom"]);
    assert.equal((await root("get", `${base}/users?page=9`)).status, 404);
  });

  test("rejects a user with a short password, a taken or invalid name, and repositories of nobody", async () => {
    const post = async (body: object) => (await root("post", `${base}/users`, body)).status;
    const good = { password: "a long password" };
    assert.equal(await post({ username: "new", password: "short" }), 400);
    assert.equal(await post({ username: "mia", ...good }), 409);
    assert.equal(await post({ username: "UPPER", ...good }), 400);
    assert.equal(await post({ username: "mirror", ...good }), 400);
    assert.equal(await post(good), 400);
  });

  test("disables and promotes a user, says whether that is new, and keeps the last administrator", async () => {
    const patch = (name: string, body: object) => root("patch", `${base}/users/${name}`, body);
    const disabled = (await patch("zoe", { is_disabled: true })).body;
    assert.deepEqual([disabled["is_disabled"], disabled["changed"]], [true, true]);
    assert.equal((await patch("zoe", { is_disabled: true })).body["changed"], false);
    const both = (await patch("zoe", { is_disabled: false, is_admin: true })).body;
    assert.deepEqual([both["is_disabled"], both["is_admin"]], [false, true]);
    await patch("zoe", { is_admin: false });
    await berth.exec("UPDATE accounts SET disabled = 1 WHERE name = 'admin'");
    const last = await patch("root", { is_admin: false });
    assert.equal(last.status, 400);
    assert.match(textOf(last.body["message"]), /last administrator/);
    await berth.exec("UPDATE accounts SET disabled = 0 WHERE name = 'admin'");
    assert.equal((await patch("none", { is_admin: true })).status, 404);
  });

  test("sets a password, with which the user logs in", async () => {
    const set = await root("post", `${base}/users/zoe/password`, { password: "another password" });
    assert.equal(set.status, 204);
    await hubAs(berth, "zoe", "another password");
    const short = await root("post", `${base}/users/zoe/password`, { password: "short" });
    assert.equal(short.status, 400);
  });

  test("says what prevents the deletion of a user, and deletes one that nothing depends on", async () => {
    const prevents = async (name: string) =>
      (await root("get", `${base}/users/${name}`)).body["prevents_deletion"];
    assert.deepEqual(await prevents("zoe"), []);
    assert.deepEqual(await prevents("tom"), ["tom has repositories (1): delete them first"]);
    const [reason = ""] = (await prevents("mia")) as unknown as string[];
    assert.equal(reason, "mia is the last owner of team: make another user an owner first");
    const refused = await root("delete", `${base}/users/mia`);
    assert.equal(refused.status, 400);
    assert.equal(refused.body["message"], reason);
    assert.equal((await root("delete", `${base}/users/zoe`)).status, 204);
    assert.equal((await root("get", `${base}/users/zoe`)).status, 404);
  });

  test("creates an organisation with an owner, adds a member without an invite, and deletes it", async () => {
    const ops = { name: "ops", full_name: "Operations", owner: "tom" };
    assert.equal((await root("post", organisations, ops)).status, 201);
    assert.equal((await root("post", organisations, ops)).status, 409);
    const added = await root("put", `${base}/organisations/ops/members/mia`, { role: "editor" });
    assert.deepEqual(added.body, { username: "mia", role: "editor" });
    const members = (await root("get", `${base}/organisations/ops/members`)).body;
    const names = (members["results"] as unknown as { username: string; role: string }[]).map(
      ({ username, role }) => `${username} ${role}`,
    );
    assert.deepEqual(names, ["mia editor", "tom owner"]);
    const page = (await root("get", `${base}/organisations/ops/members?page_size=1`)).body;
    assert.equal(page["last"], "mia");
    const found = (await root("get", `${base}/organisations?search=OPERA`)).body;
    assert.equal(found["results"]?.[0]?.["name"], "ops");
    const library = (await root("get", `${base}/organisations/library`)).body;
    assert.match(textOf(library["prevents_deletion"]?.[0]), /cannot be deleted/);
    assert.equal((await root("delete", `${organisations}/ops`)).status, 204);
    assert.equal((await root("delete", `${organisations}/ops`)).status, 404);
  });

  test("creates a token of a user or of an organisation, shows its secret once, and revokes it", async () => {
    const path = `${base}/accounts/tom/tokens`;
    const issued = await root("post", path, { label: "ci", scope: "repo:read" });
    assert.equal(issued.status, 201);
    assert.equal(issued.headers["cache-control"], "no-store");
    await hubAs(berth, "tom", textOf(issued.body["token"]));
    const listed = (await root("get", path)).body;
    assert.equal(listed["count"], 1);
    assert.equal(listed["results"]?.[0]?.["token"], undefined);
    const id = textOf(issued.body["id"]);
    assert.equal((await root("delete", `${path}/${id}`)).status, 204);
    assert.equal((await root("delete", `${path}/${id}`)).status, 404);
    const resources = [{ type: "TYPE_REPO", path: "team/*", scopes: ["scope-image-pull"] }];
    const robot = await root("post", `${base}/accounts/team/tokens`, { label: "ci", resources });
    assert.equal(robot.status, 201);
    assert.equal((await root("post", path, { label: "ci", resources })).status, 400);
    assert.equal((await root("get", `${base}/accounts/none/tokens`)).status, 404);
  });

  test("lists the bytes and the quota of each namespace, as the command line counts them", async () => {
    // A second repository with the same blobs: they count once.
    await berth.pushImage("tom/copy", "tom", "private");
    const before = (await root("get", `${base}/quotas`)).body;
    const tom = before["results"]?.[0];
    assert.equal(tom?.["namespace"], "tom");
    assert.ok(Number(tom?.["used"]) > 0);
    assert.equal(tom?.["limit"], null);
    const set = await root("put", `${base}/quotas/tom`, { limit: 1_000_000 });
    const quota = { namespace: "tom", used: Number(tom?.["used"]), limit: 1_000_000, is_own: true };
    assert.deepEqual(set.body, quota);
    assert.deepEqual((await root("get", `${base}/quotas`)).body["results"], [quota]);
    assert.equal((await root("delete", `${base}/quotas/tom`)).status, 204);
    assert.equal((await root("delete", `${base}/quotas/tom`)).status, 404);
    assert.equal((await root("put", `${base}/quotas/tom`, { limit: -1 })).status, 400);
  });

  test("counts each blob of a namespace once, in few and in many repositories and blobs", async () => {
    const other = await startClosedBerth();
    await other.addUser("root", { is_admin: 1 });
    const admin = await hubAs(other, "root");
    const numbers = (count: number) =>
      `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${count})`;
    await other.exec(`
      INSERT INTO repositories (name, namespace, created_at, updated_at)
        ${numbers(120)} SELECT 'few/app' || n, 'few', 0, 0 FROM numbers;
      INSERT INTO repositories (name, namespace, created_at, updated_at)
        ${numbers(2)} SELECT 'many/app' || n, 'many', 0, 0 FROM numbers;
      INSERT INTO blobs (digest, size_bytes, storage_key, created_at)
        ${numbers(5_001)} SELECT 'sha256:' || n, n, 'key-' || n, 0 FROM numbers;
      INSERT INTO blob_links (repository_id, blob_id, created_at, leased_until)
        SELECT repositories.id, blobs.id, 0, 0 FROM repositories, blobs
        WHERE namespace = 'many' OR blobs.size_bytes <= 10`);
    for (const name of ["few/app7", "many/app2"]) {
      const id = await other.tables.value("SELECT id FROM repositories WHERE name = ?", name);
      await other.tables.insert("manifests", {
        ...{ repository_id: Number(id), digest: "sha256:1", media_type: "a/b", kind: "image" },
        ...{ size_bytes: 1000, pushed_at: 0, leased_until: 0, content: Buffer.of(0) },
      });
    }
    const { body } = await admin("get", `${base}/quotas`);
    const results = body["results"] as unknown as { namespace: string; used: number }[];
    assert.deepEqual(
      results.map(({ namespace, used }) => [namespace, used]),
      [
        ["few", 55 + 1000],
        ["many", (5_001 * 5_002) / 2 + 1000],
      ],
    );
    for (const [namespace, count, bytes] of [
      ["few", 120, 55],
      ["many", 2, (5_001 * 5_002) / 2],
    ] as const)
      assert.deepEqual((await admin("get", `/api/berth/v1/namespaces/${namespace}/sizes`)).body, {
        ...{ namespace, repository_count: count, bytes, shared_bytes: bytes, unique_bytes: 0 },
      });
  });

  test("lists the audit log of all accounts with filters, and each entry on one page", async () => {
    const filtered = async (query: string) => {
      const { body } = await root("get", `${base}/audit?page_size=3&${query}`);
      const results = body["results"] as unknown as { action: string; actor: string }[];
      return results.map(({ action, actor }) => [action.split(".")[0], actor]);
    };
    assert.deepEqual(await filtered("action=user&actor=root"), [
      ["user", "root"],
      ["user", "root"],
      ["user", "root"],
    ]);
    assert.deepEqual(await filtered("action=repo.create"), [
      ["repo", "tom"],
      ["repo", "tom"],
    ]);
    assert.deepEqual(await filtered("action=use"), []);
    assert.deepEqual(await filtered("actor=nobody"), []);
    assert.deepEqual(await filtered("to=2020-01-01T00:00:00Z"), []);
    const all: string[] = [];
    let next: string | null = `${base}/audit?page_size=4`;
    for (let page = 0; next !== null; page += 1) {
      const found: { readonly body: unknown } = await root("get", next);
      const { results: entries, next: link } = found.body as {
        results: { at: string; action: string; subject: string }[];
        next: string | null;
      };
      all.push(...entries.map(({ at, action, subject }) => `${at} ${action} ${subject}`));
      next = link === null ? null : new URL(link).pathname + new URL(link).search;
      assert.ok(page < 50);
    }
    const rows = await berth.tables.rows<{ at: number; action: string; subject: string }>(
      "SELECT at, action, subject FROM audit_log ORDER BY at DESC, id DESC",
    );
    assert.deepEqual(
      all,
      rows.map(({ at, action, subject }) => `${new Date(at).toISOString()} ${action} ${subject}`),
    );
    const late = (await root("get", `${base}/audit?from=2100-01-01T00:00:00Z`)).body;
    assert.deepEqual([late["results"], late["next"]], [[], null]);
  });
});
