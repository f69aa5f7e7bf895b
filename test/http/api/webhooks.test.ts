import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digestOf } from "../../../src/oci/digest.ts";
import { accept, startReceiver } from "../../events/receiver.ts";
import { pushImageParts, putManifest } from "../../support/berth.ts";
import { startClosedBerth } from "../../support/closed.ts";
import { waitUntil } from "../../support/wait.ts";
import { hubAs, textOf, type Answer } from "../hub/support.ts";

interface CloudEvent {
  readonly type: string;
  readonly subject: string;
  readonly data: Readonly<Record<string, unknown>>;
}
const root = "/api/berth/v1";
const fieldOf = (answer: Answer, name: string): string => textOf(answer.body[name]);
const results = (answer: Answer) =>
  answer.body["results"] as unknown as readonly Readonly<Record<string, unknown>>[];

describe("webhooks by the API", async () => {
  const berth = await startClosedBerth({ "webhooks.allowedNetworks": "127.0.0.0/8" });
  for (const name of ["ann", "mia"]) await berth.addUser(name);
  await berth.addUser("root", { is_admin: 1 });
  await berth.addOrganisation("team", "ann");
  await berth.pushImage("team/app", "ann", "private");
  const [ann, admin] = [await hubAs(berth, "ann"), await hubAs(berth, "root")];
  const receiver = await startReceiver();
  const path = `${root}/repositories/team/app/-/webhooks`;
  const events = (): readonly CloudEvent[] =>
    receiver.received.map(({ body }) => JSON.parse(body) as CloudEvent);
  const wait = (count: number): Promise<void> =>
    waitUntil(`${count} requests have come`, () => receiver.received.length >= count);

  test("are created with a secret that no other answer has, changed and deleted", async () => {
    const made = await ann("post", path, { url: receiver.url });
    assert.equal(made.status, 201);
    const secret = fieldOf(made, "secret");
    assert.match(secret, /^whsec_[\w-]{43}$/);
    const one = `${path}/${fieldOf(made, "id")}`;
    assert.equal(fieldOf(made, "format"), "cloudevents");
    const wanted = made.body["events"] as unknown as readonly string[];
    assert.ok(wanted.includes("push") && !wanted.includes("pull"), wanted.join(" "));
    const list = await ann("get", path);
    assert.equal(results(list).length, 1);
    assert.ok(!list.text.includes(secret));
    const changed = await ann("patch", one, { events: ["push"], is_active: false });
    assert.deepEqual(changed.body["events"], ["push"]);
    assert.equal(changed.body["is_active"], false);
    const rotated = await ann("post", `${one}/secret`, { secret: "0123456789abcdef" });
    assert.equal(fieldOf(rotated, "secret"), "0123456789abcdef");
    assert.equal(fieldOf(await ann("get", one), "old_secret_until").slice(0, 2), "20");
    assert.equal((await ann("delete", one)).status, 204);
    assert.equal((await ann("get", one)).status, 404);
    assert.equal((await ann("delete", one)).status, 404);
  });

  test("reject addresses and events with a message that names the field", async () => {
    for (const [body, message] of [
      [{ url: "ftp://example.com/" }, /url: must be an absolute/],
      [{ url: "https://user:secret@example.com/" }, /url: may have no user/],
      [{ url: "http://10.0.0.1/" }, /url: 10\.0\.0\.1 is an address that is not public/],
      [{ url: receiver.url, events: [] }, /events/],
      [{ url: receiver.url, format: "hub", events: ["pull"] }, /hub cannot tell of pull/],
      [{ url: receiver.url, secret: "short" }, /secret/],
      [{ url: receiver.url, format: "xml" }, /format/],
    ] as const) {
      const answer = await ann("post", path, body);
      assert.equal(answer.status, 400, JSON.stringify(body));
      assert.match(fieldOf(answer, "message"), message);
    }
  });

  test("of a repository tell of pushes, moved and deleted tags, and of the end of the repository", async () => {
    receiver.received.length = 0;
    const repository = "team/told";
    const parts = await pushImageParts(berth.as("ann"), repository);
    await putManifest(berth.as("ann"), repository, "1", parts.manifest).expect(201);
    const hooks = `${root}/repositories/${repository}/-/webhooks`;
    const { status } = await ann("post", hooks, { url: receiver.url });
    assert.equal(status, 201);
    const other = { ...(JSON.parse(parts.manifest.toString()) as object), annotations: { a: "b" } };
    await putManifest(berth.as("ann"), repository, "1", other).expect(201);
    await ann("patch", `/v2/repositories/${repository}`, { is_private: false });
    await ann("delete", `${root}/repositories/${repository}/-/tags/1`);
    await ann("delete", `${root}/repositories/${repository}`);
    await wait(5);
    const told = events().toSorted((a, b) => (a.type < b.type ? -1 : 1));
    assert.deepEqual(
      told.map(({ type, subject }) => `${type} ${subject}`),
      [
        "berth.push team/told:1",
        "berth.repository.deleted team/told",
        "berth.repository.visibility team/told",
        "berth.tag.deleted team/told:1",
        "berth.tag.moved team/told:1",
      ],
    );
    const [push, , visibility, , moved] = told.map(({ data }) => data);
    assert.equal(push?.["actor"], "ann");
    assert.equal(moved?.["previous_digest"], parts.digest);
    assert.equal(visibility?.["visibility"], "public");
  });

  test("of a namespace tell of new repositories and quotas, and those of the server of everything", async () => {
    receiver.received.length = 0;
    const team = `${root}/namespaces/team/webhooks`;
    const made = await ann("post", team, {
      url: receiver.url,
      events: ["repository.created", "quota.near", "quota.over"],
    });
    const server = await admin("post", `${root}/admin/webhooks`, {
      ...{ url: receiver.url, format: "hub" },
    });
    assert.deepEqual([made.status, server.status], [201, 201]);
    await admin("put", `${root}/admin/quotas/team`, { limit: 1_000_000 });
    const parts = await pushImageParts(berth.as("ann"), "team/new");
    await putManifest(berth.as("ann"), "team/new", "1", parts.manifest).expect(201);
    const used = async (): Promise<number> =>
      Number(await berth.tables.value("SELECT used_bytes FROM quotas WHERE namespace = 'team'"));
    const another = Buffer.from(
      JSON.stringify({
        ...(JSON.parse(parts.manifest.toString()) as object),
        annotations: { c: "d" },
      }),
    );
    const limit = (await used()) + another.length + 10;
    await admin("put", `${root}/admin/quotas/team`, { limit });
    await putManifest(berth.as("ann"), "team/new", "2", another).expect(201);
    for (const at of [1, 2]) {
      const blob = Buffer.alloc(2_000, at);
      await berth
        .as("ann")
        .api.post("/v2/team/new/blobs/uploads/")
        .query({ digest: digestOf(blob) })
        .type("application/octet-stream")
        .send(blob)
        .expect(403);
    }
    await wait(5);
    const subjects = receiver.received.map(({ headers, body }) => {
      const { repository } = JSON.parse(body) as { repository?: { repo_name: string } };
      return `${String(headers["x-berth-event"])} ${repository?.repo_name ?? ""}`.trim();
    });
    assert.deepEqual(subjects.toSorted(), [
      ...["push team/new", "push team/new", "quota.near", "quota.over", "repository.created"],
    ]);
    await ann("delete", `${team}/${fieldOf(made, "id")}`);
    await admin("delete", `${root}/admin/webhooks/${fieldOf(server, "id")}`);
  });

  test("show their deliveries with bodies and answers, page by page, and send them again", async () => {
    receiver.received.length = 0;
    receiver.answer = (response) => void response.writeHead(418).end("a teapot");
    const made = await ann("post", path, { url: receiver.url });
    const one = `${path}/${fieldOf(made, "id")}`;
    const sent: number[] = [];
    for (let at = 0; at < 3; at += 1) {
      const answer = await ann("post", `${one}/ping`);
      assert.equal(answer.status, 202);
      sent.push(Number(answer.body["delivery"]));
    }
    await wait(1);
    const first = `${one}/deliveries/${sent[0]}`;
    await waitUntil("the answer is recorded", async () => {
      const { body } = await ann("get", first);
      return Number(body["attempts"]) > 0;
    });
    const { body } = await ann("get", first);
    assert.deepEqual([body["state"], body["status"], body["answer"]], ["waiting", 418, "a teapot"]);
    assert.equal((JSON.parse(textOf(body["body"])) as CloudEvent).type, "berth.ping");
    const page = await ann("get", `${one}/deliveries?page_size=2`);
    assert.deepEqual(
      results(page).map(({ id }) => id),
      [sent[2], sent[1]],
    );
    const next = new URL(fieldOf(page, "next"));
    const rest = await ann("get", next.pathname + next.search);
    assert.deepEqual([results(rest).map(({ id }) => id), rest.body["next"]], [[sent[0]], null]);
    receiver.answer = accept;
    for (const id of sent) await ann("post", `${one}/deliveries/${id}/redeliver`);
    await waitUntil("all are delivered", async () => {
      const delivered = await ann("get", `${one}/deliveries?state=delivered`);
      return results(delivered).length === 3;
    });
    const dead = await ann("post", `${one}/redeliver`);
    assert.deepEqual([dead.status, dead.body["count"]], [202, 0]);
    for (const wrong of ["9999999", "0", "x"])
      assert.equal((await ann("get", `${one}/deliveries/${wrong}`)).status, 404);
    await ann("delete", one);
  });

  test("tell of pulls if they want them", async () => {
    receiver.received.length = 0;
    const made = await ann("post", path, { url: receiver.url, events: ["pull"] });
    await waitUntil("a pull is told", async () => {
      await berth.as("ann").api.get("/v2/team/app/manifests/1").expect(200);
      return receiver.received.length > 0;
    });
    const [pull] = events();
    assert.deepEqual([pull?.type, pull?.subject], ["berth.pull", "team/app:1"]);
    assert.equal(pull?.data["actor"], "ann");
    await ann("delete", `${path}/${fieldOf(made, "id")}`);
  });

  test("of another scope, and of a repository that the caller may not change, are not there", async () => {
    const made = await ann("post", path, { url: receiver.url });
    const id = fieldOf(made, "id");
    assert.equal((await ann("get", `${root}/namespaces/team/webhooks/${id}`)).status, 404);
    const mia = await hubAs(berth, "mia");
    for (const hidden of [path, `${path}/${id}`, `${path}/${id}/deliveries`])
      assert.equal((await mia("get", hidden)).status, 404);
    assert.equal((await ann("get", `${root}/admin/webhooks`)).status, 403);
    await ann("delete", `${path}/${id}`);
  });

  test("are at most 50 of one scope", async () => {
    for (let at = 0; at < 50; at += 1)
      assert.equal((await ann("post", path, { url: receiver.url })).status, 201);
    const answer = await ann("post", path, { url: receiver.url });
    assert.equal(answer.status, 400);
    assert.match(fieldOf(answer, "message"), /repository team\/app has 50 webhooks/);
  });
});
