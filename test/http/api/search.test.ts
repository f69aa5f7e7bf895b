import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { SearchAnswer } from "../../../src/api/search.ts";
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
  return body as SearchAnswer;
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

  test("counts the repositories that the caller may read for each value, with facets=true", async () => {
    const { facets } = await search("facets=true&where=hosted");
    assert.deepEqual(facets, {
      os: [
        { value: "windows", count: 2 },
        { value: "linux", count: 1 },
      ],
      os_version: [
        { value: "10.0.20348*", count: 1 },
        { value: "10.0.203480.1", count: 1 },
        { value: "10.0.26100*", count: 1 },
      ],
      architecture: [
        { value: "amd64", count: 2 },
        { value: "arm64", count: 1 },
      ],
      type: [{ value: "unrecognized", count: 3 }],
    });
    const own = await search("facets=true&where=hosted", "mia");
    assert.deepEqual(own.facets?.os, [
      { value: "windows", count: 3 },
      { value: "linux", count: 1 },
    ]);
    assert.deepEqual(own.facets.os_version?.[0], { value: "10.0.20348*", count: 2 });
    assert.ok(!("facets" in (await search("where=hosted"))));
    assert.ok(!("facets" in (await search("facets=false"))));
  });

  test("a filter does not restrict the counts of its own facet, but those of the others", async () => {
    const { count, facets } = await search("facets=true&os=linux&architecture=amd64");
    assert.equal(count, 0);
    assert.deepEqual(facets, {
      os: [{ value: "windows", count: 3 }],
      os_version: [],
      architecture: [{ value: "arm64", count: 1 }],
      type: [],
    });
  });

  test("a build of Windows counts once, however many updates of it a repository has", async () => {
    await write("win/updates", ["10.0.17763.1", "10.0.17763.2", "10.0.17763"]);
    const { facets } = await search("facets=true&query=updates");
    assert.deepEqual(facets?.os_version, [{ value: "10.0.17763*", count: 1 }]);
    assert.deepEqual(await namesOf("os_version=10.0.17763*"), ["win/updates"]);
  });

  test("has no counts for a text without letters, and none beyond the last page", async () => {
    const { facets } = await search("facets=true&query=---");
    assert.deepEqual(facets, { os: [], os_version: [], architecture: [], type: [] });
    await berth.api.get("/api/berth/v1/search?facets=true&page=9").expect(404);
  });

  test("has at most 50 values of a facet, the most frequent first", async () => {
    await write(
      "big/many",
      Array.from({ length: 60 }, (_, at) => `6.${at}.1`),
    );
    await write("big/few", ["6.59.1"]);
    const { facets } = await search("facets=true&namespace=big");
    assert.equal(facets?.os_version?.length, 50);
    assert.deepEqual(facets.os_version[0], { value: "6.59.1", count: 2 });
  });

  test("says where the words of the search are: in the name, the description or the README", async () => {
    await write("text/worter", []);
    const id = await berth.tables.value("SELECT id FROM repositories WHERE name = 'text/worter'");
    const texts = { short_text: "Café für Züge", full_text: "Fährt nach Gleis" };
    await berth.tables.insert("repository_descriptions", { repository_id: Number(id), ...texts });
    const matchedBy = async (query: string) =>
      (await search(`query=${encodeURIComponent(query)}`)).results.map(({ matched }) => matched);
    assert.deepEqual(await matchedBy("wor"), ["name"]);
    assert.deepEqual(await matchedBy("TEXT/worter"), ["name"]);
    assert.deepEqual(await matchedBy("cafe"), ["description"]);
    assert.deepEqual(await matchedBy("worter CAFÉ zug"), ["description"]);
    assert.deepEqual(await matchedBy("gleis"), ["readme"]);
    assert.deepEqual(await matchedBy("worter gleis"), ["readme"]);
    const sorted = await search("query=gleis&sort=updated_at");
    assert.deepEqual(
      sorted.results.map(({ matched }) => matched),
      ["readme"],
    );
    const all = await search("namespace=text");
    assert.deepEqual(
      all.results.map(({ matched }) => matched),
      [null],
    );
  });
});
