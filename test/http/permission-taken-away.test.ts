import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import path from "node:path";
import { after, describe, test } from "node:test";
import SqliteDatabase from "better-sqlite3";
import { hashTokenSecret, generateTokenSecret } from "../../src/auth/tokens/secret.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { OCI_INDEX } from "../../src/oci/media-types.ts";
import { resign } from "../auth/tokens/forged-tokens.ts";
import { connect } from "../server/support.ts";
import { pushBlob, pushImageParts, putManifest } from "../support/berth.ts";
import { everyRoute } from "../support/route-table.ts";
import { password, startClosedBerth } from "../support/closed.ts";

/*
 * Calls every mutating route and takes away the caller's permission during the request, at two points: the request has
 * been authorized and waits for the database, or its last byte has not arrived. The request must write nothing. A route
 * without a row fails the first test.
 */

interface Row {
  readonly target: string;
  readonly body?: string;
  readonly type?: string;
  /** Permission losses that do not affect this route, for example because it needs a password. */
  readonly not?: readonly Way[];
}
type Way = keyof typeof ways;

const berth = await startClosedBerth();
for (const name of ["ann", "mia", "tom", "eve"]) berth.addUser(name);
const team = berth.addOrganisation("team", "ann");
const database = new SqliteDatabase(path.join(berth.data, "berth.db"));
after(() => database.close());
const eve = database.prepare("SELECT id FROM accounts WHERE name = 'eve'").pluck().get() as number;
const join = `INSERT INTO members SELECT ${team}, id, 'owner', 0 FROM accounts WHERE name = 'eve'`;
database.exec(`${join};
  INSERT INTO members SELECT ${team}, id, 'member', 0 FROM accounts WHERE name = 'mia';
  INSERT INTO teams (id, organisation_id, name, created_at) VALUES (1, ${team}, 'devs', 0);
  INSERT INTO team_members SELECT 1, id, 0 FROM accounts WHERE name = 'mia';
  INSERT INTO accounts (name, kind, created_at) VALUES ('other', 'organisation', 0);
  INSERT INTO invites SELECT 'for-eve', id, ${eve}, NULL, 'member', 'root', 0 FROM accounts WHERE name = 'other';
  INSERT INTO invites SELECT 'for-tom', ${team}, id, NULL, 'member', 'ann', 0 FROM accounts WHERE name = 'tom'`);
const personal = generateTokenSecret("personal");
const insertToken = database.prepare(
  "INSERT INTO access_tokens (id, account_id, label, secret_hash, scopes, resources, created_at) VALUES (?, ?, 'x', ?, ?, ?, 0)",
);
insertToken.run("of-eve", eve, hashTokenSecret(personal), '["repo:admin"]', null);
insertToken.run("of-team", team, "no hash", "[]", "[]");

const ann = berth.as("ann");
const { manifest, layer } = await pushImageParts(ann, "team/app");
for (const annotations of [{}, { a: "b" }]) {
  const image = { ...(JSON.parse(manifest.toString()) as object), annotations };
  await putManifest(ann, "team/app", "1", image).expect(201);
}
const spare = await pushBlob(ann, "team/app", "spare");
database.exec(`INSERT INTO stars SELECT ${eve}, id, 0 FROM repositories WHERE name = 'team/app';
  INSERT INTO team_permissions SELECT 1, id, 'read' FROM repositories WHERE name = 'team/app'`);

const ways = {
  "the account is disabled": [
    "UPDATE accounts SET disabled = 1 WHERE name = 'eve'",
    "UPDATE accounts SET disabled = 0 WHERE name = 'eve'",
  ],
  "the member is dismissed": [`DELETE FROM members WHERE user_id = ${eve}`, join],
  "the access token is revoked": [
    "UPDATE access_tokens SET is_active = 0 WHERE id = 'of-eve'",
    "UPDATE access_tokens SET is_active = 1 WHERE id = 'of-eve'",
  ],
} as const;

