import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../../src/oci/digest.ts";
import { OCI_INDEX } from "../../../src/oci/media-types.ts";
import { pushBlob, putManifest, type TestBerth } from "../../support/berth.ts";
import { describeSharedApi } from "../../support/describe-api.ts";

const manifest = Buffer.from(
  JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] }),
);

async function pushTags(
  berth: TestBerth,
  repository: string,
  tags: readonly string[],
): Promise<void> {
  for (let start = 0; start < tags.length; start += 100) {
    const query = tags.slice(start, start + 100).join("&tag=");
    const reference = `${digestOf(manifest)}?tag=${query}`;
    await putManifest(berth, repository, reference, manifest, OCI_INDEX).expect(201);
  }
}

/** The path in the Link to the next page; clients resolve it against their own host. */
function nextOf(headers: Record<string, string>): string | undefined {
  const link = headers["link"];
  if (link === undefined) return undefined;
  const target = /^<(\/[^>]*)>; rel="next"$/.exec(link)?.[1];
  assert.ok(target, link);
  return target;
}

const bytewise = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

describeSharedApi("tags", (berth) => {
  const list = async (repository: string, query = "") => {
    const { body, headers } = await berth()
      .api.get(`/v2/${repository}/tags/list${query}`)
      .expect(200);
    assert.match(headers["content-type"] ?? "", /^application\/json/);
    assert.equal(body.name, repository);
    return { tags: body.tags as string[], next: nextOf(headers) };
  };

  test("tags are listed in bytewise order", async () => {
    await pushTags(berth(), "tags/order", [
      "b",
      "a",
      "_x",
      "B",
      "10",
      "9",
      "a.b",
      "a-b",
      "A",
      "ab",
    ]);
    assert.deepEqual(await list("tags/order"), {
      tags: ["10", "9", "A", "B", "_x", "a", "a-b", "a.b", "ab", "b"],
      next: undefined,
    });
  });

  test("HEAD answers the Content-Length of GET without a body", async () => {
    await pushTags(berth(), "tags/head", ["1"]);
    const { headers, text } = await berth().api.head("/v2/tags/head/tags/list").expect(200);
    assert.equal(headers["content-length"], String('{"name":"tags/head","tags":["1"]}'.length));
    assert.equal(text ?? "", "");
  });

  test("n limits the list, and a relative Link points to the next page", async () => {
    await pushTags(berth(), "tags/pages", ["1", "2", "3"]);
    assert.deepEqual(await list("tags/pages", "?n=2"), {
      tags: ["1", "2"],
      next: "/v2/tags/pages/tags/list?last=2&n=2",
    });
    assert.deepEqual(await list("tags/pages", "?last=2&n=2"), { tags: ["3"], next: undefined });
  });

  test("a full last page has no Link", async () => {
    await pushTags(berth(), "tags/full", ["1", "2"]);
    assert.deepEqual(await list("tags/full", "?n=2"), { tags: ["1", "2"], next: undefined });
  });

  test("the list starts after the tag in last, also without n", async () => {
    await pushTags(berth(), "tags/last", ["1", "2", "3"]);
    assert.deepEqual((await list("tags/last", "?last=1")).tags, ["2", "3"]);
    assert.deepEqual((await list("tags/last", "?last=3")).tags, []);
  });

  test("the tag in last need not exist", async () => {
    await pushTags(berth(), "tags/gone", ["1", "3"]);
    assert.deepEqual((await list("tags/gone", "?last=2")).tags, ["3"]);
    assert.deepEqual((await list("tags/gone", "?last=%C3%A9%2F")).tags, []);
    assert.deepEqual((await list("tags/gone", "?last=")).tags, ["1", "3"]);
  });

  test("n=0 is answered with an empty list without a Link", async () => {
    await pushTags(berth(), "tags/zero", ["1"]);
    assert.deepEqual(await list("tags/zero", "?n=0"), { tags: [], next: undefined });
  });

  for (const n of ["-1", "x", "1.5", "1e3", "0x10", "%201", "+1", "NaN"]) {
    test(`n=${n} is rejected with 400 PAGINATION_NUMBER_INVALID`, async () => {
      await pushTags(berth(), "tags/number", ["1"]);
      const { body } = await berth().api.get(`/v2/tags/number/tags/list?n=${n}`).expect(400);
      assert.equal(body.errors[0].code, "PAGINATION_NUMBER_INVALID");
    });
  }

  test("an n of 401 digits is limited to the page size", async () => {
    await pushTags(berth(), "tags/huge", ["1"]);
    assert.deepEqual((await list("tags/huge", `?n=1${"0".repeat(400)}`)).tags, ["1"]);
  });

  test("an unknown repository is answered 404 NAME_UNKNOWN", async () => {
    const { body } = await berth().api.get("/v2/tags/nothing/tags/list").expect(404);
    assert.equal(body.errors[0].code, "NAME_UNKNOWN");
  });

  test("a repository without tags is answered with an empty list", async () => {
    await pushBlob(berth(), "tags/none", "only a blob");
    assert.deepEqual((await list("tags/none")).tags, []);
    await pushTags(berth(), "tags/removed", ["1"]);
    await berth().api.delete("/v2/tags/removed/manifests/1").expect(202);
    assert.deepEqual((await list("tags/removed")).tags, []);
  });

  test("the list and the Link have the requested name, `alpine` or `library/alpine`", async () => {
    await pushTags(berth(), "alpine", ["1", "2"]);
    for (const name of ["alpine", "library/alpine"]) {
      const { tags, next } = await list(name, "?n=1");
      assert.deepEqual([tags, next], [["1"], `/v2/${name}/tags/list?last=1&n=1`]);
    }
  });

  test("following the Links returns every tag exactly once, in order", async () => {
    const tag = fc
      .tuple(
        fc.string({
          unit: fc.constantFrom("a", "b", "A", "B", "0", "1", "9", "_"),
          minLength: 1,
          maxLength: 1,
        }),
        fc.string({
          unit: fc.constantFrom("a", "b", "A", "B", "0", "1", "9", "_", ".", "-"),
          maxLength: 3,
        }),
      )
      .map((parts) => parts.join(""));
    let repositories = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(tag, { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 1, max: 12 }),
        async (tags, n) => {
          const repository = `tags/property${(repositories += 1)}`;
          await pushTags(berth(), repository, tags);
          const seen: string[] = [];
          let path: string | undefined = `/v2/${repository}/tags/list?n=${n}`;
          while (path !== undefined) {
            const { body, headers } = await berth().api.get(path).expect(200);
            assert.ok(body.tags.length <= n && body.tags.length > 0);
            seen.push(...body.tags);
            path = nextOf(headers);
          }
          assert.deepEqual(seen, tags.toSorted(bytewise));
        },
      ),
      { numRuns: 25 },
    );
  });
});

describeSharedApi(
  "tags, a hundred a page",
  (berth) => {
    const tags = Array.from({ length: 101 }, (_, index) => `t${String(index).padStart(3, "0")}`);

    for (const query of ["", "?n=10000", "?n=101"]) {
      test(`a list of 101 tags with the query "${query}" is cut at 100 and has a Link`, async () => {
        await pushTags(berth(), "tags/many", tags);
        const { body, headers } = await berth()
          .api.get(`/v2/tags/many/tags/list${query}`)
          .expect(200);
        assert.deepEqual(body.tags, tags.slice(0, 100));
        const rest = await berth()
          .api.get(nextOf(headers) ?? "")
          .expect(200);
        assert.deepEqual(rest.body.tags, tags.slice(100));
        assert.equal(nextOf(rest.headers), undefined);
      });
    }
  },
  { "limits.pageSize": "100" },
);
