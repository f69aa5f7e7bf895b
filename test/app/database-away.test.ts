import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { pushBlob, startBerth, type TestBerth } from "../support/berth.ts";
import { startCutConnection, type CutConnection } from "../support/cut-connection.ts";
import { createTestSchema, isPostgresTested } from "../support/postgres.ts";
import { temporaryFolder } from "../support/temporary.ts";

const awayTests = (): void => {
  let schema: Awaited<ReturnType<typeof createTestSchema>>;
  let connection: CutConnection;
  let berth: TestBerth;

  before(async () => {
    schema = await createTestSchema();
    const url = new URL(schema.url);
    connection = await startCutConnection(url.hostname, Number(url.port));
    url.host = `127.0.0.1:${connection.port}`;
    const data = mkdtempSync(`${temporaryFolder()}/away-`);
    const settings = { "database.url": url.href, publicUrl: "http://registry.test" };
    berth = await startBerth(data, settings);
    await pushBlob(berth, "team/app", "before");
  });
  after(async () => {
    connection.restore();
    await berth.close();
    await connection.close();
    await schema.drop();
  });

  const demandUnavailable = async (): Promise<void> => {
    const requests = [
      berth.api.get("/v2/team/app/manifests/latest"),
      berth.api.get("/v2/team/app/tags/list"),
      berth.api.post("/v2/team/app/blobs/uploads/"),
      berth.api.put("/v2/team/app/manifests/latest").send({ schemaVersion: 2 }),
    ];
    const demand = async (asked: (typeof requests)[number]): Promise<void> => {
      const { status, headers, body } = await asked;
      const what = `${asked.method} ${asked.url}`;
      assert.equal(status, 503, what);
      assert.equal(body.errors[0].code, "UNAVAILABLE", what);
      assert.equal(headers["retry-after"], "5", what);
    };
    await Promise.all(requests.map(demand));
  };
  const demandHealth = async (): Promise<void> => {
    await berth.api.get("/healthz").expect(200);
    const beganAtMs = performance.now();
    const { body } = await berth.api.get("/readyz").expect(200);
    assert.ok(performance.now() - beganAtMs < 5_000);
    assert.equal(body.status, "ready");
    assert.deepEqual(Object.keys(body.problems), ["database"]);
  };

  test("requests get 503 with Retry-After while PostgreSQL is down, and work again after it is back", async () => {
    connection.refuse();
    await demandUnavailable();
    await demandHealth();
    connection.restore();
    await pushBlob(berth, "team/app", "after");
  });

  test("requests get 503 with Retry-After while the network is cut, and a replica stays ready", async () => {
    connection.hang();
    await Promise.all([demandUnavailable(), demandHealth()]);
    connection.restore();
    await pushBlob(berth, "team/app", "after the cut");
  });
};

if (isPostgresTested) describe("a replica whose PostgreSQL is away", awayTests);
