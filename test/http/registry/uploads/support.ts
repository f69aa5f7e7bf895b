import assert from "node:assert/strict";
import { digestOf, type DigestAlgorithm } from "../../../../src/oci/digest.ts";
import { collect, type TestBerth } from "../../../support/berth.ts";

export const repository = "team/app";

/** Starts an upload and returns its Location. */
export async function startUpload(berth: TestBerth, query = ""): Promise<string> {
  const { headers } = await berth.api.post(`/v2/${repository}/blobs/uploads/${query}`).expect(202);
  assert.equal(headers["range"], "0-0");
  assert.match(headers["location"] ?? "", /^\/v2\/team\/app\/blobs\/uploads\/[^?]+\?.+/);
  assert.ok(headers["location"]?.includes(String(headers["docker-upload-uuid"])));
  assert.equal(headers["content-length"], "0");
  return headers["location"] ?? "";
}

/** The URL of the PUT that closes the upload with these bytes. */
export const closing = (
  location: string,
  bytes: Buffer,
  algorithm: DigestAlgorithm = "sha256",
): string => `${location}&digest=${digestOf(bytes, algorithm)}`;

/** Appends bytes to an upload, with this Content-Range. */
export function patch(berth: TestBerth, location: string, bytes: Buffer, range?: string) {
  const request = berth.api.patch(location).set("Content-Type", "application/octet-stream");
  if (range !== undefined) void request.set("Content-Range", range);
  return request.send(bytes);
}

/** The Range header of the upload's status. */
export const rangeOf = async (berth: TestBerth, location: string): Promise<string | undefined> =>
  (await berth.api.get(location).expect(204)).headers["range"];

/** Asserts that the repository has the blob with these bytes. */
export async function expectBlob(berth: TestBerth, digest: string, bytes: Buffer): Promise<void> {
  const got = await berth.api
    .get(`/v2/${repository}/blobs/${digest}`)
    .buffer(true)
    .parse(collect)
    .expect(200);
  assert.equal(Buffer.compare(got.body, bytes), 0);
}
