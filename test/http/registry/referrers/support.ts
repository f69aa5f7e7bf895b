import assert from "node:assert/strict";
import { digestOf, type Digest } from "../../../../src/oci/digest.ts";
import { OCI_EMPTY, OCI_INDEX, OCI_MANIFEST } from "../../../../src/oci/media-types.ts";
import { collect, pushBlob, putManifest, type TestBerth } from "../../../support/berth.ts";

/** A descriptor in a page of referrers. */
export interface Entry {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations?: Record<string, string>;
}

export const sbom = "application/vnd.example.sbom.v1+json";
export const signature = "application/vnd.example.signature";
export const subject = digestOf(Buffer.from("a subject that was never pushed"));
const bySubject = { mediaType: OCI_MANIFEST, digest: subject, size: 7 };

/** A small image manifest with a subject. Its config `{}` must be in the repository. */
export const artifact = (fields: object): Buffer =>
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

export const index = (fields: object): Buffer =>
  Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: [],
      subject: bySubject,
      ...fields,
    }),
  );

/** Pushes a manifest by digest, and the blob that is its config. */
export async function attach(
  berth: TestBerth,
  repository: string,
  manifest: Buffer,
): Promise<Digest> {
  await pushBlob(berth, repository, "{}");
  const type = JSON.parse(manifest.toString()).mediaType;
  await putManifest(berth, repository, digestOf(manifest), manifest, type).expect(201);
  return digestOf(manifest);
}

/** Reads one page of referrers. `next` is the path of its Link. */
export async function readPage(berth: TestBerth, path: string) {
  const { body, headers } = await berth.api.get(path).buffer(true).parse(collect).expect(200);
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
}

export const list = (berth: TestBerth, repository: string, query = "", digest: string = subject) =>
  readPage(berth, `/v2/${repository}/referrers/${digest}${query}`);

export const digests = (page: { readonly entries: readonly Entry[] }): Digest[] =>
  page.entries.map((entry) => entry.digest);
