import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { pushImageParts, putManifest } from "../../support/berth.ts";
import { password, startClosedBerth } from "../../support/closed.ts";
import { berth as run } from "../support.ts";

/* The source is a Berth, which has the API of Docker Hub and the registry at one address. */
describe("berth import registry of Docker Hub", async () => {
  const source = await startClosedBerth();
  const url = `http://127.0.0.1:${source.port}`;
  await source.addUser("mia");
  const mia = source.as("mia");
  await source.pushImage("mia/app", "mia", "private");
  await source.pushImage("mia/tool", "mia", "public");
  const { manifest } = await pushImageParts(mia, "mia/tool");
  // Two pages of tags.
  for (let at = 0; at < 100; at += 1)
    await putManifest(mia, "mia/tool", `1.${at}`, manifest).expect(201);
  const texts = { description: "An app", full_description: "# App\n\nHow to use it" };
  await mia.api.patch("/v2/namespaces/mia/repositories/app").send(texts).expect(200);
  const pushedAtMs = Date.parse("2024-03-01T10:00:00.123Z");
  await source.exec(`UPDATE tags SET updated_at = ${pushedAtMs}`);

  const importInto = (data: string, login: string | undefined, ...args: readonly string[]) =>
    run(
      [
        ...["import", "registry", url, "--hub-api", url, "--data", data, ...args],
        ...(login === undefined ? [] : ["--user", "mia", "--password-stdin"]),
      ],
      {},
      `${login}\n`,
    );

  test("a namespace is imported with push times, descriptions and private repositories", async () => {
    const target = await startClosedBerth();
    const imported = await importInto(target.data, password, "--namespace", "mia");
    assert.equal(imported.code, 0, imported.stdout + imported.stderr);
    assert.match(imported.stdout, /^imported 102 tags, 2 manifests .*; 2 repositories were read$/m);
    const { tables } = target;
    const details = await tables.rows(
      "SELECT name, visibility, short_text, full_text FROM repositories LEFT JOIN repository_descriptions ON repository_id = id ORDER BY name",
    );
    assert.deepEqual(
      details.map((row) => Object.values(row as object)),
      [
        ["mia/app", "private", texts.description, texts.full_description],
        ["mia/tool", "public", null, null],
      ],
    );
    assert.deepEqual(await tables.values("SELECT DISTINCT updated_at FROM tags"), [pushedAtMs]);
  });

  test("without a login only public repositories are imported, and one by its name", async () => {
    const target = await startClosedBerth();
    const listed = await importInto(target.data, undefined, "--namespace", "mia");
    assert.match(listed.stdout, /^imported 101 tags, 1 manifests .*; 1 repositories were read$/m);
    const named = await importInto(target.data, password, "--repository", "mia/app", "mia/none");
    assert.match(named.stdout, /^skipped mia\/none: .* does not have the content$/m);
    assert.match(named.stdout, /^imported 1 tags, 1 manifests /m);
  });

  test("needs a namespace, and ends for a wrong password", async () => {
    const target = await startClosedBerth();
    for (const place of ["docker.io", "https://registry-1.docker.io"]) {
      const refused = await run(["import", "registry", place, "--data", target.data]);
      assert.equal(refused.code, 2);
      assert.match(refused.stderr, /Docker Hub lists no namespaces: name some with --namespace/);
    }
    const wrong = await importInto(target.data, "wrong", "--namespace", "mia");
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /^berth: .*rejects the username and password/);
    const misspelled = await importInto(target.data, password, "--namespace", "mai");
    assert.match(misspelled.stderr, /^berth: the namespace mai has no repositories that this /);
    assert.equal(misspelled.code, 1);
    const both = ["--namespace", "mia", "--repository", "mia/app"];
    assert.equal((await importInto(target.data, password, ...both)).code, 2);
  });
});
