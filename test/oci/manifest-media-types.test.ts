import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseManifest } from "../../src/oci/manifest.ts";
import * as types from "../../src/oci/media-types.ts";
import {
  artifact,
  bytesOf,
  digestFor,
  dockerImage,
  ociImage,
  ociIndex,
  type Body,
} from "./manifest-fixtures.ts";
import { errorOf } from "./oracle.ts";

describe("the media type of a manifest", () => {
  test("is the Content-Type header without parameters", () => {
    const header = `${types.OCI_MANIFEST}; charset=utf-8`;
    assert.equal(parseManifest(bytesOf(ociImage), header).mediaType, types.OCI_MANIFEST);
  });

  test("is the mediaType of the body when the header is missing or empty", () => {
    for (const header of [undefined, "", " "]) {
      assert.equal(parseManifest(bytesOf(dockerImage), header).mediaType, types.DOCKER_MANIFEST);
    }
  });

  test("is inferred from the fields as OCI when header and body have none", () => {
    const { mediaType: _, ...image } = dockerImage;
    assert.equal(parseManifest(bytesOf(image), undefined).mediaType, types.OCI_MANIFEST);
    const { mediaType: __, ...index } = ociIndex;
    assert.equal(parseManifest(bytesOf(index), undefined).mediaType, types.OCI_INDEX);
    assert.equal(parseManifest(bytesOf(index), types.DOCKER_MANIFEST_LIST).kind, "index");
    errorOf("MANIFEST_INVALID", () => parseManifest(bytesOf({ schemaVersion: 2 }), undefined));
  });

  test("must be equal in header and body, or the manifest is rejected", () => {
    const mismatches: readonly [Body, string][] = [
      [ociImage, types.DOCKER_MANIFEST],
      [ociImage, types.OCI_INDEX],
      [ociImage, "application/json"],
      [ociImage, types.OCI_MANIFEST.toUpperCase()],
      [{ ...ociImage, mediaType: `${types.OCI_MANIFEST}; v=1` }, types.OCI_MANIFEST],
      [{ ...ociImage, mediaType: 2 }, types.OCI_MANIFEST],
      [{ ...ociImage, mediaType: "" }, types.OCI_MANIFEST],
    ];
    for (const [body, header] of mismatches) {
      errorOf("MANIFEST_INVALID", () => parseManifest(bytesOf(body), header));
    }
    const body = { ...ociIndex, mediaType: `${types.OCI_INDEX};v=1` };
    errorOf("MANIFEST_INVALID", () => parseManifest(bytesOf(body), undefined));
  });

  test("is rejected when the header is not a type/subtype", () => {
    for (const header of ["json", "*/*", "a/b, c/d", ";", "/"]) {
      errorOf("MANIFEST_INVALID", () => parseManifest(bytesOf({}), header));
    }
  });

  test("in upper case is validated like the same type in lower case", () => {
    const header = types.OCI_MANIFEST.toUpperCase();
    const { mediaType: _, ...image } = ociImage;
    assert.equal(parseManifest(bytesOf(image), header).references.length, 4);
    errorOf("MANIFEST_INVALID", () => parseManifest(bytesOf({}), header));
  });
});

describe("a manifest of an unknown media type", () => {
  const header = "application/vnd.example.thing.v3+json";

  test("is opaque and has no references, for any values of known fields", () => {
    const body = { schemaVersion: "three", config: "none of ours", layers: 7 };
    const manifest = parseManifest(bytesOf(body), header);
    assert.deepEqual(manifest, { mediaType: header, kind: "opaque", references: [] });
    assert.equal(parseManifest(bytesOf({ mediaType: header }), undefined).kind, "opaque");
  });

  test("has a subject, an artifact type and annotations if they are valid", () => {
    const { subject, annotations } = artifact;
    const whole = parseManifest(bytesOf({ subject, annotations, artifactType: "a/b" }), header);
    assert.equal(whole.subject?.digest, digestFor("the image"));
    assert.equal(whole.artifactType, "a/b");
    assert.deepEqual(whole.annotations, annotations);

    const broken = { subject: { digest: "x" }, annotations: { a: 1 }, artifactType: "a/b" };
    assert.deepEqual(parseManifest(bytesOf(broken), header), {
      mediaType: header,
      kind: "opaque",
      artifactType: "a/b",
      references: [],
    });
  });

  test("references every object with a digest at any depth, except its subject", () => {
    const named = (content: string) => ({ digest: digestFor(content), size: content.length });
    const body = {
      subject: named("the subject"),
      blobs: [{ ...named("a blob"), mediaType: "a/b" }, named("a blob")],
      deep: { er: [{ digest: digestFor("deeper") }, { digest: "no digest" }] },
    };
    const { references } = parseManifest(bytesOf(body), header);
    assert.deepEqual(
      references.map(({ digest, mediaType, sizeBytes, kind, required }) => ({
        ...{ digest, mediaType, sizeBytes, kind, required },
      })),
      [
        {
          ...{ digest: digestFor("a blob"), mediaType: "a/b", sizeBytes: 6 },
          ...{ kind: "child", required: false },
        },
        {
          ...{ digest: digestFor("deeper"), mediaType: types.OCTET_STREAM, sizeBytes: 0 },
          ...{ kind: "child", required: false },
        },
      ],
    );
  });

  test("is rejected unless it is strict JSON, an object and one kind of document", () => {
    const refused = [
      "[]",
      "null",
      '"x"',
      "",
      "{",
      '{"a":1,"a":2}',
      "{}{}",
      '{"manifests":[],"layers":[]}',
    ];
    for (const text of [
      ...refused,
      '{"Subject":{}}',
      '{"MediaType":"a/b"}',
      '{"mediaType":"c/d"}',
    ]) {
      errorOf("MANIFEST_INVALID", () => parseManifest(new TextEncoder().encode(text), header));
    }
  });
});