const json = (path: string, body: object, not: Row["not"] = []): Row => ({
  ...{ target: path, body: JSON.stringify(body), type: "application/json", not },
});
const bare = (target: string, not: Row["not"] = []): Row => ({ target, not });
const noToken = ["the access token is revoked"] as const;
const own = ["the member is dismissed"] as const;
const ownByPassword = [...noToken, ...own] as const;

const bytes = "the bytes of a blob";
const digest = digestOf(Buffer.from(bytes));
const index = JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] });
const blob = (target: string): Row => ({ target, body: bytes, type: "application/octet-stream" });
const upload = async (): Promise<Row> => {
  const { headers } = await berth.as("eve").api.post("/v2/team/app/blobs/uploads/").expect(202);
  return blob(`${String(headers["location"])}&digest=${digest}`);
};
const starts = async (slash: string): Promise<Row[]> => [
  blob(`/v2/team/app/blobs/uploads${slash}?digest=${digest}`),
  bare(`/v2/team/fresh/blobs/uploads${slash}?mount=${layer}&from=team/app`),
];

const repository = (root: string) => ({
  [`PATCH ${root}`]: [json("", { description: "taken over", is_private: false })],
  [`DELETE ${root}`]: [bare("")],
  [`PATCH ${root}/immutabletags`]: [json("/immutabletags", { immutable_tags: true })],
  [`POST ${root}/immutabletags/verify`]: "writes nothing",
  [`POST ${root}/stars`]: "stars once or again: the row is there already",
  [`DELETE ${root}/stars`]: [bare("/stars")],
  [`POST ${root}/groups`]: [json("/groups", { group_id: 1, permission: "admin" })],
  [`PATCH ${root}/groups/:group`]: [json("/groups/devs", { permission: "admin" })],
  [`DELETE ${root}/groups/:group`]: [bare("/groups/devs")],
  [`DELETE ${root}/tags/:tag`]: [bare("/tags/1")],
});
const tokens = (root: string) => ({
  [`POST ${root}`]: [json(root, { token_label: "x", scopes: ["repo:admin"] }, ownByPassword)],
  [`PATCH ${root}/:id`]: [json(`${root}/of-eve`, { is_active: false }, ownByPassword)],
  [`DELETE ${root}/:id`]: [bare(`${root}/of-eve`, ownByPassword)],
});
/** Puts the path of the repository in front of the rows of its routes. */
const at = (root: string, rows: Readonly<Record<string, readonly Row[] | string>>) =>
  Object.fromEntries(
    Object.entries(rows).map(([name, row]) => [
      name,
      typeof row === "string" ? row : row.map((one) => ({ ...one, target: root + one.target })),
    ]),
  );

const hub = "/v2/namespaces/:namespace/repositories/:repository";
const legacy = "/v2/repositories/:namespace/:repository";
const api = "/api/berth/v1/repositories";
const orgTokens = "/v2/orgs/team/access-tokens";
const resources = [{ type: "TYPE_REPO", path: "team/*", scopes: ["scope-image-pull"] }];
const session = "a session of the caller's own shows nothing before it is closed";
const login = "is judged by the credentials in its body, and writes nothing";

