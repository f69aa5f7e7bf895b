import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Content, PlatformIndex } from "./platform-index.ts";
import { parseManifest } from "./registry-reader.ts";
import { createTarball } from "./tarball.ts";

const tagAnnotation = "org.opencontainers.image.ref.name";

/** Writes the index as an OCI layout with this tag. */
export function writeOciLayout(
  folder: string,
  tag: string,
  { root, children, blobs }: PlatformIndex,
): void {
  mkdirSync(path.join(folder, "blobs/sha256"), { recursive: true });
  for (const content of [root, ...children, ...blobs]) {
    writeFileSync(blobPath(folder, content), content.bytes);
  }
  const { mediaType, digest, size } = root.descriptor;
  const manifests = [{ mediaType, digest, size, annotations: { [tagAnnotation]: tag } }];
  writeFileSync(path.join(folder, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  writeFileSync(path.join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
}

/** Returns the layout, with the foreign layers, as a tar archive. `name` is the image name after loading. */
export function createLayoutArchive(
  { root, children, blobs, foreign }: PlatformIndex,
  name: string,
): Buffer {
  const annotations = { "io.containerd.image.name": name };
  const manifests = [{ ...root.descriptor, annotations }];
  return createTarball([
    { path: "oci-layout", content: JSON.stringify({ imageLayoutVersion: "1.0.0" }) },
    { path: "index.json", content: JSON.stringify({ schemaVersion: 2, manifests }) },
    ...[root, ...children, ...blobs, ...foreign].map(({ descriptor, bytes }) => ({
      path: `blobs/${descriptor.digest.replace(":", "/")}`,
      content: bytes,
    })),
  ]);
}

/** Checks that a layout that a client wrote contains the same bytes as the index. */
export function assertLayoutHolds(folder: string, { root, children, blobs }: PlatformIndex): void {
  const { manifests = [] } = parseManifest(readFileSync(path.join(folder, "index.json")));
  assert.ok(manifests.some(({ digest }) => digest === root.descriptor.digest));
  for (const content of [root, ...children, ...blobs]) {
    assert.ok(
      readFileSync(blobPath(folder, content)).equals(content.bytes),
      `${content.descriptor.digest} came back with other bytes`,
    );
  }
}

function blobPath(folder: string, { descriptor }: Content): string {
  return path.join(folder, "blobs", ...descriptor.digest.split(":"));
}
