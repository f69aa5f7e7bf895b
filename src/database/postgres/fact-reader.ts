import {
  createByteCache,
  createVersionedCache,
  stringBytes,
} from "../../concurrency/bounded-cache.ts";
import type { Digest } from "../../oci/digest.ts";
import type { RepositoryName } from "../../oci/name.ts";
import type { RepositoryFacts } from "../facts.ts";
import type { StoredManifest } from "../registry/manifests.ts";
import type { UploadRow } from "../registry/schema.ts";
import type { PostgresPool } from "./connection.ts";
import {
  emptyRows,
  rowsOf,
  statementOf,
  type Asked,
  type CachedBlob,
  type CachedManifest,
  type ResultRow,
  type Rows,
} from "./fact-statement.ts";

export interface FactAnswers {
  readonly repositories: ReadonlyMap<RepositoryName, RepositoryFacts>;
  /** By `keyOf`; only manifests that exist. */
  readonly manifests: ReadonlyMap<string, StoredManifest>;
  /** By `blobKeyOf`. */
  readonly blobs: ReadonlyMap<string, CachedBlob>;
  readonly uploads: ReadonlyMap<string, UploadRow>;
}

/** Rows of repositories, of manifests without content, and of blobs: 8 MiB each. */
const rowsBytesAtMost = 8 * 1024 * 1024;
/** Content of manifests by digest, 32 MiB. The least recently used is dropped first. */
const contentBytesAtMost = 32 * 1024 * 1024;
/** Bytes of the fields of a row that are not text. */
const fieldsBytes = 64;

/**
 * Another value after each commit. The snapshot of a statement changes when a transaction of any process ends
 * (https://www.postgresql.org/docs/15/functions-info.html, "pg_current_snapshot").
 */
const snapshot = "SELECT pg_current_snapshot()::text AS version";

/**
 * Reads facts, blobs and uploads. The rows stay in memory until the snapshot changes: then a short statement answers instead of the long
 * one. Content stays in memory by its digest, since it never changes.
 */
export class FactReader {
  readonly #pool: PostgresPool;
  readonly #repositories = createVersionedCache<RepositoryFacts>({
    maxBytes: rowsBytesAtMost,
    sizeOf: () => fieldsBytes,
  });
  readonly #manifests = createVersionedCache<CachedManifest>({
    maxBytes: rowsBytesAtMost,
    sizeOf: ({ found }) =>
      fieldsBytes + (found === undefined ? 0 : stringBytes(found.digest + found.mediaType)),
  });
  readonly #blobs = createVersionedCache<CachedBlob>({
    maxBytes: rowsBytesAtMost,
    sizeOf: ({ found }) =>
      fieldsBytes + (found === undefined ? 0 : stringBytes(found.digest + found.storageKey)),
  });
  readonly #contents = createByteCache<Uint8Array>({
    maxBytes: contentBytesAtMost,
    sizeOf: (content) => content.length,
  });
  /** The snapshot of the cached rows. */
  #version: unknown;
  /** The last two statements had the same snapshot. While others write, the short statement is of no use. */
  #isQuiet = false;

  constructor(pool: PostgresPool) {
    this.#pool = pool;
  }

  async read(asked: Asked): Promise<FactAnswers> {
    const { repositories, manifests, blobs, uploads } = await this.#rows(asked);
    const contents = await this.#contentsOf(manifests);
    const stored = new Map<string, StoredManifest>();
    for (const [key, { found }] of manifests) {
      const content = found && contents.get(found.digest);
      if (content === undefined || found === undefined) continue;
      const { digest, mediaType, leasedUntilMs } = found;
      stored.set(key, { digest, mediaType, content, leasedUntilMs });
    }
    return { repositories, manifests: stored, blobs, uploads };
  }

  async #rows(asked: Asked): Promise<Rows> {
    if (this.#isQuiet && this.#cached(asked) !== undefined) {
      const [row] = await this.#pool.read<{ readonly version: string }>(snapshot, []);
      this.#use(row?.version);
      const rows = this.#isQuiet ? this.#cached(asked) : undefined;
      if (rows !== undefined) return rows;
    }
    const { text, values } = statementOf(asked);
    const results = await this.#pool.read<ResultRow>(text, values);
    this.#use(results.find(({ kind }) => kind === 0)?.text);
    const rows = rowsOf(results, asked);
    const repositories = this.#repositories(this.#version);
    for (const [name, facts] of rows.repositories) repositories.set(name, facts);
    const manifests = this.#manifests(this.#version);
    for (const [key, row] of rows.manifests) manifests.set(key, row);
    const blobs = this.#blobs(this.#version);
    for (const [key, row] of rows.blobs) blobs.set(key, row);
    return rows;
  }

  /** The snapshot of a statement. After a crash PostgreSQL uses the ids of lost transactions again. */
  #use(text: string | null | undefined): void {
    const version = `${this.#pool.lostConnections()} ${text}`;
    this.#isQuiet = version === this.#version;
    this.#version = version;
  }

  /** The rows from memory; `undefined` if one is missing. Uploads are not kept. */
  #cached({ names, manifests, blobs, uploads }: Asked): Rows | undefined {
    if (uploads.size > 0) return undefined;
    const rows = emptyRows();
    for (const name of names) {
      const facts = this.#repositories(this.#version).get(name);
      if (facts === undefined) return undefined;
      rows.repositories.set(name, facts);
    }
    for (const key of manifests.keys()) {
      const row = this.#manifests(this.#version).get(key);
      if (row === undefined) return undefined;
      rows.manifests.set(key, row);
    }
    for (const key of blobs.keys()) {
      const row = this.#blobs(this.#version).get(key);
      if (row === undefined) return undefined;
      rows.blobs.set(key, row);
    }
    return rows;
  }

  /** The content of the manifests by digest. Manifests that were deleted meanwhile are missing. */
  async #contentsOf(
    manifests: ReadonlyMap<string, CachedManifest>,
  ): Promise<ReadonlyMap<Digest, Uint8Array>> {
    const contents = new Map<Digest, Uint8Array>();
    const missing = new Map<Digest, number>();
    for (const { found } of manifests.values()) {
      if (found === undefined) continue;
      const content = this.#contents.get(found.digest);
      if (content === undefined) missing.set(found.digest, found.id);
      else contents.set(found.digest, content);
    }
    if (missing.size === 0) return contents;
    const rows = await this.#pool.read<{ readonly digest: Digest; readonly content: Uint8Array }>(
      "SELECT digest, content FROM manifests WHERE id = ANY((SELECT $1::bigint[])::bigint[])",
      [[...missing.values()]],
    );
    for (const { digest, content } of rows) {
      this.#contents.set(digest, content);
      contents.set(digest, content);
    }
    return contents;
  }
}
