import assert from "node:assert/strict";
import { once } from "node:events";
import { after, describe, mock, test } from "node:test";
import { auditActions } from "../../../../src/database/events/audit.ts";
import { connect } from "../../../server/support.ts";
import { password, startClosedBerth } from "../../../support/closed.ts";
import { endTurn, watchQueries } from "../../../support/statements.ts";
import { hubAs } from "../support.ts";

interface Group {
  readonly label: string;
  readonly actions: readonly { readonly name: string; readonly description: string }[];
}

test("the list of actions has every action of the audit log, also deletions of blobs and manifests", async () => {
  const berth = await startClosedBerth();
  await berth.addUser("mia");
  const mia = await hubAs(berth, "mia");
  const { status, body } = await mia("get", "/v2/auditlogs/mia/actions");
  assert.equal(status, 200);
  const groups = body["actions"] as unknown as Readonly<Record<string, Group>>;
  const listed = Object.entries(groups).flatMap(([group, { actions }]) =>
    actions.map(({ name }) => `${group}.${name}`),
  );
  assert.deepEqual(listed.toSorted(), auditActions.toSorted());
  assert.ok(listed.includes("repo.blob.delete") && listed.includes("repo.manifest.delete"));
  assert.equal(groups["repo"]?.label, "Repositories");
});

describe("the audit logs as CSV", async () => {
  const berth = await startClosedBerth({ "audit.keep": "30d" });
  await berth.addUser("mia");
  await berth.addUser("ann");
  await berth.addUser("root", { is_admin: 1 });
  const mia = berth.as("mia");
  const linesOf = (text: string) => text.trimEnd().split("\r\n");
  const own = "/v2/auditlogs/mia";
  const ofAll = "/api/berth/v1/admin/audit";
  for (const label of ["=1+1", 'a "quoted", label', "-2"])
    await mia.api
      .post("/v2/access-tokens")
      .send({ token_label: label, scopes: ["repo:read"] })
      .expect(201);

  test("have a line for each entry that the list has, and no cell that a spreadsheet runs as a formula", async () => {
    const { text, headers } = await mia.api.get(`${own}?format=csv`).expect(200);
    assert.match(headers["content-type"] ?? "", /^text\/csv/);
    assert.match(
      headers["content-disposition"] ?? "",
      /^attachment; filename="audit-mia-.*\.csv"$/,
    );
    const lines = linesOf(text);
    assert.equal(lines[0], "time,actor,account,action,subject,data");
    const { body } = await mia.api.get(`${own}?page_size=100`).expect(200);
    const { logs } = body as { logs: { timestamp: string; action: string; name: string }[] };
    assert.equal(lines.length, logs.length + 1);
    for (const [at, { timestamp, action }] of logs.entries())
      assert.ok(lines[at + 1]?.startsWith(`${timestamp},mia,mia,${action},`), lines[at + 1]);
    assert.ok(lines.some((line) => line.includes(",'=1+1,")));
    assert.ok(lines.some((line) => line.includes(",'-2,")));
    assert.ok(lines.some((line) => line.includes(',"a ""quoted"", label",')));
    assert.ok(lines.every((line) => !/(?:^|,)"?[=+\-@]/.test(line)));
  });

  test("take the filters of the lists, and are also asked for by Accept", async () => {
    const query = "action=user.access_token&name=-2";
    const { text } = await mia.api.get(`${own}?${query}`).set("Accept", "text/csv").expect(200);
    assert.equal(linesOf(text).length, 2);
    const { headers } = await mia.api.get(`${own}?${query}`).set("Accept", "*/*").expect(200);
    assert.match(headers["content-type"] ?? "", /json/);
    await mia.api.get(`${own}?format=xml`).expect(400);
    const root = berth.as("root");
    const listed = await root.api.get(ofAll).expect(200);
    assert.equal((listed.body as { kept_seconds: number }).kept_seconds, 30 * 86_400);
    const all = await root.api.get(`${ofAll}?format=csv&account=mia&actor=mia`).expect(200);
    const lines = linesOf(all.text);
    assert.equal(lines[0], "time,actor,account,action,subject,data,address");
    assert.ok(lines.length > 3);
    assert.ok(
      lines.slice(1).every((line) => line.endsWith("127.0.0.1")),
      all.text,
    );
    assert.equal(linesOf((await root.api.get(`${ofAll}?format=csv&actor=none`)).text).length, 1);
  });

  test("are whole for a long log, and refused as the lists are", async () => {
    await berth.exec(`INSERT INTO audit_log (at, actor, account, account_id, action, subject, data, peer)
      WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 12000)
      SELECT n, 'mia', 'mia', (SELECT id FROM accounts WHERE name = 'mia'), 'repo.tag.push', 'mia/a:' || n, '{}', ''
      FROM numbers`);
    const { text } = await mia.api.get(`${own}?format=csv&action=repo.tag`).expect(200);
    const subjects = linesOf(text).map((line) => line.split(",")[4]);
    assert.equal(subjects.length, 12_001);
    assert.equal(subjects[1], "mia/a:12000");
    assert.equal(new Set(subjects).size, 12_001);
    const asked = await berth.as("root").api.get(`${ofAll}?format=csv&action=repo.tag`).expect(200);
    assert.equal(linesOf(asked.text).length, 12_001);
    await berth.as("ann").api.get(own).expect(403);
    await berth.as("ann").api.get(`${own}?format=csv`).expect(403);
    await berth.as("ann").api.get(`${ofAll}?format=csv`).expect(403);
    await mia.api.head(`${own}?format=csv`).expect(200);
  });

  test("are not read further when the client disconnects, also if no entry matches", async () => {
    after(() => mock.restoreAll());
    const client = await connect(berth.port);
    let read = 0;
    watchQueries((text) => {
      if (!/from "audit_log"/.test(text)) return;
      read += 1;
      client.socket.destroy();
      endTurn();
    });
    const credentials = btoa(`mia:${password}`);
    client.socket.write(
      `GET ${own}?format=csv&actor=none HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic ${credentials}\r\n\r\n`,
    );
    await once(client.socket, "close");
    for (let trip = 0; trip < 2; trip += 1) await mia.api.get("/v2/").expect(200);
    const readInTime = read;
    for (let trip = 0; trip < 2; trip += 1) await mia.api.get("/v2/").expect(200);
    assert.equal(read, readInTime);
    assert.ok(read > 0 && read < 20, `${read} of 24 pages were read`);
  });

  test("are files with a plain name, whatever the name of the account", async () => {
    const asked = `/v2/auditlogs/${encodeURIComponent('€"/')}?format=csv`;
    const { headers } = await berth.as("root").api.get(asked).expect(200);
    assert.match(
      headers["content-disposition"] ?? "",
      /^attachment; filename="audit-_-[\d-]+\.csv"$/,
    );
  });
});
