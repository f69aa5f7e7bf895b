import assert from "node:assert/strict";
import { before, test } from "node:test";
import { pushBlob, putManifest } from "../../support/berth.ts";
import { describeApi } from "../../support/describe-api.ts";

const names = ["team/app", "team-two/app", "team/app/part", "alpine", "zoo/0", "team/ap.p", "0/0"];
const listed = names
  .map((name) => (name.includes("/") ? name : `library/${name}`))
  .toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

describeApi("an empty registry's catalog", (berth) => {
  test("answers an empty list without a Link", async () => {
    const { body, headers } = await berth().api.get("/v2/_catalog").expect(200);
    assert.deepEqual(body, { repositories: [] });
    assert.equal(headers["link"], undefined);
  });
});

describeApi("catalog", (berth) => {
  before(async () => {
    for (const name of names) await pushBlob(berth(), name, "in every repository");
  });

  const list = async (query: string) => {
    const { body, headers } = await berth().api.get(`/v2/_catalog${query}`).expect(200);
    assert.match(headers["content-type"] ?? "", /^application\/json/);
    const link: string | undefined = headers["link"];
    const next = link === undefined ? undefined : /^<(\/[^>]+)>; rel="next"$/.exec(link)?.[1];
    return { repositories: body.repositories as string[], next };
  };

  test("repositories are listed in bytewise order of their full names", async () => {
    assert.deepEqual(await list(""), { repositories: listed, next: undefined });
  });

  test("following the Links returns every repository exactly once, for every n", async () => {
    for (let n = 1; n <= names.length + 1; n += 1) {
      const seen: string[] = [];
      for (let query: string | undefined = `?n=${n}`; query !== undefined;) {
        const { repositories, next } = await list(query);
        assert.ok(repositories.length <= n && repositories.length > 0);
        seen.push(...repositories);
        query = next?.slice("/v2/_catalog".length);
      }
      assert.deepEqual(seen, listed);
    }
  });

  test("the list starts after the name in last, which need not exist", async () => {
    assert.deepEqual((await list("?last=team/app")).repositories, ["team/app/part", "zoo/0"]);
    assert.deepEqual((await list("?last=team/app/a")).repositories, ["team/app/part", "zoo/0"]);
    assert.deepEqual((await list("?last=zzz")).repositories, []);
  });

  test("n=0 is answered with an empty list without a Link", async () => {
    assert.deepEqual(await list("?n=0"), { repositories: [], next: undefined });
  });

  test("an n above the page limit is accepted", async () => {
    assert.deepEqual(await list("?n=99999999"), { repositories: listed, next: undefined });
  });

  for (const n of ["-1", "x"]) {
    test(`n=${n} is rejected with 400 PAGINATION_NUMBER_INVALID`, async () => {
      const { body } = await berth().api.get(`/v2/_catalog?n=${n}`).expect(400);
      assert.equal(body.errors[0].code, "PAGINATION_NUMBER_INVALID");
    });
  }

  test("a repository with only a started upload or a rejected manifest is not listed", async () => {
    await berth().api.post("/v2/begun/upload/blobs/uploads/").expect(202);
    await putManifest(berth(), "refused/manifest", "1", Buffer.from("{}")).expect(400);
    assert.deepEqual((await list("")).repositories, listed);
  });
});

describeApi("a catalog of more than a hundred", (berth) => {
  test("without n answers 100 repositories and a Link", async () => {
    for (let index = 0; index < 101; index += 1)
      await pushBlob(berth(), `many/r${String(index).padStart(3, "0")}`, "x");
    const { body, headers } = await berth().api.get("/v2/_catalog").expect(200);
    assert.equal(body.repositories.length, 100);
    assert.equal(headers["link"], '</v2/_catalog?last=many%2Fr099&n=100>; rel="next"');
    const whole = await berth().api.get("/v2/_catalog?n=200").expect(200);
    assert.equal(whole.body.repositories.length, 101);
    assert.equal(whole.headers["link"], undefined);
  });
});
