import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { countAtMost } from "../../../../src/catalog/search.ts";
import { startClosedBerth } from "../../../support/closed.ts";

const berth = await startClosedBerth();
await berth.addUser("mia");
for (const number of [1, 2, 3]) await berth.pushImage(`mia/web-${number}`, "mia", "public");
await berth.pushImage("mia/web-secret", "mia", "private");
await berth.pushImage("library/web", "admin", "public");
await berth.exec(`UPDATE repositories SET updated_at = id;
  INSERT INTO repository_descriptions SELECT id, 'a server', '' FROM repositories`);

interface Envelope {
  readonly count: number;
  readonly next: string | null;
  readonly previous: string | null;
  readonly results: readonly { repo_name: string; repo_owner: string; is_official: boolean }[];
}

describe("the search routes of Docker Hub", () => {
  test("/v2/search/repositories filters and pages, and its links keep the query", async () => {
    const ask = async (url: string): Promise<Envelope> =>
      (await berth.api.get(url).expect(200)).body as Envelope;
    const path = "/v2/search/repositories/?query=web&page_size=3";
    const first = await ask(path);
    assert.deepEqual(
      first.results.map(({ repo_name, repo_owner, is_official }) => [
        ...[repo_name, repo_owner, is_official],
      ]),
      [
        ["web", "", true],
        ["mia/web-1", "mia", false],
        ["mia/web-2", "mia", false],
      ],
    );
    assert.deepEqual([first.count, first.previous], [4, null]);
    const next = new URL(first.next ?? "");
    const second = await ask(`${next.pathname}${next.search}`);
    assert.deepEqual(
      second.results.map(({ repo_name }) => repo_name),
      ["mia/web-3"],
    );
    assert.equal(second.next, null);
    assert.match(second.previous ?? "", /query=web&page_size=3&page=1$/);
    await berth.api.get(`${path}&page=3`).expect(404);
    const empty = await ask("/v2/search/repositories/?query=absent");
    assert.deepEqual([empty.count, empty.results], [0, []]);
    assert.equal((await ask(`${path}&is_official=true`)).count, 1);
    assert.equal((await ask(`${path}&is_official=false`)).count, 3);
    assert.equal((await ask(`${path}&is_automated=true`)).count, 0);
  });

  test("/api/search/v4 filters, pages and sorts, and rejects an unknown sort with 400", async () => {
    const names = async (query: string) => {
      const { body } = await berth.api.get(`/api/search/v4?query=web&${query}`).expect(200);
      const { results, total } = body as { total: number; results: { name: string }[] };
      return [total, ...results.map(({ name }) => name)];
    };
    assert.deepEqual(await names("from=1&size=2"), [4, "mia/web-1", "mia/web-2"]);
    const newest = await names("sort=updated_at&order=desc");
    assert.deepEqual(newest.slice(1, 3), ["web", "mia/web-3"]);
    assert.deepEqual(await names("operating_systems=linux&architectures=amd64&badges=official"), [
      ...[1, "web"],
    ]);
    assert.deepEqual(await names("operating_systems=windows"), [0]);
    assert.deepEqual(await names("type=helm"), [0]);
    await berth.api.get("/api/search/v4?query=web&sort=magic").expect(400);
  });

  test("/api/content/v1/products/search answers summaries with the description", async () => {
    const { body } = await berth
      .as("mia")
      .api.get("/api/content/v1/products/search?q=web&type=image&source=community")
      .expect(200);
    const { count, page, page_size, summaries } = body as {
      [key: string]: unknown;
      summaries: { name: string; short_description: string }[];
    };
    assert.deepEqual([count, page, page_size, summaries.length], [4, 1, 10, 4]);
    assert.equal(summaries[0]?.short_description, "a server");
  });
});

test("searches and repository lists report a count of at most 10,000", async () => {
  assert.equal(countAtMost, 10_000);
  const large = await startClosedBerth();
  await large.addUser("mia");
  await large.exec(`WITH RECURSIVE numbers(number) AS (SELECT 0 UNION ALL SELECT number + 1 FROM numbers WHERE number < 10000)
    INSERT INTO repositories (name, namespace, visibility, created_at, updated_at)
    SELECT 'mia/many-' || number, 'mia', 'public', 0, 0 FROM numbers`);
  const totalOf = async (url: string): Promise<number> => {
    const { body } = await large.as("mia").api.get(url).expect(200);
    return body.count ?? body.total;
  };
  for (const url of [
    "/v2/search/repositories/?query=many",
    "/api/search/v4?query=many",
    "/api/search/v4?query=many&sort=updated_at&order=desc",
    "/api/content/v1/products/search?q=many",
    "/api/berth/v1/repositories?namespace=mia",
  ])
    assert.equal(await totalOf(url), countAtMost, url);
});
