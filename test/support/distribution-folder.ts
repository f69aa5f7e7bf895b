import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { digestOf, encodedOf, type Digest } from "../../src/oci/digest.ts";

/** Writes files as a distribution registry does, without the registry. */
export class DistributionWriter {
  /** The rootdirectory of the registry. */
  readonly folder: string;
  readonly #v2: string;

  constructor(folder: string) {
    this.folder = folder;
    this.#v2 = path.join(folder, "docker/registry/v2");
    for (const name of ["repositories", "blobs"])
      mkdirSync(path.join(this.#v2, name), { recursive: true });
  }

  /** The file with the bytes of a digest. */
  blobFile(digest: Digest): string {
    const hex = encodedOf(digest);
    return path.join(this.#v2, "blobs/sha256", hex.slice(0, 2), hex, "data");
  }

  /** A file of a repository, such as `_manifests/tags/1/current/link`. */
  repositoryFile(name: string, file: string): string {
    return path.join(this.#v2, "repositories", name, file);
  }

  writeBlob(bytes: Uint8Array): Digest {
    const digest = digestOf(bytes);
    write(this.blobFile(digest), bytes);
    return digest;
  }

  /** Links a blob in a repository. */
  linkBlob(name: string, digest: Digest): void {
    write(this.repositoryFile(name, `_layers/sha256/${encodedOf(digest)}/link`), digest);
  }

  /** Writes a manifest of a repository and its tags. */
  putManifest(name: string, manifest: object, ...tags: readonly string[]): Digest {
    const digest = this.writeBlob(Buffer.from(JSON.stringify(manifest)));
    write(
      this.repositoryFile(name, `_manifests/revisions/sha256/${encodedOf(digest)}/link`),
      digest,
    );
    for (const tag of tags)
      write(this.repositoryFile(name, `_manifests/tags/${tag}/current/link`), digest);
    return digest;
  }

  /** Writes an image of these layers, which are blobs of the repository afterwards. */
  putImage(name: string, layers: readonly Uint8Array[], ...tags: readonly string[]): Digest {
    const config = Buffer.from(JSON.stringify({ architecture: "amd64", os: "linux", tags }));
    const [first, ...rest] = [config, ...layers].map((bytes, at) => {
      const digest = this.writeBlob(bytes);
      this.linkBlob(name, digest);
      const type = at === 0 ? "config.v1+json" : "layer.v1.tar";
      return { mediaType: `application/vnd.oci.image.${type}`, digest, size: bytes.length };
    });
    return this.putManifest(name, imageManifest({ config: first, layers: rest }), ...tags);
  }
}

export const imageManifest = (fields: object): object => ({
  schemaVersion: 2,
  mediaType: "application/vnd.oci.image.manifest.v1+json",
  ...fields,
});

function write(file: string, bytes: Uint8Array | string): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, bytes);
}
