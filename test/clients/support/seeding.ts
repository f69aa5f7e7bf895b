import assert from "node:assert/strict";
import type { Berth } from "./berth.ts";
import type { ForeignServer } from "./foreign-server.ts";
import type { Content, PlatformIndex } from "./platform-index.ts";

/** Where something can be pushed, which need not be a Berth. */
export type Target = Pick<Berth, "host" | "request">;

/** Puts an index with all that belongs to it into a repository, by plain HTTP. */
export async function seed(
  berth: Target,
  name: string,
  tag: string,
  { root, children, blobs }: PlatformIndex,
): Promise<void> {
  for (const { descriptor, bytes } of blobs) await pushBlob(berth, name, descriptor.digest, bytes);
  for (const child of children) await pushManifest(berth, name, child.descriptor.digest, child);
  await pushManifest(berth, name, tag, root);
}

async function pushBlob(berth: Target, name: string, digest: string, bytes: Buffer): Promise<void> {
  const start = await berth.request(`/v2/${name}/blobs/uploads/`, { method: "POST" });
  assert.equal(start.status, 202);
  const location = new URL(start.headers.get("location") ?? "", `http://${berth.host}`);
  location.searchParams.set("digest", digest);
  const end = await fetch(location, { method: "PUT", body: bytes });
  assert.equal(end.status, 201, await end.text());
}

async function pushManifest(
  berth: Target,
  name: string,
  reference: string,
  { descriptor, bytes }: Content,
): Promise<void> {
  const response = await berth.request(`/v2/${name}/manifests/${reference}`, {
    method: "PUT",
    headers: { "content-type": descriptor.mediaType },
    body: bytes,
  });
  assert.equal(response.status, 201, await response.text());
}

/** The foreign layers are there for those clients that do fetch them. */
export function offerForeign(server: ForeignServer, { foreign }: PlatformIndex): void {
  for (const { descriptor, bytes } of foreign) {
    server.offer(new URL(descriptor.urls?.[0] ?? "").pathname.slice(1), bytes);
  }
}

/** The repository holds the index byte for byte, all it refers to, and no layer that lives elsewhere. */
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

/** One image or index, byte for byte, under its own type and digest. */
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
