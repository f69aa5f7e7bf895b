import type { Connection } from "./connection.ts";
import { digestOf } from "./content.ts";
import { manifestType, type Blob, type Image } from "./image.ts";
import { expectStatus } from "./push.ts";

/** Pulls the manifest `reference` and throws unless its bytes are equal. */
export async function pullManifest(
  connection: Connection,
  repository: string,
  reference: string,
  { manifest, digest }: Image,
): Promise<void> {
  const target = `/v2/${repository}/manifests/${reference}`;
  const headers = { Accept: manifestType };
  const { body } = await expectStatus(connection, 200, { method: "GET", target, headers });
  if (digestOf(body) !== digest || !body.equals(manifest))
    throw new Error(`wrong bytes: ${target}`);
}

/** Pulls the blob and compares every byte as it arrives. Throws if a byte is wrong or missing. */
export async function pullBlob(
  connection: Connection,
  repository: string,
  { digest, content }: Blob,
): Promise<number> {
  const target = `/v2/${repository}/blobs/${digest}`;
  let wrong = false;
  const { bodyBytes } = await expectStatus(connection, 200, {
    method: "GET",
    target,
    sink: (chunk, offset) => (wrong ||= !content.matches(offset, chunk)),
  });
  if (wrong || bodyBytes !== content.sizeBytes) throw new Error(`wrong bytes: ${target}`);
  return bodyBytes;
}

/** Pulls as a client without a cache does: the manifest by tag, then by digest, then the blobs. */
export async function pullImage(
  connection: Connection,
  repository: string,
  tag: string,
  image: Image,
): Promise<number> {
  await pullManifest(connection, repository, tag, image);
  await pullManifest(connection, repository, image.digest, image);
  let sizeBytes = 2 * image.manifest.length;
  for (const blob of image.blobs) sizeBytes += await pullBlob(connection, repository, blob);
  return sizeBytes;
}
