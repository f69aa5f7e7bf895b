import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { openCommandContext } from "../../../src/app/command-context.ts";
import { OCI_INDEX } from "../../../src/oci/media-types.ts";
import { parseRepositoryName } from "../../../src/oci/name.ts";
import { connect } from "../../server/support.ts";
import { pushBlob, pushImageParts, putManifest, type TestBerth } from "../../support/berth.ts";
import { password, startClosedBerth } from "../../support/closed.ts";

const berth = await startClosedBerth();
for (const name of ["ann", "eve", "ed"]) await berth.addUser(name);
const team = await berth.addOrganisation("team", "ann");
for (const name of ["eve", "ed"]) {
  await berth.exec(`INSERT INTO members SELECT ${team}, id, 'editor', 0 FROM accounts
    WHERE name = '${name}'`);
}
const context = await openCommandContext(berth.config, { store: true });
after(() => context.close());
const { actor } = context;
const accounts = await context.accounts();
const repositories = await context.repositories();

const all = (name: string): string => `repository:${name}:pull,push,delete`;
const push = async (as: TestBerth, name: string): Promise<void> => {
  const { manifest } = await pushImageParts(as, name);
  await putManifest(as, name, "1", manifest).expect(201);
};
/** Asserts that every registry route of a repository answers 401 to this caller. */
const opensNothing = async ({ api }: TestBerth, name: string): Promise<void> => {
  await api.get(`/v2/${name}/manifests/1`).expect(401);
  // The query sends this request through the Koa pipeline instead of the fast path.
  await api.get(`/v2/${name}/manifests/1?`).expect(401);
  await api.head(`/v2/${name}/manifests/1`).expect(401);
  await api.get(`/v2/${name}/tags/list`).expect(401);
  await api.get(`/v2/${name}/referrers/sha256:${"0".repeat(64)}`).expect(401);
  await api.get(`/v2/${name}/blobs/sha256:${"0".repeat(64)}`).expect(401);
  await api.post(`/v2/${name}/blobs/uploads/`).expect(401);
  await api.put(`/v2/${name}/manifests/1`).expect(401);
  await api.delete(`/v2/${name}/manifests/1`).expect(401);
};

describe("a token that was issued before its repository existed", () => {
  test("pushes to and pulls from the repository that its account creates with it", async () => {
    const eve = berth.with(await berth.token("eve", all("team/of-eve")));
    await push(eve, "team/of-eve");
    await eve.api.get("/v2/team/of-eve/manifests/1").expect(200);
    await eve.api.get("/v2/team/of-eve/manifests/1").expect(200);
    await push(eve, "team/of-eve");
  });

  test("does not open a repository that another editor created since, and cannot continue an upload there", async () => {
    const eve = berth.with(await berth.token("eve", all("team/race")));
    const started = await eve.api.post("/v2/team/race/blobs/uploads/").expect(202);
    await eve.api.get("/v2/team/race/manifests/1").expect(404);
    await push(berth.with(await berth.token("ed", all("team/race"))), "team/race");
    await opensNothing(eve, "team/race");
    await eve.api
      .patch(started.headers["location"] ?? "")
      .send("x")
      .expect(401);
    await opensNothing(berth.with(await berth.token("eve", all("team/race"))), "team/race");
  });

  test("cannot mount a blob from a repository that another editor created since", async () => {
    const scopes = [all("team/held"), all("eve/app")];
    const eve = berth.with(await berth.token("eve", ...scopes));
    const digest = await pushBlob(berth.as("ed"), "team/held", "held by ed");
    for (const from of ["&from=team/held", ""])
      await eve.api.post(`/v2/eve/app/blobs/uploads/?mount=${digest}${from}`).expect(202);
  });

  test("of an owner of the organisation opens a repository that an editor created since", async () => {
    const ann = berth.with(await berth.token("ann", all("team/shared")));
    await push(berth.as("ed"), "team/shared");
    await ann.api.get("/v2/team/shared/manifests/1").expect(200);
    await push(ann, "team/shared");
  });

  test("of a robot opens the repository that the robot creates with it, but not for delete", async () => {
    const secret = await berth.addRobot("team", [
      { type: "TYPE_REPO", path: "team/by-robot*", scopes: ["scope-image-push"] },
      { type: "TYPE_ORG", path: "team", scopes: ["scope-repository-create"] },
    ]);
    const { body } = await berth.api
      .get("/token")
      .query({ scope: all("team/by-robot") })
      .auth("team", secret);
    const robot = berth.with(String(body.token));
    await push(robot, "team/by-robot");
    await robot.api.get("/v2/team/by-robot/tags/list").expect(200);
    await robot.api.delete("/v2/team/by-robot/manifests/1").expect(401);
  });

  test("of an anonymous client does not open a private repository that is created later", async () => {
    const before = berth.with(await berth.token(undefined, "repository:team/later:pull"));
    await push(berth.as("ann"), "team/later");
    await opensNothing(before, "team/later");
  });
});

