import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { pushBlob, putManifest } from "../support/berth.ts";
import { startClosedBerth } from "../support/closed.ts";
import { everyRoute, titleOf } from "../support/route-table.ts";
import { waitUntil } from "../support/wait.ts";
import { hubAs, textOf } from "./hub/support.ts";

const path = "/api/berth/v1/admin/read-only";
const reason = "we move to new disks until 14:00";
const repository = "/api/berth/v1/repositories/*repository";

/** All routes that change something and are served in read-only mode: accounts, access, and the server itself. */
const servedWhileReadOnly: readonly RegExp[] = [
  /^\w+ \/token$/,
  /^\w+ \/v2\/(?:users|auth|access-tokens|api_tokens|orgs|invites)\b/,
  /^\w+ \/v2\/.*\/(?:stars|groups|groups\/:group|immutabletags\/verify)$/,
  /^\w+ \/api\/berth\/v1\/(?:sessions?|user|organisations|admin|mirrors)\b/,
  /^\w+ \/api\/berth\/v1\/.*\/(?:webhooks|collaborators)\b/,
  /^post \/api\/berth\/v1\/.*\/retention\/plan$/,
];

describe("the routes of read-only mode", () => {
  const changing = everyRoute.filter(({ method }) => method !== "get");

  test("that are rejected are all those that change what a repository has", () => {
    const expected = changing.filter(
      (route) => !servedWhileReadOnly.some((pattern) => pattern.test(titleOf(route))),
    );
    assert.deepEqual(
      everyRoute.filter(({ changesContent }) => changesContent).map(titleOf),
      expected.map(titleOf),
    );
    const titles = new Set(expected.map(titleOf));
    for (const title of [
      ...["put /v2/*name/manifests/:reference", "post /v2/*name/blobs/uploads/"],
      ...["delete /v2/*name/blobs/:digest", "post /v2/namespaces/:namespace/repositories"],
      ...[`delete ${repository}`, `post ${repository}/-/tag-deletions`],
      ...[`put ${repository}/-/retention`, "put /api/berth/v1/namespaces/:namespace/retention"],
    ])
      assert.ok(titles.has(title), title);
  });
});

describe("read-only mode", async () => {
  const berth = await startClosedBerth();
  await berth.addUser("mia");
  const mia = berth.as("mia");
  await berth.pushImage("mia/app", "mia", "private");
  const [admin, user] = [await hubAs(berth, "admin"), await hubAs(berth, "mia")];
  const set = async (isOn: boolean, why = ""): Promise<void> => {
    const { status } = await admin("put", path, { read_only: isOn, reason: why });
    assert.equal(status, 200);
  };

  test("rejects pushes and deletions with the reason, and serves pulls, logins and tokens", async () => {
    const held = await pushBlob(mia, "mia/app", "before");
    await set(true, reason);
    const { body, headers } = await mia.api.post("/v2/mia/app/blobs/uploads/").expect(503);
    const message = `the registry is read-only at the moment: ${reason}`;
    assert.deepEqual(body, { errors: [{ code: "UNAVAILABLE", message }] });
    assert.equal(headers["retry-after"], "60");
    await mia.api.delete(`/v2/mia/app/blobs/${held}`).expect(503);
    await mia.api.delete("/v2/mia/app/manifests/1").expect(503);
    await putManifest(mia, "mia/app", "2", { schemaVersion: 2 }).expect(503);
    const deleted = await user("delete", "/api/berth/v1/repositories/mia/app");
    assert.deepEqual([deleted.status, deleted.body["message"]], [503, message]);
    assert.equal(deleted.headers["retry-after"], "60");

    await mia.api.get("/v2/mia/app/manifests/1").expect(200);
    await mia.api.get(`/v2/mia/app/blobs/${held}`).expect(200);
    await berth.token("mia", "repository:mia/app:pull,push");
    await hubAs(berth, "mia");
    const token = { token_label: "ci", scopes: ["repo:read"] };
    assert.equal((await user("post", "/v2/access-tokens", token)).status, 201);
    await set(false);
    const after = await pushBlob(mia, "mia/app", "after");
    await mia.api.get(`/v2/mia/app/blobs/${after}`).expect(200);
  });

  test("writes the reason into the status line, which docker shows, without other characters than ASCII", async () => {
    await set(true, "Umzug nach Zürich");
    const authorization = `Basic ${Buffer.from("mia:correct horse battery").toString("base64")}`;
    const response = await fetch(`http://127.0.0.1:${berth.port}/v2/mia/app/blobs/uploads/`, {
      method: "POST",
      headers: { authorization },
    });
    await response.arrayBuffer();
    assert.equal(
      response.statusText,
      "Service Unavailable (the registry is read-only at the moment: Umzug nach Z?rich)",
    );
    await set(false);
  });

  test("tells a client without the permission the same as always", async () => {
    await berth.addUser("eve");
    const asEve = () => berth.as("eve").api.post("/v2/mia/app/blobs/uploads/");
    const before = await asEve();
    await set(true);
    const during = await asEve();
    assert.deepEqual([during.status, during.body], [before.status, before.body]);
    await set(false);
  });

  test("is shown to administrators, to pages, and in the audit log", async () => {
    assert.deepEqual((await admin("get", path)).body, {
      ...{ read_only: false, reason: "", since: null, changed_by: null },
    });
    await set(true, reason);
    const { body } = await admin("get", path);
    assert.deepEqual([body["reason"], body["changed_by"]], [reason, "admin"]);
    assert.ok(Math.abs(Date.parse(textOf(body["since"])) - Date.now()) < 60_000);
    const session = await user("get", "/api/berth/v1/session");
    assert.deepEqual(session.body["read_only"], { reason });
    await set(false);
    await set(false);
    const log = await admin(
      "get",
      "/api/berth/v1/admin/audit?account=berth&action=server.read_only",
    );
    const rows = log.body["results"] as unknown as { action: string; data: object }[];
    assert.deepEqual(
      rows.slice(0, 2).map(({ action, data }) => [action, data]),
      [
        ["server.read_only.end", {}],
        ["server.read_only.start", { reason }],
      ],
    );
    assert.equal(rows.filter(({ action }) => action === "server.read_only.end").length % 2, 0);
  });

  test("of another process is obeyed without a restart", async () => {
    await berth.exec("INSERT INTO read_only_mode VALUES (1, 'by another process', 0, 'berth')");
    const post = () => mia.api.post("/v2/mia/app/blobs/uploads/");
    await waitUntil("the push is rejected", async () => (await post()).status === 503);
    await berth.exec("DELETE FROM read_only_mode");
    await waitUntil("the push is accepted", async () => (await post()).status === 202);
  });

  test("rejects a reason of 201 characters, and one with a line break", async () => {
    for (const wrong of ["x".repeat(201), "one\ntwo"])
      assert.equal((await admin("put", path, { read_only: true, reason: wrong })).status, 400);
  });
});
