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
  readonly content: ImportContent;
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
