import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startClosedBerth } from "../../support/closed.ts";

const berth = await startClosedBerth({
  mirrors: JSON.stringify([{ namespace: "docker.io", upstream: "http://127.0.0.1:1" }]),
});
await berth.addUser("mia");
await berth.addUser("eve");

/** Writes a repository with one image per build of Windows, or one for Linux. */
async function write(name: string, builds: readonly string[], visibility = "public") {
  const namespace = name.slice(0, name.indexOf("/"));
  const repository = { name, namespace, visibility, created_at: 0, updated_at: 0 };
  await berth.tables.insert("repositories", repository);
  const id = Number(await berth.tables.value("SELECT id FROM repositories WHERE name = ?", name));
  const platforms =
    builds.length === 0
      ? [{ os: "linux", architecture: "arm64" }]
      : builds.map((build) => ({ os: "windows", architecture: "amd64", os_version: build }));
  for (const [at, platform] of platforms.entries())
    await berth.tables.insert("manifests", {
      ...{ repository_id: id, digest: `sha256:${name}-${at}`, media_type: "a/b", kind: "image" },
      ...{ size_bytes: 1, pushed_at: 0, leased_until: 0, content: Buffer.of(0), ...platform },
    });
}
await write("mia/both", ["10.0.20348.2762", "10.0.26100.2314"]);
await write("mia/linux", []);
await write("mia/old", ["10.0.20348.1"], "private");
await write("team/other", ["10.0.203480.1"]);
await write("docker.io/library/web", ["10.0.20348.9"]);

const search = async (query: string, user?: string) => {
  const { api } = user === undefined ? berth : berth.as(user);
  const { body } = await api.get(`/api/berth/v1/search?${query}`).expect(200);
  return body as { readonly count: number; readonly results: readonly { readonly name: string }[] };
};
const namesOf = async (query: string, user?: string): Promise<readonly string[]> => {
  const { count, results } = await search(query, user);
  assert.equal(count, results.length);
  return results.map(({ name }) => name).toSorted();
};

describe("Berth's own search", () => {
  test("of namespaces finds only their repositories, as far as the caller may read them", async () => {
    assert.deepEqual(await namesOf("namespace=mia"), ["mia/both", "mia/linux"]);
    assert.deepEqual(await namesOf("namespace=mia,team&os=windows", "mia"), [
      ...["mia/both", "mia/old", "team/other"],
    ]);
    assert.deepEqual(await namesOf("namespace=mia,team&os=windows", "eve"), [
      ...["mia/both", "team/other"],
    ]);
    assert.deepEqual(await namesOf("namespace=none"), []);
  });

  test("where=hosted and where=mirrored separate the repositories of mirrors from the others", async () => {
    assert.deepEqual(await namesOf("where=mirrored"), ["docker.io/library/web"]);
    assert.deepEqual(await namesOf("where=hosted"), ["mia/both", "mia/linux", "team/other"]);
    assert.deepEqual(await namesOf("where=mirrored&namespace=mia,docker.io"), [
      "docker.io/library/web",
    ]);
    assert.deepEqual(await namesOf("where=mirrored&namespace=mia"), []);
    assert.deepEqual(await namesOf("where=hosted&namespace=team,docker.io"), ["team/other"]);
    assert.equal((await namesOf("where=")).length, 4);
  });

  test("where=mirrored finds nothing in a registry without mirrors", async () => {
    const other = await startClosedBerth();
    await other.addUser("mia");
    await other.pushImage("mia/app", "mia", "public");
    const countOf = async (where: string): Promise<number> =>
      (await other.api.get(`/api/berth/v1/search?where=${where}`).expect(200)).body.count;
    assert.deepEqual([await countOf("mirrored"), await countOf("hosted")], [0, 1]);
  });

  test("an os_version with a * at its end matches all versions that begin so", async () => {
    assert.deepEqual(await namesOf("os_version=10.0.20348.*"), [
      ...["docker.io/library/web", "mia/both"],
    ]);
    assert.deepEqual(await namesOf("os_version=10.0.20348*&where=hosted", "mia"), [
      ...["mia/both", "mia/old", "team/other"],
    ]);
    assert.deepEqual(await namesOf("os_version=10.0.26*,10.0.203480.1"), [
      ...["mia/both", "team/other"],
    ]);
    assert.deepEqual(await namesOf("os_version=10.0.20348"), []);
    assert.deepEqual(await namesOf("os_version=*.20348"), []);
    assert.equal((await namesOf("os_version=*")).length, 3);
  });

  test("rejects a name that no namespace has, 101 namespaces, and an unknown place", async () => {
    const many = Array.from({ length: 101 }, (_, at) => `n${at}`).join(",");
    for (const query of ["namespace=Mia!", `namespace=${many}`, "where=elsewhere"])
      await berth.api.get(`/api/berth/v1/search?${query}`).expect(400);
  });
});
