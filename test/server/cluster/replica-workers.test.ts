import assert from "node:assert/strict";
import path from "node:path";
import process from "node:process";
import { after, describe, test } from "node:test";
import { digestOf } from "../../../src/oci/digest.ts";
import { launch } from "../../cli/support.ts";
import { createWire } from "../../crash/wire.ts";
import { withDigest } from "../../crash/uploader.ts";
import { createTestSchema, isPostgresTested } from "../../support/postgres.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { waitUntil } from "../../support/wait.ts";

/** Closes the connection after each request, so that another worker gets the next request. */
const headers = { Connection: "close", "Content-Type": "application/octet-stream" };

if (isPostgresTested)
  describe("workers on PostgreSQL", () => {
    test("are replicas of their own: they share uploads, and a killed one is replaced", async () => {
      const schema = await createTestSchema();
      after(() => schema.drop());
      const data = path.join(temporaryFolder(), "data");
      const running = await launch(["serve", "--open", "--data", data, "--listen", "127.0.0.1:0"], {
        BERTH_WORKERS: "2",
        BERTH_DATABASE_URL: schema.url,
        BERTH_PUBLIC_URL: "http://registry.test",
      });
      after(() => running.child.kill("SIGKILL"));
      let log = "";
      running.child.stderr?.on("data", (text: string) => (log += text));
      const banner = await running.until("docker push");
      assert.match(banner, /\(data in PostgreSQL\)/);
      const url = /listens on (http:\/\/\S+)/.exec(banner)?.[1] ?? "";
      const wire = createWire(url);
      after(() => wire.close());

      const pieces = [1, 2, 3, 4].map((index) => Buffer.from(`${index}`.repeat(300_000)));
      const started = await wire.expect(202, "POST", "/v2/team/app/blobs/uploads/", { headers });
      let { location = "" } = started.headers;
      for (const body of pieces)
        ({ location = "" } = (
          await wire.expect(202, "PATCH", location, { body, headers })
        ).headers);
      const digest = digestOf(Buffer.concat(pieces));
      await wire.expect(201, "PUT", withDigest(location, digest), { headers });

      const pids = [...log.matchAll(/"pid":(\d+)[^\n]*"a worker listens"/g)].map(([, pid]) =>
        Number(pid),
      );
      assert.equal(pids.length, 2);
      process.kill(pids[0] ?? 0, "SIGKILL");
      await waitUntil("another worker listens", () => log.split("a worker listens").length > 3);
      await wire.expect(200, "GET", `/v2/team/app/blobs/${digest}`, { headers });
      running.child.kill("SIGTERM");
      assert.equal((await running.ended).code, 0);
    });
  });
