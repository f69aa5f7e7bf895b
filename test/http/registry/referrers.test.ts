import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf, type Digest } from "../../../src/oci/digest.ts";
import { OCI_EMPTY, OCI_INDEX, OCI_MANIFEST } from "../../../src/oci/media-types.ts";
import { fallbackTagOf } from "../../../src/oci/reference.ts";
import { collect, describeSharedApi, pushBlob, putManifest } from "../../support/berth.ts";

interface Entry {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations?: Record<string, string>;
}

const sbom = "application/vnd.example.sbom.v1+json";
const signature = "application/vnd.example.signature";
const subject = digestOf(Buffer.from("a subject that was never pushed"));
const bySubject = { mediaType: OCI_MANIFEST, digest: subject, size: 7 };

/** A small image manifest with a subject. Its config `{}` must be in the repository. */
const artifact = (fields: object): Buffer =>
  Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: { mediaType: OCI_EMPTY, digest: digestOf(Buffer.from("{}")), size: 2 },
      layers: [],
      subject: bySubject,
      ...fields,
    }),
  );

const index = (fields: object): Buffer =>
  Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: [],
      subject: bySubject,
      ...fields,
    }),
  );

describeSharedApi("referrers", (berth) => {
  const attach = async (repository: string, manifest: Buffer): Promise<Digest> => {
    await pushBlob(berth(), repository, "{}");
    const type = JSON.parse(manifest.toString()).mediaType;
    await putManifest(berth(), repository, digestOf(manifest), manifest, type).expect(201);
    return digestOf(manifest);
  };

  const read = async (path: string) => {
    const { body, headers } = await berth().api.get(path).buffer(true).parse(collect).expect(200);
    const document = JSON.parse(body.toString());
    assert.equal(headers["content-type"], OCI_INDEX);
    assert.equal(document.schemaVersion, 2);
    assert.equal(document.mediaType, OCI_INDEX);
    const link: string | undefined = headers["link"];
    const filters: string | undefined = headers["oci-filters-applied"];
    return {
      entries: document.manifests as Entry[],
      bytes: body.length as number,
      filters,
      next: link === undefined ? undefined : /^<(\/[^>]+)>; rel="next"$/.exec(link)?.[1],
    };
  };
  const list = (repository: string, query = "", digest: string = subject) =>
    read(`/v2/${repository}/referrers/${digest}${query}`);
  const digests = (page: { entries: readonly Entry[] }): Digest[] =>
    page.entries.map((entry) => entry.digest);

  for (const [where, prepare] of [
    ["a repository that does not exist", async () => undefined],
    ["a repository of blobs only", () => pushBlob(berth(), "empty/blobs", "x")],
  ] as const) {
    test(`${where} answers an empty OCI index`, async () => {
      await prepare();
      const repository = where.endsWith("exist") ? "empty/nothing" : "empty/blobs";
      assert.deepEqual(await list(repository), {
        entries: [],
        bytes: `{"schemaVersion":2,"mediaType":"${OCI_INDEX}","manifests":[]}`.length,
        filters: undefined,
        next: undefined,
      });
    });
  }

  test("HEAD answers the Content-Type of GET without a body", async () => {
    const { headers, text } = await berth()
      .api.head(`/v2/empty/nothing/referrers/${subject}`)
      .expect(200);
    assert.equal(headers["content-type"], OCI_INDEX);
    assert.equal(text ?? "", "");
  });

  for (const digest of ["sha256:abc", "latest", "md5:d41d8cd98f00b204e9800998ecf8427e"]) {
    test(`a request for the invalid digest ${digest} is rejected with 400 DIGEST_INVALID`, async () => {
      const { body } = await berth().api.get(`/v2/empty/blobs/referrers/${digest}`).expect(400);
      assert.equal(body.errors[0].code, "DIGEST_INVALID");
    });
  }

  test("an entry has the type, size, artifactType and annotations of the referrer", async () => {
    const annotations = { "org.example.tool": "scanner", "": 'é \u2028 "' };
    const manifest = artifact({ artifactType: sbom, annotations });
    const digest = await attach("shows/all", manifest);
    const { entries } = await list("shows/all");
    assert.deepEqual(entries, [
      { mediaType: OCI_MANIFEST, digest, size: manifest.length, artifactType: sbom, annotations },
    ]);
  });

  test("an image without artifactType is listed with its config's media type", async () => {
    const manifest = artifact({});
    const digest = await attach("shows/config", manifest);
    const { entries } = await list("shows/config");
    assert.deepEqual(entries, [
      { mediaType: OCI_MANIFEST, digest, size: manifest.length, artifactType: OCI_EMPTY },
    ]);
  });

  test("an index is listed with its artifactType, or without one", async () => {
    const plain = index({});
    const typed = index({ artifactType: sbom });
    await attach("shows/index", plain);
    await attach("shows/index", typed);
    const { entries } = await list("shows/index");
    const byDigest = new Map(entries.map((entry) => [entry.digest, entry]));
    assert.deepEqual(byDigest.get(digestOf(plain)), {
      mediaType: OCI_INDEX,
      digest: digestOf(plain),
      size: plain.length,
    });
    assert.equal(byDigest.get(digestOf(typed))?.artifactType, sbom);
  });

  test("a referrer is listed only for its subject and only in its repository", async () => {
    await attach("only/here", artifact({ artifactType: sbom }));
    await pushBlob(berth(), "only/there", "x");
    assert.deepEqual((await list("only/there")).entries, []);
    assert.deepEqual((await list("only/here", "", digestOf(Buffer.of(1)))).entries, []);
  });

  for (const [name, query] of [
    ["encoded", encodeURIComponent(sbom)],
    ["with a bare +", sbom],
  ]) {
    test(`the artifactType filter (${name}) applies, and OCI-Filters-Applied names it`, async () => {
      const wanted = await attach("filter/one", artifact({ artifactType: sbom }));
      await attach("filter/one", artifact({ artifactType: signature }));
      const page = await list("filter/one", `?artifactType=${query}`);
      assert.deepEqual(digests(page), [wanted]);
      assert.equal(page.filters, "artifactType");
    });
  }

  test("a filter without a match answers an empty list with OCI-Filters-Applied", async () => {
    await attach("filter/none", artifact({ artifactType: sbom }));
    const page = await list("filter/none", "?artifactType=application/none");
    assert.deepEqual([page.entries, page.filters], [[], "artifactType"]);
  });

  test("an answer without a filter has no OCI-Filters-Applied", async () => {
    assert.equal((await list("filter/one")).filters, undefined);
  });

  test("a repeated artifactType filter matches any of its values", async () => {
    const both = [
      await attach("filter/or", artifact({ artifactType: sbom })),
      await attach("filter/or", artifact({ artifactType: signature })),
    ];
    await attach("filter/or", artifact({ artifactType: "application/other" }));
    const page = await list("filter/or", `?artifactType=${sbom}&artifactType=${signature}`);
    assert.deepEqual(digests(page), both.toSorted());
  });

  test("a filter with 20 artifact types is accepted, one with 21 is rejected with a message", async () => {
    const wanted = await attach("filter/many", artifact({ artifactType: sbom }));
    const ask = (count: number): string =>
      ["?artifactType=" + sbom, ...Array.from({ length: count - 1 }, (_, at) => `a/${at}`)]
        .join("&artifactType=")
        .concat(`&artifactType=${sbom}`);
    assert.deepEqual(digests(await list("filter/many", ask(20))), [wanted]);
    const subject = digestOf(Buffer.from("any"));
    const { body } = await berth()
      .api.get(`/v2/filter/many/referrers/${subject}${ask(21)}`)
      .expect(400);
    const [error] = (body as { errors: { code: string; message: string }[] }).errors;
    assert.equal(error?.code, "UNSUPPORTED");
    assert.match(error.message, /at most 20 different values of artifactType .* 21 were sent/);
  });

  test("the filter matches the config's media type of an image without artifactType", async () => {
    const digest = await attach("filter/config", artifact({}));
    await attach("filter/config", index({}));
    const page = await list("filter/config", `?artifactType=${encodeURIComponent(OCI_EMPTY)}`);
    assert.deepEqual(digests(page), [digest]);
  });

  test("a deleted referrer is no longer listed; the referrers of a deleted subject still are", async () => {
    const base = artifact({ subject: undefined });
    const owner = await attach("delete/one", base);
    const about = { mediaType: OCI_MANIFEST, digest: owner, size: base.length };
    const kept = await attach("delete/one", artifact({ subject: about, artifactType: sbom }));
    const gone = await attach("delete/one", artifact({ subject: about, artifactType: signature }));
    assert.deepEqual(digests(await list("delete/one", "", owner)), [kept, gone].toSorted());
    await berth().api.delete(`/v2/delete/one/manifests/${gone}`).expect(202);
    assert.deepEqual(digests(await list("delete/one", "", owner)), [kept]);
    await berth().api.delete(`/v2/delete/one/manifests/${owner}`).expect(202);
    assert.deepEqual(digests(await list("delete/one", "", owner)), [kept]);
  });

  test("a referrer is listed whether its subject is pushed before it, after it or not at all", async () => {
    const base = artifact({ subject: undefined });
    const about = { mediaType: OCI_MANIFEST, digest: digestOf(base), size: base.length };
    const first = await attach("order/one", artifact({ subject: about, artifactType: sbom }));
    assert.deepEqual(digests(await list("order/one", "", digestOf(base))), [first]);
    await attach("order/one", base);
    assert.deepEqual(digests(await list("order/one", "", digestOf(base))), [first]);
    const second = await attach("order/one", artifact({ subject: about, artifactType: signature }));
    assert.deepEqual(
      digests(await list("order/one", "", digestOf(base))),
      [first, second].toSorted(),
    );
  });

  test("the referrers of a sha512 subject are listed under its sha512 digest", async () => {
    const digest = digestOf(Buffer.from("by sha512"), "sha512");
    const referrer = await attach(
      "sha512/subject",
      artifact({ subject: { mediaType: OCI_MANIFEST, digest, size: 9 } }),
    );
    assert.deepEqual(digests(await list("sha512/subject", "", digest)), [referrer]);
  });

  test("a fallback tag index that an older client pushed neither hides nor duplicates referrers", async () => {
    const manifest = artifact({ artifactType: sbom });
    const digest = await attach("fallback/tag", manifest);
    const entry = { mediaType: OCI_MANIFEST, digest, size: manifest.length, artifactType: sbom };
    const stale = Buffer.from(
      JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [entry] }),
    );
    const tag = fallbackTagOf(subject);
    await putManifest(berth(), "fallback/tag", tag, stale, OCI_INDEX).expect(201);
    assert.deepEqual((await list("fallback/tag")).entries, [entry]);
    await berth().api.get(`/v2/fallback/tag/manifests/${tag}`).expect(200);
    await berth().api.delete(`/v2/fallback/tag/manifests/${digest}`).expect(202);
    assert.deepEqual((await list("fallback/tag")).entries, []);
  });

  test("a fallback tag that was not pushed is answered 404 MANIFEST_UNKNOWN", async () => {
    await pushBlob(berth(), "fallback/none", "x");
    for (const suffix of ["", ".sig", ".att", ".sbom"]) {
      const tag = `${fallbackTagOf(subject)}${suffix}`;
      const { body } = await berth().api.get(`/v2/fallback/none/manifests/${tag}`).expect(404);
      assert.equal(body.errors[0].code, "MANIFEST_UNKNOWN");
    }
  });

  for (const filter of ["", `&artifactType=${encodeURIComponent(sbom)}`]) {
    test(`following the Links returns every referrer exactly once, for every n${filter && ", filtered"}`, async () => {
      const all = [];
      for (let number = 0; number < 7; number += 1) {
        const annotations = { number: String(number) };
        all.push(await attach("pages/one", artifact({ artifactType: sbom, annotations })));
      }
      await attach("pages/one", artifact({ artifactType: signature }));
      if (filter === "") all.push(digestOf(artifact({ artifactType: signature })));
      for (const n of [1, 3, 7, 8, 100_000]) {
        const seen: Digest[] = [];
        let path: string | undefined = `/v2/pages/one/referrers/${subject}?n=${n}${filter}`;
        while (path !== undefined) {
          const page = await read(path);
          assert.ok(page.entries.length > 0 && page.entries.length <= n);
          assert.equal(page.filters, filter === "" ? undefined : "artifactType");
          seen.push(...digests(page));
          path = page.next;
        }
        assert.deepEqual(seen, all.toSorted());
      }
    });
  }

  for (const n of ["-1", "x"]) {
    test(`n=${n} is rejected with 400 PAGINATION_NUMBER_INVALID`, async () => {
      const { body } = await berth()
        .api.get(`/v2/pages/one/referrers/${subject}?n=${n}`)
        .expect(400);
      assert.equal(body.errors[0].code, "PAGINATION_NUMBER_INVALID");
    });
  }

  test("every page is smaller than 4 MiB, and the Links return every referrer", async () => {
    const all = [];
    for (let number = 0; number < 6; number += 1) {
      const annotations = { filler: `${number}${"x".repeat(1_000_000)}` };
      all.push(await attach("pages/large", artifact({ artifactType: sbom, annotations })));
    }
    const seen: Digest[] = [];
    let pages = 0;
    let path: string | undefined = `/v2/pages/large/referrers/${subject}`;
    while (path !== undefined) {
      const page = await read(path);
      assert.ok(page.bytes < 4_194_304, `${page.bytes}`);
      seen.push(...digests(page));
      pages += 1;
      path = page.next;
    }
    assert.deepEqual(seen, all.toSorted());
    assert.ok(pages > 1);
  });

  test("a page with one referrer whose annotations are almost 4 MiB is at most 4 MiB", async () => {
    const shell = (filler: string): Buffer =>
      Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          manifests: [],
          subject: { mediaType: "a/b", digest: subject, size: 1 },
          annotations: { filler },
        }),
      );
    const manifest = shell("x".repeat(4_194_304 - shell("").length));
    await putManifest(berth(), "pages/huge", digestOf(manifest), manifest, OCI_INDEX).expect(201);
    const { bytes, entries } = await list("pages/huge");
    assert.equal(entries.length, 1);
    assert.ok(bytes <= 4_194_304, `${bytes}`);
  });
});
