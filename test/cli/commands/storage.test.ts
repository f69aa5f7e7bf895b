import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { pattern } from "../../storage/bytes.ts";
import { collect, pushBlob, pushImageParts, putManifest, startBerth } from "../../support/berth.ts";
import { databaseSettings } from "../../support/database.ts";
import { startS3Stub } from "../../support/s3/stub.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { berth as run, nested } from "../support.ts";

const MiB = 2 ** 20;

describe("berth storage copy", () => {
  const folder = temporaryFolder();
  const file = (name: string, content: object): string => {
    const target = path.join(folder, name);
    writeFileSync(target, JSON.stringify(content));
    return target;
  };

  test("copies a running registry to S3, resumes after a failure, and copies it back", async (t) => {
    const stub = await startS3Stub();
    t.after(() => stub.close());
    const data = mkdtempSync(path.join(folder, "data-"));
    const s3 = {
      bucket: "berth",
      endpoint: stub.endpoint,
      forcePathStyle: true,
      accessKeyId: "berth",
      secretAccessKey: "berth-secret",
      partSize: "5MiB",
    };
    const settings = await databaseSettings(data);
    const ofDatabase = nested(settings);
    const toS3 = file("s3.yaml", { data, storage: { driver: "s3", s3 }, ...ofDatabase });
    const copy = (from: readonly string[], to: string) =>
      run(["storage", "copy", ...from, "--to", to]);

    const berth = await startBerth(data);
    const { manifest } = await pushImageParts(berth, "team/app");
    await putManifest(berth, "team/app", "1", manifest).expect(201);
    const large = await pushBlob(berth, "team/app", pattern(11 * MiB));

    let left = 1;
    stub.fault = ({ operation }) =>
      operation === "complete" && left-- > 0
        ? { refuse: { status: 403, code: "AccessDenied" } }
        : undefined;
    const cut = await copy(["--data", data], toS3);
    assert.equal(cut.code, 1, cut.stderr);
    assert.match(cut.stdout, /^failed: sha256:.*AccessDenied/m);
    assert.match(cut.stdout, /^copied 2 blobs, .*; 0 were copied before; 1 failed$/m);
    const whole = await copy(["--data", data], toS3);
    assert.equal(whole.code, 0, whole.stdout + whole.stderr);
    assert.match(whole.stdout, /^copied 1 blobs, 11.0 MiB; 2 were copied before; 0 failed$/m);
    assert.match(whole.stdout, /a server runs: stop it and copy again to finish the move\n$/);
    assert.equal(stub.bucket.multiparts.size, 0);

    const late = await pushBlob(berth, "team/app", "pushed meanwhile");
    await berth.close();
    const last = await copy(["--data", data], toS3);
    assert.match(last.stdout, /no server starts on the source any more\n$/);
    assert.equal(last.code, 0);

    const check = await run(["check", "--config", toS3]);
    assert.equal(check.code, 0, check.stdout + check.stderr);
    const moved = await startBerth(data, {
      "storage.driver": "s3",
      ...Object.fromEntries(Object.entries(s3).map(([k, v]) => [`storage.s3.${k}`, String(v)])),
    });
    for (const digest of [large, late])
      await moved.api.get(`/v2/team/app/blobs/${digest}`).expect(200);
    const again = await pushBlob(moved, "team/app", pattern(6 * MiB));
    await moved.close();

    const home = path.join(folder, "home");
    mkdirSync(home);
    const toHome = file("home.yaml", { data: home, ...ofDatabase });
    const back = await copy(["--config", toS3], toHome);
    assert.equal(back.code, 0, back.stdout + back.stderr);
    assert.ok(readdirSync(path.join(home, "blobs", "multipart")).length > 0);
    for (const name of readdirSync(data).filter((entry) => entry.startsWith("berth.db")))
      copyFileSync(path.join(data, name), path.join(home, name));
    const returned = await startBerth(home, settings);
    const got = await returned.api
      .get(`/v2/team/app/blobs/${again}`)
      .buffer(true)
      .parse(collect)
      .expect(200);
    assert.equal(Buffer.compare(got.body, pattern(6 * MiB)), 0);
    await returned.close();
    assert.equal((await run(["check", "--config", toHome])).code, 0);
  });

  test("marks the source store, so that no server starts on it until content is copied back", async () => {
    const [from, to] = ["from", "to"].map((name) => mkdtempSync(path.join(folder, `${name}-`)));
    assert.ok(from !== undefined && to !== undefined);
    const berth = await startBerth(from);
    await pushBlob(berth, "team/app", "moved");
    await berth.close();
    const toTarget = file("target.yaml", { data: to });
    assert.equal((await run(["storage", "copy", "--data", from, "--to", toTarget])).code, 0);

    const started = await run(["serve", "--data", from, "--listen", "127.0.0.1:0"]);
    assert.match(started.stderr, /have been moved to another store by "berth storage copy"/);
    assert.equal(started.code, 1);

    for (const name of readdirSync(from).filter((entry) => entry.startsWith("berth.db")))
      copyFileSync(path.join(from, name), path.join(to, name));
    const ofDatabase = nested(await databaseSettings(from));
    const toSource = file("source.yaml", { data: from });
    const fromTarget = file("from-target.yaml", { data: to, ...ofDatabase });
    assert.equal(
      (await run(["storage", "copy", "--config", fromTarget, "--to", toSource])).code,
      0,
    );
    assert.equal((await run(["check", "--data", from])).code, 0);
  });

  test("leaves the source store usable with --keep-source", async () => {
    const [from, to] = ["kept", "backup"].map((name) => mkdtempSync(path.join(folder, `${name}-`)));
    assert.ok(from !== undefined && to !== undefined);
    await (await startBerth(from)).close();
    const target = file("backup.yaml", { data: to });
    const copied = await run(["storage", "copy", "--keep-source", "--data", from, "--to", target]);
    assert.equal(copied.code, 0);
    await (await startBerth(from)).close();
  });

  test("keeps no bytes in the target store whose digest differs from their blob", async () => {
    const [from, to] = ["bad", "clean"].map((name) => mkdtempSync(path.join(folder, `${name}-`)));
    assert.ok(from !== undefined && to !== undefined);
    const berth = await startBerth(from);
    const digest = await pushBlob(berth, "team/app", "right");
    await berth.close();
    const shard = path.join("blobs", "sha256", digest.slice(7, 9));
    const [name = ""] = readdirSync(path.join(from, shard));
    writeFileSync(path.join(from, shard, name), "wrong");
    const target = file("clean.yaml", { data: to });
    const { code, stdout } = await run(["storage", "copy", "--data", from, "--to", target]);
    assert.match(stdout, new RegExp(`^failed: ${digest}: .*the digest of the bytes is`, "m"));
    assert.equal(code, 1);
    assert.deepEqual(readdirSync(path.join(to, shard)), []);
    await (await startBerth(from)).close();
  });

  test("rejects a target of another database, the source itself, and an incomplete configuration", async () => {
    const [one, other] = ["one", "other"].map((name) => mkdtempSync(path.join(folder, `${name}-`)));
    assert.ok(one !== undefined && other !== undefined);
    for (const data of [one, other]) await (await startBerth(data)).close();
    const elses = await run([
      "storage",
      "copy",
      "--data",
      one,
      "--to",
      file("other.yaml", { data: other }),
    ]);
    assert.equal(elses.code, 1);
    assert.match(elses.stderr, /^berth: .*belongs to another database/);
    const same = await run([
      "storage",
      "copy",
      "--data",
      one,
      "--to",
      file("same.yaml", { data: one }),
    ]);
    assert.equal(same.code, 1);
    assert.match(same.stderr, /names the source folder/);
    const nowhere = file("nowhere.yaml", { storage: { driver: "s3" } });
    const refused = await run(["storage", "copy", "--data", one, "--to", nowhere]);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /storage\.s3\.bucket/);
  });
});
