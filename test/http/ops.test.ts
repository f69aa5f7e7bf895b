import assert from "node:assert/strict";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { describeApi, startBerth, type TestBerth } from "../support/berth.ts";
import { temporaryFolder } from "../support/temporary.ts";

describeApi("health", (berth) => {
  test("healthz says that the process is alive", async () => {
    const { body } = await berth().api.get("/healthz").expect(200);
    assert.deepEqual(body, { status: "alive" });
    await berth().api.head("/healthz").expect(200);
  });

  test("readyz says that store and database take writes, and is not cached", async () => {
    const { body, headers } = await berth().api.get("/readyz").expect(200);
    assert.deepEqual(body, { status: "ready" });
    assert.equal(headers["cache-control"], "no-store");
    await berth().api.head("/readyz").expect(200);
  });
});

describe("a store that can't be written", () => {
  const folder = temporaryFolder();
  let berth: TestBerth;
  before(async () => {
    berth = await startBerth(path.join(folder, "data"));
  });
  after(() => berth.close());

  /** A file where the folder of the uploads should be: nobody can write there, root included. */
  const broken = async (work: () => Promise<void>): Promise<void> => {
    const uploads = path.join(berth.data, "uploads");
    renameSync(uploads, `${uploads}.aside`);
    writeFileSync(uploads, "");
    try {
      await work();
    } finally {
      rmSync(uploads);
      renameSync(`${uploads}.aside`, uploads);
    }
  };

  test("readyz is 503 and says what is wrong, and where", async () => {
    await broken(async () => {
      const { body } = await berth.api.get("/readyz").expect(503);
      assert.equal(body.status, "not ready");
      assert.deepEqual(Object.keys(body.problems), ["storage"]);
      assert.match(body.problems.storage, /ENOTDIR/);
    });
  });

  test("healthz stays 200: a restart would not help", async () => {
    await broken(async () => {
      await berth.api.get("/healthz").expect(200);
    });
  });

  test("a push fails in the registry's own words, and reading goes on", async () => {
    const { headers } = await berth.api.post("/v2/team/app/blobs/uploads/").expect(202);
    await broken(async () => {
      const { status, body } = await berth.api.patch(String(headers["location"])).send("bytes");
      assert.ok(status >= 500, String(status));
      assert.match(body.errors[0].code, /^(?:UNAVAILABLE|UNKNOWN)$/);
      await berth.api.get("/v2/_catalog").expect(200);
    });
  });

  test("readyz recovers by itself", async () => {
    await broken(async () => {
      await berth.api.get("/readyz").expect(503);
    });
    await berth.api.get("/readyz").expect(200);
  });
});
