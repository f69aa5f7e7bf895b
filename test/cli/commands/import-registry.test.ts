import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import path from "node:path";
import { describe, test, type TestContext } from "node:test";
import { pushImageParts, putManifest, startBerth, type TestBerth } from "../../support/berth.ts";
import { password, startClosedBerth } from "../../support/closed.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { pullImage } from "../support/imports.ts";
import { berth as run } from "../support.ts";

describe("berth import registry", async () => {
  const folder = temporaryFolder();
  const source = await startClosedBerth();
  const url = `http://127.0.0.1:${source.port}`;
  const admin = source.as("admin");
  await source.addUser("mia");
  for (const name of ["mia/app", "library/solo"]) await source.pushImage(name, "admin", "private");
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const digest = await pullImage(admin, "mia/app", "1");
  const subject = { mediaType, digest, size: 1 };
  const sbom = await pushImageParts(admin, "mia/app", { layer: "an sbom", extra: { subject } });
  await putManifest(admin, "mia/app", sbom.digest, sbom.manifest).expect(201);

  async function openTarget(t: TestContext): Promise<TestBerth> {
    const berth = await startBerth(mkdtempSync(path.join(folder, "data-")));
    t.after(() => berth.close());
    return berth;
  }
  const importInto = (data: string, args: readonly string[], given = password) =>
    run(
      ["import", "registry", url, "--data", data, "--user", "admin", "--password-stdin", ...args],
      {},
      `${given}\n`,
    );

  test("imports all repositories of the catalog with a login, and the referrers of their tags", async (t) => {
    const berth = await openTarget(t);
    const imported = await importInto(berth.data, ["--to", "other"]);
    assert.equal(imported.code, 0, imported.stdout + imported.stderr);
    assert.match(imported.stdout, /^imported 2 tags, 3 manifests .*; 2 repositories were read$/m);
    assert.equal(await pullImage(berth, "mia/app", "1"), digest);
    await pullImage(berth, "mia/app", sbom.digest);
    await pullImage(berth, "library/solo", "1");
    const again = await importInto(berth.data, []);
    assert.match(again.stdout, /^2 tags were there$/m);
  });

  test("imports the named repositories, and tells which one the registry does not have", async (t) => {
    const berth = await openTarget(t);
    const named = ["--repository", "mia/app", "mia/none"];
    const { code, stdout } = await importInto(berth.data, named);
    assert.equal(code, 1);
    assert.match(stdout, /^skipped mia\/none: /m);
    assert.match(stdout, /^imported 1 tags, 2 manifests /m);
  });

  test("ends with one line for a wrong password, and for a registry that does not answer", async (t) => {
    const berth = await openTarget(t);
    const wrong = await importInto(berth.data, [], "wrong");
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /^berth: .*rejects the username and password.*\n$/);
    const gone = await run(["import", "registry", "http://127.0.0.1:1", "--data", berth.data]);
    assert.equal(gone.code, 1);
    assert.match(gone.stderr, /^berth: .*; the same command continues later\n$/);
    const misnamed = await run(["import", "registry", `${url}/team/app`, "--data", berth.data]);
    assert.deepEqual(
      [misnamed.code, /is not the URL of a registry/.test(misnamed.stderr)],
      [2, true],
    );
  });
});