const rows: Readonly<Record<string, string | readonly Row[] | (() => Promise<readonly Row[]>)>> = {
  "POST /token": login,
  "POST /v2/users/login": login,
  "POST /v2/auth/token": login,
  "POST /v2/*name/blobs/uploads": () => starts(""),
  "POST /v2/*name/blobs/uploads/": () => starts("/"),
  "PATCH /v2/*name/blobs/uploads/:id": session,
  "PUT /v2/*name/blobs/uploads/:id": async () => [await upload()],
  "DELETE /v2/*name/blobs/uploads/:id": session,
  "DELETE /v2/*name/blobs/:digest": [bare(`/v2/team/app/blobs/${spare}`)],
  "PUT /v2/*name/manifests/:reference": [
    { target: "/v2/team/app/manifests/new", body: index, type: OCI_INDEX },
  ],
  "DELETE /v2/*name/manifests/:reference": [bare("/v2/team/app/manifests/1")],
  ...at("/v2/namespaces/team/repositories/app", repository(hub)),
  ...at("/v2/repositories/team/app", repository(legacy)),
  "POST /v2/namespaces/:namespace/repositories": [
    json("/v2/namespaces/team/repositories", { name: "made" }),
  ],
  ...tokens("/v2/access-tokens"),
  ...tokens("/v2/api_tokens"),
  "POST /v2/orgs/:org/access-tokens": [json(orgTokens, { label: "x", resources }, noToken)],
  "PATCH /v2/orgs/:org/access-tokens/:id": [
    json(`${orgTokens}/of-team`, { label: "changed" }, noToken),
  ],
  "DELETE /v2/orgs/:org/access-tokens/:id": [bare(`${orgTokens}/of-team`, noToken)],
  "PUT /v2/orgs/:org/members/:user": [json("/v2/orgs/team/members/mia", { role: "owner" })],
  "DELETE /v2/orgs/:org/members/:user": [bare("/v2/orgs/team/members/mia")],
  "POST /v2/orgs/:org/groups": [json("/v2/orgs/team/groups", { name: "made" })],
  "PUT /v2/orgs/:org/groups/:group": [json("/v2/orgs/team/groups/devs", { name: "renamed" })],
  "PATCH /v2/orgs/:org/groups/:group": [json("/v2/orgs/team/groups/devs", { name: "renamed" })],
  "DELETE /v2/orgs/:org/groups/:group": [bare("/v2/orgs/team/groups/devs")],
  "POST /v2/orgs/:org/groups/:group/members": [
    json("/v2/orgs/team/groups/devs/members", { member: "ann" }),
    json("/v2/orgs/team/groups/owners/members", { member: "mia" }),
  ],
  "DELETE /v2/orgs/:org/groups/:group/members/:user": [
    bare("/v2/orgs/team/groups/devs/members/mia"),
  ],
  "POST /v2/invites/bulk": [json("/v2/invites/bulk", { org: "team", invitees: ["tom"] })],
  "DELETE /v2/invites/:id": [bare("/v2/invites/for-tom"), bare("/v2/invites/for-eve", own)],
  "PATCH /v2/invites/:id/resend": "does nothing",
  "POST /v2/invites/:id/accept": [bare("/v2/invites/for-eve/accept", own)],
  [`DELETE ${api}/*repository`]: [bare(`${api}/team/app`)],
  [`DELETE ${api}/*repository/-/tags/:tag`]: [bare(`${api}/team/app/-/tags/1`)],
  [`POST ${api}/*repository/-/tags/:tag/rollback`]: [json(`${api}/team/app/-/tags/1/rollback`, {})],
};

const tables = {
  repositories: "name, visibility, immutable_tags, star_count",
  ...{ blobs: "digest", blob_links: "repository_id, blob_id", manifests: "digest" },
  ...{ tags: "name, manifest_id", tag_history: "id", accounts: "*", members: "*", teams: "*" },
  ...{ team_members: "*", team_permissions: "*", collaborators: "*", invites: "*", stars: "*" },
  access_tokens: "id, label, is_active, resources",
  ...{ audit_log: "*", repository_descriptions: "*" },
};
const snapshot = (): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(tables).map(([table, columns]) => [
      table,
      database.prepare(`SELECT ${columns} FROM ${table}`).all(),
    ]),
  );

const authorization = (secret: string): string =>
  `Basic ${Buffer.from(`eve:${secret}`).toString("base64")}`;

/** Sends a request without its last `heldBytes`; the request has been authorized when this resolves. */
async function begin(method: string, row: Row, authorization: string, heldBytes: number) {
  const { target, body = "", type } = row;
  const lines = [
    `${method} ${target} HTTP/1.1`,
    ...["Host: berth", `Authorization: ${authorization}`, "Connection: close"],
    `Content-Length: ${body.length}`,
    ...(type === undefined ? [] : [`Content-Type: ${type}`]),
  ];
  const connection = await connect(berth.port, `${lines.join("\r\n")}\r\n\r\n`);
  connection.socket.write(body.slice(0, body.length - heldBytes));
  // Later requests of the same caller are answered only after this one has been authorized.
  for (let count = 0; count < 3; count += 1)
    await berth.as("eve").api.get("/v2/user/orgs").expect(200);
  return {
    status: async (): Promise<number> => {
      connection.socket.write(body.slice(body.length - heldBytes));
      const [, status] = /^HTTP\/1\.1 (\d+)/.exec(await connection.all()) ?? [];
      return Number(status);
    },
  };
}

