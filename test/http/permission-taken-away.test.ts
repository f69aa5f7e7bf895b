import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, test } from "node:test";
import { resign } from "../auth/tokens/forged-tokens.ts";
import { connect } from "../server/support.ts";
import { password } from "../support/closed.ts";
import { isPostgresTested } from "../support/postgres.ts";
import { everyRoute } from "../support/route-table.ts";
import type { Tables } from "../support/tables.ts";
import { waitUntil } from "../support/wait.ts";
import { bare, rows, type Row, type Way } from "./mutating-requests.ts";
import { berth, join, layer, personal, ways } from "./mutating-world.ts";

/*
 * Calls every mutating route and takes away the caller's permission during the request, at two points: the request has
 * been authorized and waits for the database, or its last byte has not arrived. The request must write nothing. A route
 * without a row fails the first test.
 */

const tables = {
  repositories: "name, visibility, immutable_tags, star_count",
  ...{ blobs: "digest", blob_links: "repository_id, blob_id", manifests: "digest" },
  ...{ tags: "name, manifest_id", tag_history: "id", accounts: "*", members: "*", teams: "*" },
  ...{ team_members: "*", team_permissions: "*", collaborators: "*", invites: "*", stars: "*" },
  access_tokens: "id, label, is_active, resources",
  ...{ browser_sessions: "id", audit_log: "*", repository_descriptions: "*", quotas: "*" },
  ...{
    jobs: "count(CASE WHEN actor IN ('adam', 'eve') THEN 1 END) AS own, max(unwanted) AS unwanted",
    retention_policies: "*",
    mirror_pins: "*",
    added_mirrors: "*",
    webhooks: "*",
    webhook_deliveries: "*",
    signing_keys: "id",
    read_only_mode: "*",
  },
};
const snapshot = async (from = berth.tables): Promise<Readonly<Record<string, unknown>>> => {
  const contents: Record<string, unknown> = {};
  for (const [table, columns] of Object.entries(tables))
    contents[table] = await from.rows(`SELECT ${columns} FROM ${table}`);
  return contents;
};

async function startUpload(): Promise<string> {
  const { headers } = await berth.as("ann").api.post("/v2/ann/other/blobs/uploads/").expect(202);
  return headers["location"] ?? "";
}

/** How many commands wait for a lock. */
const waiting = `SELECT count(*) FROM pg_locks JOIN pg_class ON pg_class.oid = relation
  WHERE NOT granted AND relnamespace = current_schema()::regnamespace`;

/** Does the work while the commands of all requests wait for the database. */
const whileCommandsWait = async <T>(work: (inside: Tables) => Promise<T>): Promise<T> => {
  let other: Promise<string> | undefined;
  const result = await berth.tables.whileWritersWait(async (inside) => {
    // PostgreSQL lets a command read permissions before it waits for the first lock. So another command waits for it, and
    // has the only connection for commands: that of an upload, or one of the server itself.
    if (isPostgresTested) {
      other = startUpload();
      await waitUntil("the other command waits", async () => Boolean(await inside.value(waiting)));
    }
    return await work(inside);
  });
  if (other !== undefined)
    await berth
      .as("ann")
      .api.delete(await other)
      .expect(204);
  return result;
};

const authorization = (secret: string, name = "eve"): string =>
  `Basic ${Buffer.from(`${name}:${secret}`).toString("base64")}`;

let requests = 0;

/** Sends a request without its last `heldBytes`; the request has been authorized when this resolves. */
async function begin(method: string, row: Row, authorization: string, heldBytes: number) {
  const { target, body = "", type } = row;
  // A revoked token is a wrong password, and an address may send few of them.
  requests += 1;
  const lines = [
    `${method} ${target} HTTP/1.1`,
    `X-Forwarded-For: 198.51.${Math.floor(requests / 256)}.${requests % 256}`,
    ...["Host: berth", `Authorization: ${authorization}`, "Connection: close"],
    `Content-Length: ${body.length}`,
    ...(type === undefined ? [] : [`Content-Type: ${type}`]),
  ];
  const connection = await connect(berth.port, `${lines.join("\r\n")}\r\n\r\n`);
  connection.socket.write(body.slice(0, body.length - heldBytes));
  // Later requests of the same caller are answered only after this one has been authorized.
  for (let count = 0; count < 3; count += 1)
    await berth
      .as(row.by ?? "eve")
      .api.get("/v2/user/orgs")
      .expect(200);
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
  const isOfAdministrators = way === "the administrator is demoted";
  const isOf = ({ by, not = [] }: Row): boolean =>
    (by !== undefined) === isOfAdministrators && !not.includes(way as Way);

  describe(`when ${way} during a request`, () => {
    for (const [name, row] of cases)
      test(`${name} is rejected and writes nothing if it was authorized and waits for the database`, async () => {
        for (const one of (await rowsOf(row)).filter(isOf)) {
          const method = name.split(" ")[0] ?? "";
          const { request, before } = await whileCommandsWait(async (inside) => {
            const request = await begin(method, one, authorization(secret, one.by), 0);
            await inside.exec(take);
            return { request, before: await snapshot(inside) };
          });
          const status = await request.status();
          const now = await snapshot();
          await berth.tables.exec(giveBack);
          assert.ok(refusals.includes(status), `${one.target}: ${status}`);
          assert.deepEqual(now, before, one.target);
        }
      });

    for (const [name, row] of cases)
      test(`${name} is rejected and writes nothing if its last byte has not arrived`, async () => {
        for (const one of (await rowsOf(row)).filter(isOf)) {
          if (one.body === undefined) continue;
          const method = name.split(" ")[0] ?? "";
          const request = await begin(method, one, authorization(secret, one.by), 1);
          await berth.tables.exec(take);
          const before = await snapshot();
          const status = await request.status();
          const now = await snapshot();
          await berth.tables.exec(giveBack);
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
        const before = await snapshot();
        await new Promise((resolve) => setTimeout(resolve, endsAtMs - Date.now() + 50));
        assert.equal(await request.status(), 401);
        assert.deepEqual(await snapshot(), before);
      }
    });
});

test("a mount links nothing if the permission on its source ends while it waits for the database", async () => {
  const row = bare(`/v2/eve/copy/blobs/uploads/?mount=${layer}&from=team/app`);
  const { request, before } = await whileCommandsWait(async (inside) => {
    const request = await begin("POST", row, authorization(password), 0);
    await inside.exec(ways["the member is dismissed"][0]);
    return { request, before: await snapshot(inside) };
  });
  const status = await request.status();
  const now = await snapshot();
  await berth.tables.exec(join);
  assert.equal(status, 202);
  assert.deepEqual(now, before);
  const mounted = await begin("POST", row, authorization(password), 0);
  assert.equal(await mounted.status(), 201);
});
