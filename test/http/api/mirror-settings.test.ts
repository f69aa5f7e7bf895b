import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { password, startClosedBerth, type ClosedBerth } from "../../support/closed.ts";
import { waitUntil } from "../../support/wait.ts";
import { hubAs, textOf } from "../hub/support.ts";

const base = "/api/berth/v1/mirrors";
const added = `${base}/up.example`;

type AskStatus = () => PromiseLike<{ readonly status: number }>;
/** The statuses of several requests; two processes answer them alternately. */
async function statusesOf(ask: AskStatus): Promise<number[]> {
  const statuses = new Set<number>();
  for (let time = 0; time < 4; time += 1) statuses.add((await ask()).status);
  return [...statuses];
}

describe("mirrors that the API adds, with two processes", async () => {
  const upstream = await startClosedBerth();
  await upstream.addUser("mia");
  for (const name of ["app", "other", "late"])
    await upstream.pushImage(`mia/${name}`, "mia", "private");
  const url = `http://127.0.0.1:${upstream.port}`;
  const settings = { allow_private_network: true, upstream: url };

  const configured = { namespace: "file.example", upstream: url, root: true };
  const berth = await startClosedBerth({ workers: "2", mirrors: JSON.stringify([configured]) });
  await berth.addUser("mia");
  await berth.addUser("root", { is_admin: 1 });
  await berth.pushImage("mia/app", "mia", "private");
  const [root, mia] = [await hubAs(berth, "root"), await hubAs(berth, "mia")];
  const pull = (name: string) => () =>
    berth.as("root").api.get(`/v2/up.example/mia/${name}/manifests/1`);
  /** A mirror accepts no push. */
  const push = () => berth.as("root").api.post("/v2/up.example/mia/new/blobs/uploads/");
  const untilAll = (what: string, ask: AskStatus, status: number) =>
    waitUntil(what, async () => (await statusesOf(ask)).every((one) => one === status));

  test("a new mirror is served by all processes, and its password is sent to the upstream but never answered", async () => {
    const without = await root("post", base, { namespace: "up.example", ...settings });
    assert.equal(without.status, 201, without.text);
    assert.equal(without.body["settings"]?.["has_password"], false);
    assert.equal(without.body["is_configured"], false);
    assert.equal(without.body["is_private"], true);
    await untilAll("the mirror is there", push, 405);
    // The upstream shows its private repository only to its owner.
    assert.ok(!(await statusesOf(pull("app"))).includes(200));

    const credentials = { username: "mia", password };
    const changed = await root("patch", added, { ...credentials, tag_ttl: 60, cache_size: 1e9 });
    assert.equal(changed.status, 200, changed.text);
    const { has_password: hasPassword, username, tag_ttl: ttl } = changed.body["settings"] ?? {};
    assert.deepEqual([hasPassword, username, ttl], [true, "mia", 60]);
    assert.equal(changed.body["numbers"]?.["cache_size"], 1e9);
    await untilAll("the mirror has the password", pull("app"), 200);
    const seen = [changed.text, (await root("get", added)).text, (await root("get", base)).text];
    assert.ok(seen.every((text) => !text.includes(password)));
    const [row] = await berth.tables.rows<{
      readonly password: Uint8Array;
      readonly settings: string;
    }>("SELECT password, settings FROM added_mirrors");
    assert.ok(!Buffer.from(row?.password ?? []).includes(password));
    assert.ok(!row?.settings.includes(password));
  });

  test("the password must be given again before another server could get it", async () => {
    const other = await startClosedBerth();
    for (const change of [
      { upstream: `http://127.0.0.1:${other.port}` },
      { token_hosts: ["other.example"] },
      { insecure: true },
    ]) {
      const answer = await root("patch", added, change);
      assert.equal(answer.status, 400, answer.text);
      assert.match(textOf(answer.body["message"]), /give the password again/);
    }
    assert.equal((await root("get", added)).body["upstream"], url);
    const again = { token_hosts: ["other.example"], password };
    assert.equal((await root("patch", added, again)).status, 200);
    assert.equal((await root("patch", added, { token_hosts: [] })).status, 200);
  });

  test("only administrators see the settings", async () => {
    assert.equal((await mia("get", added)).status, 404);
    assert.equal((await root("patch", added, { is_private: false })).status, 200);
    for (const process of ["one", "other"])
      await waitUntil(`the mirror is public in the ${process} process`, async () => {
        const { body } = await mia("get", added);
        const seen = [body["settings"], body["details"], body["is_private"]];
        return isDeepStrictEqual(seen, [null, null, false]);
      });
    assert.equal((await mia("post", base, { namespace: "b.example", upstream: url })).status, 403);
  });

  test("a changed setting is obeyed by all processes, and others keep their values", async () => {
    assert.equal((await root("patch", added, { deny: ["mia/other"] })).status, 200);
    await untilAll("the repository is excluded", pull("other"), 403);
    const { body } = await root("patch", added, { deny: [], cache_size: null });
    assert.equal(body["settings"]?.["username"], "mia");
    assert.equal(body["numbers"]?.["cache_size"], null);
    await untilAll("the repository is there again", pull("other"), 200);
  });

  test("a name that is taken or not allowed, and wrong settings, change nothing", async () => {
    const wrong: readonly [number, object, RegExp][] = [
      [409, { namespace: "up.example" }, /there is a mirror up\.example already/],
      [409, { namespace: "file.example" }, /file\.example is in the configuration.*SIGHUP/],
      [409, { namespace: "mia" }, /mia is the name of a user/],
      [409, { namespace: "b.example", is_root: true }, /both have root: true/],
      [409, { namespace: "library" }, /library is the namespace of images without a namespace/],
      [400, { namespace: "Upper" }, /namespace must be one component of a repository name/],
      [400, { namespace: "a/b" }, /namespace must be/],
      [400, { namespace: "b.example", upstream: "ftp://b" }, /upstream must be an absolute http/],
      [400, { namespace: "b.example", allow: ["a*b*c*d*"] }, /at most 3 wildcards/],
      [400, { namespace: "b.example", deny: ["*{a,aa}*{a,aa}b"] }, /at most 3 wildcards/],
      [400, { namespace: "b.example", token_hosts: ["a b"] }, /tokenHosts\[0\] must be HOST/],
    ];
    for (const [status, body, message] of wrong) {
      const answer = await root("post", base, { ...settings, ...body });
      assert.equal(answer.status, status, answer.text);
      assert.match(textOf(answer.body["message"]), message);
    }
    for (const method of ["patch", "delete"] as const) {
      const ofFile = await root(method, `${base}/file.example`, {});
      assert.equal(ofFile.status, 409, ofFile.text);
      assert.equal((await root(method, `${base}/nowhere.example`, {})).status, 404);
    }
    assert.equal((await root("get", base)).body["results"]?.["length"], 2);
  });

  test("of two mirrors with one name that are added at the same time, one is added", async () => {
    const bodies = ["one.example", "two.example"].map((namespace) => {
      return { ...settings, namespace, aliases: ["alias.example"] };
    });
    const answers = await Promise.all(bodies.map((body) => root("post", base, body)));
    assert.deepEqual(
      answers.map(({ status }) => status).toSorted((a, b) => a - b),
      [201, 409],
    );
    const made = answers.find(({ status }) => status === 201)?.body["namespace"];
    assert.equal((await root("delete", `${base}/${textOf(made)}`)).status, 204);
  });

  test("a namespace with hosted repositories cannot become a mirror", async () => {
    await berth.addOrganisation("team", "mia");
    await berth.pushImage("team/app", "mia", "private");
    const answer = await root("post", base, { namespace: "team", ...settings });
    assert.equal(answer.status, 409);
    assert.match(textOf(answer.body["message"]), /team has repositories of this registry/);
  });

  test("a mirror that is removed leaves its cached images, also for tokens of before, and has them again when it is added again", async () => {
    await waitUntil("the counters are written", async () => {
      const { body } = await root("get", added);
      return Number(body["numbers"]?.["misses"]) > 0;
    });
    assert.equal((await root("patch", added, { is_private: true })).status, 200);
    const scope = "repository:up.example/mia/app:pull";
    const tokens = { root: await berth.token("root", scope), mia: await berth.token("mia", scope) };
    const pullBy = (token: string) => () =>
      berth.api.get("/v2/up.example/mia/app/manifests/1").set("Authorization", `Bearer ${token}`);
    await untilAll("the mirror is private", pullBy(tokens.mia), 401);

    assert.equal((await root("delete", added)).status, 204);
    await untilAll("no process mirrors it", push, 202);
    assert.deepEqual(await statusesOf(pull("late")), [404]);
    assert.deepEqual(await statusesOf(pull("app")), [200]);
    assert.deepEqual(await statusesOf(pullBy(tokens.root)), [200]);
    assert.deepEqual(await statusesOf(pullBy(tokens.mia)), [401]);
    assert.equal((await root("get", added)).status, 404);

    assert.equal((await root("post", base, { namespace: "up.example", ...settings })).status, 201);
    await untilAll("it is a mirror again", push, 405);
    assert.deepEqual(await statusesOf(pull("app")), [200]);
  });

  test("a removed mirror to which a client has pushed cannot be added again", async () => {
    assert.equal((await root("delete", added)).status, 204);
    await untilAll("no process mirrors it", push, 202);
    await berth.pushImage("up.example/mia/pushed", "root", "private");
    const again = await root("post", base, { namespace: "up.example", ...settings });
    assert.equal(again.status, 409, again.text);
    assert.match(textOf(again.body["message"]), /has repositories of this registry/);
  });

  test("each change is in the audit log, without values that may be secret", async () => {
    const rows = await berth.tables.rows<{ readonly action: string; readonly data: string }>(
      "SELECT action, actor, subject, data FROM audit_log WHERE account = 'berth' ORDER BY id",
    );
    const changes = rows.filter(({ action }) => action.startsWith("server.mirror"));
    assert.deepEqual(
      changes.map(({ action }) => action.slice("server.mirror.".length)),
      [
        ...["create", "update", "update", "update", "update", "update", "update"],
        ...["create", "delete", "update", "delete", "create", "delete"],
      ],
    );
    assert.deepEqual(JSON.parse(changes[1]?.data ?? ""), {
      ...{ upstream: url, changed: "password username tag_ttl cache_size" },
    });
    assert.ok(changes.every(({ data }) => !data.includes(password)));
  });
});

test("a server without mirrors shows the page of mirrors after the first one is added", async () => {
  const berth: ClosedBerth = await startClosedBerth();
  const admin = await hubAs(berth, "admin");
  const hasMirrors = async () => (await admin("get", "/api/berth/v1/session")).body["has_mirrors"];
  assert.deepEqual([await hasMirrors(), (await admin("get", base)).body["results"]], [false, []]);
  const mirror = { namespace: "ghcr.io", upstream: "https://ghcr.io" };
  assert.equal((await admin("post", base, mirror)).status, 201);
  assert.equal(await hasMirrors(), true);
  await berth.restart();
  assert.equal(await hasMirrors(), true);
  assert.equal((await admin("delete", `${base}/ghcr.io`)).status, 204);
  assert.equal(await hasMirrors(), false);
});
