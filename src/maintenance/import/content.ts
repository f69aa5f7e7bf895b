import type { Visibility } from "../../database/registry/schema.ts";
import type { Digest } from "../../oci/digest.ts";
import type { RepositoryName } from "../../oci/name.ts";
import type { Tag } from "../../oci/reference.ts";

/** The content of one repository in another place, by digest. Nothing that it returns is trusted. */
export interface ImportContent {
  /** `undefined`: there is no such manifest. */
  manifest(digest: Digest): Promise<ImportManifest | undefined>;
  /** `undefined`: there is no such blob. */
  blob(digest: Digest): Promise<ImportBlob | undefined>;
}

export interface ImportManifest {
  readonly bytes: Uint8Array;
  /** If the place records it outside the manifest. */
  readonly mediaType?: string | undefined;
  /** When it was pushed to the other place, in milliseconds since the epoch, if the place tells it. */
  readonly pushedAtMs?: number | undefined;
}

export interface ImportBlob {
  readonly sizeBytes: number;
  open(): AsyncIterable<Uint8Array>;
  /** The regular file that has exactly these bytes. */
  readonly file?: string;
}

/** A manifest to import, with all that it names. */
export interface ImportImage {
  /** The name in the other place, for messages. */
  readonly name: string;
  readonly repository: RepositoryName;
  readonly digest: Digest;
  readonly tag?: Tag;
  /** When the tag was pushed to the other place, if the place tells it. */
  readonly pushedAtMs?: number | undefined;
  readonly content: ImportContent;
  readonly details?: ImportDetails;
}

/** What the other place tells of a repository. Used if the repository is new here. */
export interface ImportDetails {
  readonly visibility?: Visibility | undefined;
  readonly description?: string | undefined;
  /** Markdown. */
  readonly readme?: string | undefined;
}

/** A time of a push in milliseconds since the epoch; `undefined`: none. Some places write 1970 or the year 1 for none. */
export const pushTimeOf = (atMs: number): number | undefined =>
  Number.isFinite(atMs) && atMs > 0 ? Math.trunc(atMs) : undefined;

/** The bytes of a small blob. Throws SkipError if it has more than `bytesAtMost`. */
export async function readSmall(blob: ImportBlob, bytesAtMost: number): Promise<Buffer> {
  if (blob.sizeBytes > bytesAtMost) throw new SkipError(`it has ${blob.sizeBytes} bytes`);
  const pieces: Uint8Array[] = [];
  for await (const piece of blob.open()) pieces.push(Uint8Array.from(piece));
  return Buffer.concat(pieces);
}

/** Something in the other place that cannot be imported. */
export interface ImportBroken {
  readonly name: string;
  readonly broken: string;
}

/** One image is not imported. The message is the reason, in one line; the import goes on. */
export class SkipError extends Error {
  override readonly name = "SkipError";
}

/** Nothing can be imported. The message is one line for users. */
export class ImportError extends Error {
  override readonly name = "ImportError";
}
