import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { pattern } from "../storage/driver-suite.ts";
import { collect, pushBlob, pushImageParts, putManifest, startBerth } from "../support/berth.ts";
import { startS3Stub } from "../support/s3/stub.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { berth as run } from "./support.ts";

const MiB = 2 ** 20;

describe("berth storage copy", () => {
  const folder = temporaryFolder();
  const file = (name: string, content: object): string => {
    const target = path.join(folder, name);
    writeFileSync(target, JSON.stringify(content));
    return target;
  };

  test("moves a registry to S3 while it runs, goes on where it stopped, and moves it back", async (t) => {
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
    const toS3 = file("s3.yaml", { data, storage: { driver: "s3", s3 } });
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
    assert.match(cut.stdout, /^copied 2 blobs, .*; 0 were there already; 1 failed$/m);
    const whole = await copy(["--data", data], toS3);
    assert.equal(whole.code, 0, whole.stdout + whole.stderr);
    assert.match(whole.stdout, /^copied 1 blobs, 11.0 MiB; 2 were there already; 0 failed$/m);
    assert.equal(stub.bucket.multiparts.size, 0);

    const late = await pushBlob(berth, "team/app", "pushed meanwhile");
    await berth.close();
    assert.equal((await copy(["--data", data], toS3)).code, 0);

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
    const toHome = file("home.yaml", { data: home });
    const back = await copy(["--config", toS3], toHome);
    assert.equal(back.code, 0, back.stdout + back.stderr);
    assert.ok(readdirSync(path.join(home, "blobs", "multipart")).length > 0);
    for (const name of readdirSync(data).filter((entry) => entry.startsWith("berth.db")))
      copyFileSync(path.join(data, name), path.join(home, name));
    const returned = await startBerth(home);
    const got = await returned.api
      .get(`/v2/team/app/blobs/${again}`)
      .buffer(true)
      .parse(collect)
      .expect(200);
    assert.equal(Buffer.compare(got.body, pattern(6 * MiB)), 0);
    await returned.close();
    assert.equal((await run(["check", "--data", home])).code, 0);
  });

  test("refuses a store that belongs to another database, and one that can't be copied to", async () => {
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
    assert.match(same.stderr, /the folder that is copied from/);
    const nowhere = file("nowhere.yaml", { storage: { driver: "s3" } });
    const refused = await run(["storage", "copy", "--data", one, "--to", nowhere]);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /storage\.s3\.bucket/);
  });
});
