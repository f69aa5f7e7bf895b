import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { pushImageParts, putManifest, type TestBerth } from "../../support/berth.ts";
import { describeApi, describeSharedApi } from "../../support/describe-api.ts";
import { password, startClosedBerth } from "../../support/closed.ts";
import { isPostgresTested } from "../../support/postgres.ts";
import { waitUntil } from "../../support/wait.ts";

type Api = TestBerth["api"];

/** The value of a metric with exactly these labels; 0 if it is absent. */
async function valueOf(
  api: Api,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  const { text } = await api.get("/metrics").expect(200);
  const wanted = Object.entries(labels)
    .map(([label, value]) => `${label}="${value}"`)
    .toSorted();
  for (const line of text.split("\n")) {
    const [, found, shown = "", value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    const same = (shown.match(/\w+="[^"]*"/g) ?? []).toSorted().join() === wanted.join();
    if (found === name && same) return Number(value);
  }
  return 0;
}

const manifests = "/v2/*name/manifests/:reference";

/** Two replicas answer for themselves, two workers together. */
const describeServer = isPostgresTested ? describeApi : describeSharedApi;

describeServer("the metrics of the registry", (berth) => {
  const value = (name: string, labels?: Readonly<Record<string, string>>): Promise<number> =>
    valueOf(berth().api, name, labels);
  const requests = (route: string, method: string, status: string): Promise<number> =>
    value("berth_http_requests_total", { route, method, status });

  test("count each request by the pattern of its route, its method and the class of its status", async () => {
    const before = {
      gets: await requests(manifests, "GET", "2xx"),
      heads: await requests(manifests, "HEAD", "2xx"),
      missing: await requests(manifests, "GET", "4xx"),
      others: await requests("none", "GET", "4xx"),
    };
    const { manifest, digest } = await pushImageParts(berth(), "team/app");
    await putManifest(berth(), "team/app", "1", manifest).expect(201);
    for (let times = 0; times < 4; times += 1) {
      await berth().api.get("/v2/team/app/manifests/1").expect(200);
      // The Koa pipeline answers a request with a query.
      await berth().api.get(`/v2/team/app/manifests/${digest}?slow`).expect(200);
      await berth().api.head("/v2/team/app/manifests/1").expect(200);
      await berth().api.get(`/v2/team/app/manifests/none-${times}`).expect(404);
      await berth().api.get(`/no/such/page-${times}`).set("Accept", "application/json");
    }
    await waitUntil("all are counted", async () => {
      const gets = await requests(manifests, "GET", "2xx");
      return gets - before.gets === 8 && (await requests("none", "GET", "4xx")) > before.others;
    });
    assert.equal((await requests(manifests, "HEAD", "2xx")) - before.heads, 4);
    assert.equal((await requests(manifests, "GET", "4xx")) - before.missing, 4);
    assert.equal(await requests(manifests, "PUT", "2xx"), 1);
    const { text } = await berth().api.get("/metrics").expect(200);
    assert.doesNotMatch(text, /team|none-\d|page-\d/, "a label has no text of a client");
  });

  test("count pulls, pushes, operations of the store and changes of the database", async () => {
    const [pulls, pushes] = [await value("berth_pulls_total"), await value("berth_pushes_total")];
    const { manifest, layer } = await pushImageParts(berth(), "team/counted");
    await putManifest(berth(), "team/counted", "1", manifest).expect(201);
    await berth().api.get("/v2/team/counted/manifests/1").expect(200);
    await berth().api.get(`/v2/team/counted/blobs/${layer}`).expect(200);
    assert.equal((await value("berth_pulls_total")) - pulls, 1);
    assert.equal((await value("berth_pushes_total")) - pushes, 1);
    const operations = { outcome: "succeeded", operation: "put" };
    assert.ok((await value("berth_blob_store_operations_total", operations)) >= 2);
    assert.ok((await value("berth_database_commands_total", { outcome: "succeeded" })) >= 3);
    assert.ok((await value("berth_database_command_duration_seconds_count")) >= 3);
    assert.equal(await value("berth_database_writer_queue"), 0);
  });

  test("show the open uploads, the size of the database, and that its parts work", async () => {
    const before = await value("berth_uploads_open");
    await berth().api.post("/v2/team/app/blobs/uploads/").expect(202);
    await berth()
      .api.patch(await beginUpload())
      .send("bytes")
      .expect(202);
    await waitUntil(
      "the upload is shown",
      async () => (await value("berth_uploads_open")) > before,
    );
    assert.ok((await value("berth_database_size_bytes")) > 10_000);
    assert.equal(await value("berth_part_up", { part: "database" }), 1);
    assert.equal(await value("berth_part_up", { part: "storage" }), 1);
    assert.equal(await value("berth_blobs_missing"), 0);
  });

  const beginUpload = async (): Promise<string> => {
    const { headers } = await berth().api.post("/v2/team/app/blobs/uploads/").expect(202);
    return String(headers["location"]);
  };

  test("have the OpenMetrics format for a client that accepts it", async () => {
    const { headers, text } = await berth()
      .api.get("/metrics")
      .set("Accept", "application/openmetrics-text; version=1.0.0")
      .buffer(true)
      .parse((response, done) => {
        let body = "";
        response.on("data", (piece: Buffer) => (body += piece.toString()));
        response.on("end", () => done(null, body));
      })
      .expect(200)
      .then((response) => ({ headers: response.headers, text: String(response.body) }));
    assert.match(headers["content-type"] ?? "", /^application\/openmetrics-text/);
    assert.match(text, /\n# EOF\n$/);
  });
});

describe("the metrics of a registry with accounts", () => {
  test("count issued tokens, and logins by their outcome", async () => {
    const berth = await startClosedBerth();
    await berth.addUser("ann");
    await berth.token("ann", "repository:ann/app:pull");
    await berth.token(undefined);
    const wrong = berth.as("ann", "wrong");
    let status = 0;
    for (let tries = 0; tries < 40 && status !== 429; tries += 1)
      ({ status } = await berth.as("ann", `wrong ${tries}`).api.get("/token"));
    assert.equal(status, 429);
    await wrong.api.get("/token").expect(429);
    const outcome = (of: string) => valueOf(berth.api, "berth_logins_total", { outcome: of });
    assert.equal(await outcome("succeeded"), 1);
    assert.ok((await outcome("failed")) >= 5);
    assert.ok((await outcome("limited")) >= 2);
    assert.equal(await valueOf(berth.api, "berth_tokens_issued_total"), 2);
  });

  test("show the quota and the use of a namespace", async () => {
    const berth = await startClosedBerth();
    await berth.addUser("ann");
    const admin = berth.as("admin", password);
    await admin.api
      .put("/api/berth/v1/admin/quotas/ann")
      .send({ limit: 1_000_000 })
      .expect((response) => assert.ok(response.status < 300, response.text));
    await berth.pushImage("ann/app", "ann", "private");
    const labels = { namespace: "ann" };
    await waitUntil("the use is shown", async () => {
      return (await valueOf(berth.api, "berth_quota_used_bytes", labels)) > 0;
    });
    assert.equal(await valueOf(berth.api, "berth_quota_limit_bytes", labels), 1_000_000);
  });
});

describe("the metrics of a server", async () => {
  const berth = await startClosedBerth();
  const admin = berth.as("admin", password);

  test("show the last collection and the last scrub, and the next ones", async () => {
    for (const task of ["gc", "scrub"])
      await admin.api.post(`/api/berth/v1/admin/${task}`).send({}).expect(202);
    for (const task of ["collector", "scrub"]) {
      await waitUntil(`the ${task} has run`, async () => {
        return (await valueOf(berth.api, `berth_${task}_last_run_success`)) === 1;
      });
      const endedAt = await valueOf(berth.api, `berth_${task}_last_run_timestamp_seconds`);
      assert.ok(Math.abs(endedAt - Date.now() / 1_000) < 60);
      const nextAt = await valueOf(berth.api, `berth_${task}_next_run_timestamp_seconds`);
      assert.ok(nextAt > Date.now() / 1_000 - 60, `${nextAt}`);
    }
    assert.ok((await valueOf(berth.api, "berth_disk_free_bytes")) > 0);
    assert.ok((await valueOf(berth.api, "berth_disk_size_bytes")) > 0);
  });

  test("name the version and the kinds of database and storage", async () => {
    const { text } = await berth.api.get("/metrics").expect(200);
    const kind = isPostgresTested ? "postgres" : "sqlite";
    const labels = `version="\\d.+",node="\\d.+",database="${kind}",storage="filesystem"`;
    assert.match(text, new RegExp(`^berth_build_info\\{${labels}\\} 1$`, "m"));
  });
});