const mutating = everyRoute
  .filter(({ method }) => method !== "get")
  .map(({ method, path }) => `${method.toUpperCase()} ${path}`);

test("every mutating route has a row in this file, and every row is a route", () => {
  assert.deepEqual(Object.keys(rows).toSorted(), [...new Set(mutating)].toSorted());
});

const cases = Object.entries(rows).filter(([, row]) => typeof row !== "string");
const rowsOf = (row: (typeof rows)[string]): readonly Row[] | Promise<readonly Row[]> =>
  typeof row === "function" ? row() : (row as readonly Row[]);
const refusals = [401, 403, 404];

for (const [way, [take, giveBack]] of Object.entries(ways)) {
  const secret = way === "the access token is revoked" ? personal : password;
  const isOf = ({ not = [] }: Row): boolean => !not.includes(way as Way);

  describe(`when ${way} during a request`, () => {
    for (const [name, row] of cases)
      test(`${name} is rejected and writes nothing if it was authorized and waits for the database`, async () => {
        for (const one of (await rowsOf(row)).filter(isOf)) {
          const method = name.split(" ")[0] ?? "";
          database.exec("BEGIN IMMEDIATE");
          const request = await begin(method, one, authorization(secret), 0);
          database.exec(take);
          const before = snapshot();
          database.exec("COMMIT");
          const status = await request.status();
          const now = snapshot();
          database.exec(giveBack);
          assert.ok(refusals.includes(status), `${one.target}: ${status}`);
          assert.deepEqual(now, before, one.target);
        }
      });

    for (const [name, row] of cases)
      test(`${name} is rejected and writes nothing if its last byte has not arrived`, async () => {
        for (const one of (await rowsOf(row)).filter(isOf)) {
          if (one.body === undefined) continue;
          const method = name.split(" ")[0] ?? "";
          const request = await begin(method, one, authorization(secret), 1);
          database.exec(take);
          const before = snapshot();
          const status = await request.status();
          const now = snapshot();
          database.exec(giveBack);
          assert.ok(refusals.includes(status), `${one.target}: ${status}`);
          assert.deepEqual(now, before, one.target);
        }
      });
  });
}

describe("when the bearer token expires during a request", () => {
  for (const name of ["PUT /v2/*name/manifests/:reference", "PUT /v2/*name/blobs/uploads/:id"])
    test(`${name} is answered 401 and writes nothing if its last byte has not arrived`, async () => {
      for (const row of await rowsOf(rows[name] ?? [])) {
        const whole = await berth.token("eve", "repository:team/app:pull,push");
        const endsAtMs = (Math.ceil(Date.now() / 1000) + 2) * 1000;
        const key = await berth.key();
        const token = resign(whole, key.privateKey, {
          ...{ exp: endsAtMs / 1000, jti: randomUUID() },
        });
        const request = await begin("PUT", row, `Bearer ${token}`, 1);
        const before = snapshot();
        await new Promise((resolve) => setTimeout(resolve, endsAtMs - Date.now() + 50));
        assert.equal(await request.status(), 401);
        assert.deepEqual(snapshot(), before);
      }
    });
});

test("a mount links nothing if the permission on its source ends while it waits for the database", async () => {
  const row = bare(`/v2/eve/copy/blobs/uploads/?mount=${layer}&from=team/app`);
  database.exec("BEGIN IMMEDIATE");
  const request = await begin("POST", row, authorization(password), 0);
  database.exec(ways["the member is dismissed"][0]);
  const before = snapshot();
  database.exec("COMMIT");
  const status = await request.status();
  const now = snapshot();
  database.exec(join);
  assert.equal(status, 202);
  assert.deepEqual(now, before);
  const mounted = await begin("POST", row, authorization(password), 0);
  assert.equal(await mounted.status(), 201);
});
