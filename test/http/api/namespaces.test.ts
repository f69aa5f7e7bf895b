import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startClosedBerth } from "../../support/closed.ts";
import { hubAs } from "../hub/support.ts";

describe("a namespace", async () => {
  const berth = await startClosedBerth({ "quotas.default": "1GB" });
  for (const name of ["mia", "tom", "eve"]) await berth.addUser(name);
  await berth.addUser("root", { is_admin: 1 });
  const team = await berth.addOrganisation("team", "mia");
  await berth.exec(
    `INSERT INTO members SELECT ${team}, id, 'member', 0 FROM accounts WHERE name = 'tom'`,
  );
  await berth.pushImage("team/private", "mia", "private");
  await berth.pushImage("team/public", "mia", "public");
  const get = async (name: string | undefined, namespace: string) =>
    (await hubAs(berth, name))("get", `/api/berth/v1/namespaces/${namespace}`);

  test("has its kind, and the number of repositories that the caller sees", async () => {
    for (const [name, count] of [
      [undefined, 1],
      ["eve", 1],
      ["tom", 1],
      ["mia", 2],
      ["root", 2],
    ] as const) {
      const { status, body } = await get(name, "team");
      assert.equal(status, 200);
      const { quota: _, ...shown } = body as unknown as Record<string, unknown>;
      const common = { name: "team", kind: "organisation", full_name: "", is_mirror: false };
      assert.deepEqual(shown, { ...common, repository_count: count });
    }
    assert.equal((await get(undefined, "mia")).body["kind"], "user");
  });

  test("shows its quota to members and administrators only", async () => {
    for (const name of [undefined, "eve"])
      assert.equal((await get(name, "team")).body["quota"], null);
    for (const name of ["tom", "mia", "root"]) {
      const quota = (await get(name, "team")).body["quota"] as unknown as Record<string, number>;
      assert.equal(quota["limit_bytes"], 1_000_000_000);
      assert.ok((quota["used_bytes"] ?? 0) > 0);
    }
    assert.equal((await get("mia", "mia")).body["quota"], null, "it has no repositories yet");
  });

  test("is 404 if it has neither an account nor a repository that the caller sees", async () => {
    await berth.exec("DELETE FROM accounts WHERE name = 'eve'");
    assert.equal((await get(undefined, "eve")).status, 404);
    assert.equal((await get(undefined, "nothing")).status, 404);
    assert.equal((await get(undefined, "NOT%20A%20NAME")).status, 400);
  });

  test("of an organisation gets its full name from an owner or an administrator", async () => {
    const patch = async (name: string, body: object) =>
      (await hubAs(berth, name))("patch", "/api/berth/v1/organisations/team", body);
    assert.equal((await patch("tom", { full_name: "Team" })).status, 403);
    const { status, body } = await patch("mia", { full_name: "The Team" });
    assert.equal(status, 200);
    assert.equal(body["full_name"], "The Team");
    assert.equal((await patch("root", { full_name: "Team" })).status, 200);
    assert.equal((await get(undefined, "team")).body["full_name"], "Team");
    assert.equal((await patch("mia", {})).status, 400);
    const root = await hubAs(berth, "root");
    for (const name of ["mia", "nothing"])
      assert.equal(
        (await root("patch", `/api/berth/v1/organisations/${name}`, { full_name: "x" })).status,
        404,
      );
  });
});

describe("an organisation", async () => {
  const berth = await startClosedBerth();
  for (const name of ["mia", "tom"]) await berth.addUser(name);
  await berth.addUser("root", { is_admin: 1 });
  const organisations = "/api/berth/v1/organisations";
  const root = await hubAs(berth, "root");

  test("is created by an administrator, with an owner or without one", async () => {
    const mia = await hubAs(berth, "mia");
    assert.equal((await mia("post", organisations, { name: "team" })).status, 403);
    const body = { name: "Team", full_name: "The Team", owner: "Mia" };
    const made = await root("post", organisations, body);
    assert.equal(made.status, 201, made.text);
    const { name, kind, full_name: fullName } = made.body;
    assert.deepEqual([name, kind, fullName], ["team", "organisation", "The Team"]);
    const owner = await mia("patch", `${organisations}/team`, { full_name: "Team" });
    assert.equal(owner.status, 200);
    assert.equal((await root("post", organisations, { name: "ops" })).status, 201);
  });

  test("is not created with a name that is taken or reserved, or with an unknown owner", async () => {
    for (const [body, status] of [
      [{ name: "mia" }, 409],
      [{ name: "berth" }, 400],
      [{ name: "a name" }, 400],
      [{ name: "other", owner: "nobody" }, 404],
      [{}, 400],
    ] as const)
      assert.equal((await root("post", organisations, body)).status, status, JSON.stringify(body));
  });

  test("is deleted by an administrator once nothing is in it, and the answer says what prevents it", async () => {
    await berth.pushImage("team/app", "mia", "private");
    const full = await root("delete", `${organisations}/team`);
    assert.equal(full.status, 400);
    assert.match(full.text, /team has repositories \(1\): delete them first/);
    assert.equal((await (await hubAs(berth, "mia"))("delete", `${organisations}/ops`)).status, 403);
    assert.equal((await root("delete", `${organisations}/ops`)).status, 204);
    assert.equal((await root("delete", `${organisations}/ops`)).status, 404);
    assert.equal((await root("delete", `${organisations}/mia`)).status, 404);
    const library = await root("delete", `${organisations}/library`);
    assert.match(library.text, /library belongs to the administrators/);
  });
});

describe("the namespace of a mirror", () => {
  test("says that it is a mirror, also before its first repository", async () => {
    const berth = await startClosedBerth({
      mirrors: JSON.stringify([
        { namespace: "hub", upstream: "http://127.0.0.1:1", visibility: "public" },
      ]),
    });
    const { body } = await (await hubAs(berth))("get", "/api/berth/v1/namespaces/hub");
    assert.equal(body["is_mirror"], true);
    assert.equal(body["repository_count"], 0);
  });
});
