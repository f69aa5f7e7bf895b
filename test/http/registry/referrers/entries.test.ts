import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../../../src/oci/digest.ts";
import { OCI_EMPTY, OCI_INDEX, OCI_MANIFEST } from "../../../../src/oci/media-types.ts";
import { fallbackTagOf } from "../../../../src/oci/reference.ts";
import { pushBlob, putManifest } from "../../../support/berth.ts";
import { describeSharedApi } from "../../../support/describe-api.ts";
import { artifact, attach, digests, index, list, sbom, signature, subject } from "./support.ts";

describeSharedApi("the referrers of a manifest", (berth) => {
  for (const [where, prepare] of [
    ["a repository that does not exist", async () => undefined],
    ["a repository of blobs only", () => pushBlob(berth(), "empty/blobs", "x")],
  ] as const) {
    test(`${where} answers an empty OCI index`, async () => {
      await prepare();
      const repository = where.endsWith("exist") ? "empty/nothing" : "empty/blobs";
      assert.deepEqual(await list(berth(), repository), {
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
    const digest = await attach(berth(), "shows/all", manifest);
    const { entries } = await list(berth(), "shows/all");
    assert.deepEqual(entries, [
      { mediaType: OCI_MANIFEST, digest, size: manifest.length, artifactType: sbom, annotations },
    ]);
  });

  test("an image without artifactType is listed with its config's media type", async () => {
    const manifest = artifact({});
    const digest = await attach(berth(), "shows/config", manifest);
    const { entries } = await list(berth(), "shows/config");
    assert.deepEqual(entries, [
      { mediaType: OCI_MANIFEST, digest, size: manifest.length, artifactType: OCI_EMPTY },
    ]);
  });

  test("an index is listed with its artifactType, or without one", async () => {
    const plain = index({});
    const typed = index({ artifactType: sbom });
    await attach(berth(), "shows/index", plain);
    await attach(berth(), "shows/index", typed);
    const { entries } = await list(berth(), "shows/index");
    const byDigest = new Map(entries.map((entry) => [entry.digest, entry]));
    assert.deepEqual(byDigest.get(digestOf(plain)), {
      mediaType: OCI_INDEX,
      digest: digestOf(plain),
      size: plain.length,
    });
    assert.equal(byDigest.get(digestOf(typed))?.artifactType, sbom);
  });

  test("a referrer is listed only for its subject and only in its repository", async () => {
    await attach(berth(), "only/here", artifact({ artifactType: sbom }));
    await pushBlob(berth(), "only/there", "x");
    assert.deepEqual((await list(berth(), "only/there")).entries, []);
    assert.deepEqual((await list(berth(), "only/here", "", digestOf(Buffer.of(1)))).entries, []);
  });

  test("a deleted referrer is no longer listed; the referrers of a deleted subject still are", async () => {
    const base = artifact({ subject: undefined });
    const owner = await attach(berth(), "delete/one", base);
    const about = { mediaType: OCI_MANIFEST, digest: owner, size: base.length };
    const kept = await attach(
      berth(),
      "delete/one",
      artifact({ subject: about, artifactType: sbom }),
    );
    const gone = await attach(
      berth(),
      "delete/one",
      artifact({ subject: about, artifactType: signature }),
    );
    assert.deepEqual(
      digests(await list(berth(), "delete/one", "", owner)),
      [kept, gone].toSorted(),
    );
    await berth().api.delete(`/v2/delete/one/manifests/${gone}`).expect(202);
    assert.deepEqual(digests(await list(berth(), "delete/one", "", owner)), [kept]);
    await berth().api.delete(`/v2/delete/one/manifests/${owner}`).expect(202);
    assert.deepEqual(digests(await list(berth(), "delete/one", "", owner)), [kept]);
  });

  test("a referrer is listed whether its subject is pushed before it, after it or not at all", async () => {
    const base = artifact({ subject: undefined });
    const about = { mediaType: OCI_MANIFEST, digest: digestOf(base), size: base.length };
    const first = await attach(
      berth(),
      "order/one",
      artifact({ subject: about, artifactType: sbom }),
    );
    assert.deepEqual(digests(await list(berth(), "order/one", "", digestOf(base))), [first]);
    await attach(berth(), "order/one", base);
    assert.deepEqual(digests(await list(berth(), "order/one", "", digestOf(base))), [first]);
    const second = await attach(
      berth(),
      "order/one",
      artifact({ subject: about, artifactType: signature }),
    );
    assert.deepEqual(
      digests(await list(berth(), "order/one", "", digestOf(base))),
      [first, second].toSorted(),
    );
  });

  test("the referrers of a sha512 subject are listed under its sha512 digest", async () => {
    const digest = digestOf(Buffer.from("by sha512"), "sha512");
    const referrer = await attach(
      berth(),
      "sha512/subject",
      artifact({ subject: { mediaType: OCI_MANIFEST, digest, size: 9 } }),
    );
    assert.deepEqual(digests(await list(berth(), "sha512/subject", "", digest)), [referrer]);
  });

  test("a fallback tag index that an older client pushed neither hides nor duplicates referrers", async () => {
    const manifest = artifact({ artifactType: sbom });
    const digest = await attach(berth(), "fallback/tag", manifest);
    const entry = { mediaType: OCI_MANIFEST, digest, size: manifest.length, artifactType: sbom };
    const stale = Buffer.from(
      JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [entry] }),
    );
    const tag = fallbackTagOf(subject);
    await putManifest(berth(), "fallback/tag", tag, stale, OCI_INDEX).expect(201);
    assert.deepEqual((await list(berth(), "fallback/tag")).entries, [entry]);
    await berth().api.get(`/v2/fallback/tag/manifests/${tag}`).expect(200);
    await berth().api.delete(`/v2/fallback/tag/manifests/${digest}`).expect(202);
    assert.deepEqual((await list(berth(), "fallback/tag")).entries, []);
  });

  test("a fallback tag that was not pushed is answered 404 MANIFEST_UNKNOWN", async () => {
    await pushBlob(berth(), "fallback/none", "x");
    for (const suffix of ["", ".sig", ".att", ".sbom"]) {
      const tag = `${fallbackTagOf(subject)}${suffix}`;
      const { body } = await berth().api.get(`/v2/fallback/none/manifests/${tag}`).expect(404);
      assert.equal(body.errors[0].code, "MANIFEST_UNKNOWN");
    }
  });
});
