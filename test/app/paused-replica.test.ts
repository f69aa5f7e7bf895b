import assert from "node:assert/strict";
import http from "node:http";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { digestOf } from "../../src/oci/digest.ts";
import { launch, type Running } from "../cli/support.ts";
import { withDigest } from "../crash/uploader.ts";
import { createWire, type Wire } from "../crash/wire.ts";
import { createTestSchema, isPostgresTested } from "../support/postgres.ts";
import { startS3Stub, type S3Stub } from "../support/s3/stub.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { waitUntil } from "../support/wait.ts";

const headers = { "Content-Type": "application/octet-stream" };

interface Replica {
  readonly running: Running;
  readonly url: string;
  readonly wire: Wire;
  readonly leads: () => number;
  readonly ledTimes: () => number;
}

const pausedTests = (driver: "filesystem" | "s3"): void => {
  const data = path.join(temporaryFolder(), "data");
  let schema: Awaited<ReturnType<typeof createTestSchema>>;
  let s3: S3Stub;

  before(async () => {
    schema = await createTestSchema();
    s3 = await startS3Stub();
  });
  after(async () => {
    await s3.close();
    await schema.drop();
  });

  const start = async (): Promise<Replica> => {
    const running = await launch(["serve", "--open", "--data", data, "--listen", "127.0.0.1:0"], {
      BERTH_DATABASE_URL: schema.url,
      BERTH_PUBLIC_URL: "http://registry.test",
      BERTH_STORAGE_DRIVER: driver,
      BERTH_STORAGE_S3_BUCKET: "berth",
      BERTH_STORAGE_S3_ENDPOINT: s3.endpoint,
      BERTH_STORAGE_S3_FORCE_PATH_STYLE: "true",
      BERTH_STORAGE_S3_ACCESS_KEY_ID: "berth",
      BERTH_STORAGE_S3_SECRET_ACCESS_KEY: "berth-secret",
    });
    after(() => running.child.kill("SIGKILL"));
    let log = "";
    running.child.stderr?.on("data", (text: string) => (log += text));
    const url = /listens on (http:\/\/\S+)/.exec(await running.until("docker push"))?.[1] ?? "";
    const wire = createWire(url);
    after(() => wire.close());
    // One of several kinds of work that a replica leads.
    const times = (text: string) => () =>
      log.split("\n").filter((line) => line.includes('"maintenance"') && line.includes(text))
        .length;
    return {
      running,
      url,
      wire,
      leads: times("this replica leads"),
      ledTimes: times("does not lead any more"),
    };
  };

  test("loses its upload and its leadership to another one, and gives both up when it continues", async () => {
    const paused = await start();
    await waitUntil("it leads", () => paused.leads() === 1);
    const other = await start();
    const bytes = Buffer.alloc(2_000_000, "by the other one");
    const { location = "" } = (
      await paused.wire.expect(202, "POST", "/v2/team/app/blobs/uploads/", { headers })
    ).headers;
    const late = http.request(new URL(new URL(location, paused.url).pathname, paused.url), {
      method: "PATCH",
      headers,
    });
    const lateEnded = new Promise<void>((resolve) => late.on("close", resolve));
    const lateBytes = Buffer.alloc(1_000_000, "late");
    late.on("error", () => undefined).write(lateBytes);
    await pause(1_500);
    paused.running.child.kill("SIGSTOP");
    const target = new URL(location, other.url).pathname;
    const patched = await other.wire.expect(202, "PATCH", target, { body: bytes, headers });
    await waitUntil("the other one leads", () => other.leads() === 1);
    paused.running.child.kill("SIGCONT");
    late.write(Buffer.alloc(1_000_000, "later"));
    await lateEnded;
    await waitUntil("it leads no more", () => paused.ledTimes() === 1);
    // What the paused replica had stored before its pause.
    const kept = Number(patched.headers.range?.split("-")[1]) + 1 - bytes.length;
    const whole = Buffer.concat([lateBytes.subarray(0, kept), bytes]);
    const digest = digestOf(whole);
    await other.wire.expect(201, "PUT", withDigest(patched.headers.location ?? "", digest), {
      headers,
    });
    const { body } = await paused.wire.expect(200, "GET", `/v2/team/app/blobs/${digest}`);
    assert.ok(body.equals(whole));
    for (const { running } of [paused, other]) {
      running.child.kill("SIGTERM");
      assert.equal((await running.ended).code, 0);
    }
  });
};

if (isPostgresTested)
  for (const driver of ["filesystem", "s3"] as const)
    describe(`a replica that is paused, with the driver ${driver}`, () => pausedTests(driver));