describe("after a revocation, a deletion or another loss of access", () => {
  test("a revoked access token gets no new token; one issued before still works, for at most 5 minutes", async () => {
    await push(berth.as("ann"), "ann/app");
    const { id, secret } = await accounts.accessTokens.issue(actor, {
      ...{ account: "ann", label: "ci", scope: "repo:admin" },
    });
    const asked = () =>
      berth.api
        .get("/token")
        .query({ scope: all("ann/app") })
        .auth("ann", secret);
    const { body } = await asked().expect(200);
    assert.ok(body.expires_in <= 300);
    await accounts.accessTokens.revoke(actor, "ann", id);
    await asked().expect(401);
    await berth.as("ann", secret).api.get("/v2/").expect(401);
    await berth.with(String(body.token)).api.get("/v2/ann/app/manifests/1").expect(200);
  });

  test("a disabled account gets no new token, and its old token creates no repository", async () => {
    await accounts.users.add(actor, { name: "dan", password });
    const dan = berth.with(await berth.token("dan", all("dan/app")));
    await accounts.users.setDisabled(actor, "dan", true);
    await berth.api.get("/token").auth("dan", password).expect(401);
    await berth.as("dan").api.get("/v2/").expect(401);
    await dan.api
      .post(`/v2/dan/app/blobs/uploads/?digest=sha256:${"0".repeat(64)}`)
      .send("x")
      .expect(400);
    await assert.rejects(pushBlob(dan, "dan/app", "made by the disabled"), /401/);
    await accounts.users.setDisabled(actor, "dan", false);
    await pushBlob(dan, "dan/app", "made by the enabled");
  });

  test("a deleted account and a new one of the same name cannot use each other's tokens or uploads", async () => {
    await accounts.users.add(actor, { name: "bob", password });
    const old = berth.with(await berth.token("bob", all("bob/app"), all("bob/other")));
    await push(old, "bob/app");
    const { headers } = await old.api.post("/v2/bob/other/blobs/uploads/").expect(202);
    await assert.rejects(accounts.users.delete(actor, "bob"), /has repositories/);
    await berth.deleteRepository("bob/app");
    await accounts.users.delete(actor, "bob");
    await berth.api.get("/token").auth("bob", password).expect(401);
    // No account has this name now, so the push cannot create the repository.
    await assert.rejects(pushBlob(old, "bob/other", "x"), /401/);

    await accounts.users.add(actor, { name: "bob", password });
    const fresh = berth.with(await berth.token("bob", all("bob/app"), all("bob/other")));
    await fresh.api.get(headers["location"] ?? "").expect(404);
    for (const name of ["bob/app", "bob/other"]) {
      await push(fresh, name);
      await opensNothing(old, name);
      await fresh.api.get(`/v2/${name}/manifests/1`).expect(200);
    }
  });

  test("a recreated organisation rejects the tokens of its former owner and of its former robot", async () => {
    await accounts.organisations.add(actor, { name: "fleet", owner: "ann" });
    const secret = await berth.addRobot("fleet", [
      { type: "TYPE_REPO", path: "fleet/*", scopes: ["scope-image-delete"] },
      { type: "TYPE_ORG", path: "fleet", scopes: ["scope-repository-create"] },
    ]);
    const { body } = await berth.api
      .get("/token")
      .query({ scope: [all("fleet/app"), all("fleet/next")] })
      .auth("fleet", secret);
    const robot = berth.with(String(body.token));
    const ann = berth.with(await berth.token("ann", all("fleet/app"), all("fleet/next")));
    await push(robot, "fleet/app");
    await berth.deleteRepository("fleet/app");
    await accounts.organisations.delete(actor, "fleet");
    await accounts.organisations.add(actor, { name: "fleet", owner: "eve" });
    for (const name of ["fleet/app", "fleet/next"]) {
      await push(berth.as("eve"), name);
      await opensNothing(ann, name);
      await opensNothing(robot, name);
    }
    await berth.as("fleet", secret).api.get("/v2/").expect(401);
  });

  test("a recreated repository rejects every older token and has no older upload", async () => {
    const before = berth.with(await berth.token("ann", all("ann/phoenix")));
    await push(before, "ann/phoenix");
    const between = berth.with(await berth.token("ann", all("ann/phoenix")));
    const { headers } = await between.api.post("/v2/ann/phoenix/blobs/uploads/").expect(202);
    await berth.deleteRepository("ann/phoenix");
    await push(berth.as("ann"), "ann/phoenix");
    await opensNothing(before, "ann/phoenix");
    await opensNothing(between, "ann/phoenix");
    const fresh = berth.with(await berth.token("ann", all("ann/phoenix")));
    await fresh.api.get("/v2/ann/phoenix/manifests/1").expect(200);
    await fresh.api.get(headers["location"] ?? "").expect(404);
  });

  test("a manifest whose body arrives after its repository was recreated is rejected with 403", async () => {
    const name = "ann/slow";
    await push(berth.as("ann"), name);
    const index = JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] });
    for (const authorization of [
      `Bearer ${await berth.token("ann", all(name))}`,
      `Basic ${Buffer.from(`ann:${password}`).toString("base64")}`,
    ]) {
      const lines = [
        `PUT /v2/${name}/manifests/1 HTTP/1.1`,
        "Host: berth",
        `Authorization: ${authorization}`,
        `Content-Type: ${OCI_INDEX}`,
        `Content-Length: ${index.length}`,
        "Expect: 100-continue",
        "Connection: close",
      ];
      const slow = await connect(berth.port, `${lines.join("\r\n")}\r\n\r\n`);
      await slow.until("100 Continue");
      slow.socket.write(index.slice(0, 10));
      // When later requests have been answered, the server has authorized this one.
      for (let count = 0; count < 5; count += 1)
        await berth.api
          .get(`/v2/${name}/tags/list`)
          .set("Authorization", authorization)
          .expect(200);
      await berth.deleteRepository(name);
      await push(berth.as("ann"), name);
      slow.socket.write(index.slice(10));
      assert.match(await slow.all(), /HTTP\/1\.1 403 [^]*DENIED/);
      const { headers } = await berth.as("ann").api.get(`/v2/${name}/manifests/1`).expect(200);
      assert.notEqual(headers["content-type"], OCI_INDEX);
    }
  });

  test("a repository that becomes private rejects anonymous tokens that are issued afterwards", async () => {
    await push(berth.as("ann"), "ann/shown");
    const name = "ann/shown";
    const repository = parseRepositoryName(name);
    const show = (visibility: "public" | "private") =>
      repositories.setVisibility(actor, repository, visibility);
    await show("public");
    const scope = `repository:${name}:pull`;
    await berth
      .with(await berth.token(undefined, scope))
      .api.get(`/v2/${name}/manifests/1`)
      .expect(200);
    await show("private");
    await opensNothing(berth.with(await berth.token(undefined, scope)), name);
  });
});
