import { mkdir, open as openFile, readFile, rename, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { algorithmOf, createDigester, encodedOf, type Digest } from "../oci/digest.ts";
import { OciError } from "../oci/errors.ts";
import { isJsonObject, parseStrictJson } from "../oci/json.ts";
import { parseManifest } from "../oci/manifest.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { Tag } from "../oci/reference.ts";
import type { Database } from "../database/contract.ts";
import type { Registry } from "../registry/registry.ts";

/** The folder cannot take the export. The message is one line for users. */
export class ExportError extends Error {
  override readonly name = "ExportError";
}

export interface Exported {
  tags: number;
  manifests: number;
  /** Blobs that are new in the folder, and their bytes. */
  blobs: number;
  bytes: number;
  /** Blobs that an earlier run has written. */
  blobsThere: number;
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

const tagAnnotation = "org.opencontainers.image.ref.name";
const referrersAtOnce = 500;

/**
 * Writes images of one repository as an OCI image layout (image-spec image-layout.md), with all platforms and referrers.
 * Blobs that the folder has are not written again, and tags that it has of earlier runs stay. `index.json` is replaced last.
 */
export class LayoutExport {
  readonly sums: Exported = { tags: 0, manifests: 0, blobs: 0, bytes: 0, blobsThere: 0 };
  readonly #registry: Pick<Registry, "blobs" | "manifests">;
  readonly #database: Pick<Database, "manifests">;
  readonly #repository: RepositoryName;
  readonly #folder: string;
  readonly #seen = new Set<Digest>();
  readonly #entries: Descriptor[] = [];
  readonly #missing: (text: string) => void;

  /** @param parts.missing gets a line for content that the registry does not have, such as a platform of a mirror */
  constructor(parts: {
    readonly registry: Pick<Registry, "blobs" | "manifests">;
    readonly database: Pick<Database, "manifests">;
    readonly repository: RepositoryName;
    readonly folder: string;
    readonly missing: (text: string) => void;
  }) {
    this.#registry = parts.registry;
    this.#database = parts.database;
    this.#repository = parts.repository;
    this.#folder = parts.folder;
    this.#missing = parts.missing;
  }

  /** Rejects with OciError if there is no such tag. */
  async addTag(tag: Tag): Promise<void> {
    const reference = { kind: "tag", tag } as const;
    const { digest } = await this.#registry.manifests.get(this.#repository, reference);
    const found = await this.#manifest(digest);
    this.sums.tags += 1;
    this.#entries.push({ ...found, annotations: { [tagAnnotation]: tag } });
  }

  /** Writes `index.json`, with the entries of earlier runs. */
  async finish(): Promise<void> {
    const file = path.join(this.#folder, "index.json");
    const names = new Set(this.#entries.map(nameOf));
    const digests = new Set(this.#entries.map(({ digest }) => digest));
    const kept = (await readEntries(file)).filter((entry) =>
      nameOf(entry) === undefined ? !digests.has(entry.digest) : !names.has(nameOf(entry)),
    );
    const manifests = [...kept, ...this.#entries];
    const mediaType = "application/vnd.oci.image.index.v1+json";
    const text = JSON.stringify({ schemaVersion: 2, mediaType, manifests }, null, 2);
    await mkdir(this.#folder, { recursive: true });
    const layout = path.join(this.#folder, "oci-layout");
    await writeFile(layout, JSON.stringify({ imageLayoutVersion: "1.0.0" }));
    await writeFile(`${file}.new`, `${text}\n`);
    await rename(`${file}.new`, file);
  }

  /** Writes a manifest with its content and its referrers. */
  async #manifest(digest: Digest): Promise<Descriptor> {
    const reference = { kind: "digest", digest } as const;
    const { content, mediaType } = await this.#registry.manifests.get(this.#repository, reference);
    const described = { mediaType, digest, size: content.length };
    if (this.#seen.has(digest)) return described;
    this.#seen.add(digest);
    for (const { kind, digest: inner, required } of parseManifest(content, mediaType).references) {
      const write = kind === "child" ? this.#child(inner) : this.#blob(inner);
      await write.catch((error: unknown) => {
        if (!(error instanceof OciError)) throw error;
        if (required) this.#missing(`${this.#repository}@${digest} names ${kind} ${inner}`);
      });
    }
    await this.#write(digest, content.length, () => [content]);
    this.sums.manifests += 1;
    await this.#referrers(digest);
    return described;
  }

  /** A child of an index is a manifest, or a blob of a BuildKit cache. */
  async #child(digest: Digest): Promise<void> {
    try {
      await this.#manifest(digest);
    } catch (error) {
      if (!(error instanceof OciError && error.code === "MANIFEST_UNKNOWN")) throw error;
      await this.#blob(digest);
    }
  }

  async #blob(digest: Digest): Promise<void> {
    if (this.#seen.has(digest)) return;
    const { blobs } = this.#registry;
    const blob = await blobs.get(this.#repository, digest);
    const { sizeBytes } = blob;
    const isNew = await this.#write(digest, sizeBytes, () =>
      sizeBytes === 0 ? [] : blobs.open(blob, { start: 0, end: sizeBytes - 1 }),
    );
    this.#seen.add(digest);
    if (!isNew) this.sums.blobsThere += 1;
    else {
      this.sums.blobs += 1;
      this.sums.bytes += sizeBytes;
    }
  }

  /** Referrers are entries of the index without a tag, so that they come back with an import. */
  async #referrers(subject: Digest): Promise<void> {
    for (let last: Digest | undefined; ;) {
      const page = { last, limit: referrersAtOnce, artifactTypes: [] };
      const rows = await this.#database.manifests.referrers(this.#repository, subject, page);
      for (const { digest } of rows) {
        if (!this.#seen.has(digest)) this.#entries.push(await this.#manifest(digest));
        last = digest;
      }
      if (rows.length < referrersAtOnce) return;
    }
  }

  /** Writes the file of a digest, and verifies it. False: it is there already. */
  async #write(
    digest: Digest,
    sizeBytes: number,
    open: () => Iterable<Uint8Array> | Promise<AsyncIterable<Uint8Array>>,
  ): Promise<boolean> {
    const file = path.join(this.#folder, "blobs", algorithmOf(digest), encodedOf(digest));
    if ((await stat(file).catch(() => undefined))?.size === sizeBytes) return false;
    await mkdir(path.dirname(file), { recursive: true });
    const unfinished = `${file}.new`;
    const digester = createDigester(algorithmOf(digest));
    const handle = await openFile(unfinished, "w");
    try {
      for await (const piece of await open()) {
        digester.update(piece);
        await handle.writeFile(piece);
      }
    } finally {
      await handle.close();
    }
    if (digester.digest() !== digest)
      throw new ExportError(`the bytes of ${digest} in the registry are wrong: run "berth scrub"`);
    await rename(unfinished, file);
    return true;
  }
}

const nameOf = ({ annotations }: Descriptor): string | undefined => annotations?.[tagAnnotation];

/** The entries of an `index.json` that an earlier run, or another program, has written. */
async function readEntries(file: string): Promise<readonly Descriptor[]> {
  const text = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
    return undefined;
  });
  if (text === undefined) return [];
  const document = parseStrictJson(text);
  const listed = isJsonObject(document) ? document["manifests"] : undefined;
  if (!Array.isArray(listed)) throw new ExportError(`${file} is not the index of an OCI layout`);
  return listed as readonly Descriptor[];
}
