import assert from "node:assert/strict";
import type { Berth } from "./berth.ts";
import type { ForeignServer } from "./foreign-server.ts";
import type { Content, PlatformIndex } from "./platform-index.ts";
import type { RegistryReader } from "./registry-reader.ts";

/** Pushes an index with its images and blobs to a repository over plain HTTP. */
export async function seed(
  registry: Pick<RegistryReader, "request">,
  name: string,
  tag: string,
  { root, children, blobs }: PlatformIndex,
): Promise<void> {
  for (const { descriptor, bytes } of blobs)
    await pushBlob(registry, name, descriptor.digest, bytes);
  for (const child of children) await pushManifest(registry, name, child.descriptor.digest, child);
  await pushManifest(registry, name, tag, root);
}

async function pushBlob(
  registry: Pick<RegistryReader, "request">,
  name: string,
  digest: string,
  bytes: Buffer,
): Promise<void> {
  const start = await registry.request(`/v2/${name}/blobs/uploads/`, { method: "POST" });
  assert.equal(start.status, 202);
  const location = new URL(start.headers.get("location") ?? "", start.url);
  location.searchParams.set("digest", digest);
  const end = await fetch(location, { method: "PUT", body: bytes });
  assert.equal(end.status, 201, await end.text());
}

async function pushManifest(
  registry: Pick<RegistryReader, "request">,
  name: string,
  reference: string,
  { descriptor, bytes }: Content,
): Promise<void> {
  const response = await registry.request(`/v2/${name}/manifests/${reference}`, {
    method: "PUT",
    headers: { "content-type": descriptor.mediaType },
    body: bytes,
  });
  assert.equal(response.status, 201, await response.text());
}

/** Adds the foreign layers to the server, for clients that download them. */
export function offerForeign(server: ForeignServer, { foreign }: PlatformIndex): void {
  for (const { descriptor, bytes } of foreign) {
    server.offer(new URL(descriptor.urls?.[0] ?? "").pathname.slice(1), bytes);
  }
}

/** Checks that a repository has the same bytes of the index, its images and blobs, and no foreign layer. */
export async function assertHolds(
  berth: Berth,
  name: string,
  reference: string,
  { root, children, blobs, foreign }: PlatformIndex,
): Promise<void> {
  await assertManifest(berth, name, reference, root);
  for (const child of children) await assertManifest(berth, name, child.descriptor.digest, child);
  for (const { descriptor, bytes } of blobs) {
    const stored = await berth.blob(name, descriptor.digest);
    assert.equal(stored.status, 200, `${descriptor.mediaType} ${descriptor.digest} is missing`);
    assert.ok(stored.bytes.equals(bytes), `${descriptor.digest} came back with other bytes`);
  }
  for (const { descriptor } of foreign) {
    assert.equal((await berth.blob(name, descriptor.digest)).status, 404);
  }
}

/** Checks that a repository has the same bytes of a manifest, with its media type and digest. */
export async function assertManifest(
  berth: Berth,
  name: string,
  reference: string,
  { descriptor, bytes }: Content,
): Promise<void> {
  const stored = await berth.manifest(name, reference);
  assert.equal(stored.status, 200, `${name} ${reference} is missing`);
  assert.equal(stored.digest, descriptor.digest);
  assert.equal(stored.mediaType, descriptor.mediaType);
  assert.ok(stored.bytes.equals(bytes), `${reference} came back with other bytes`);
}
