import {
  createByteCache,
  createVersionedCache,
  stringBytes,
} from "../../concurrency/bounded-cache.ts";
import type { Digest } from "../../oci/digest.ts";
import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import type { Reference } from "../../oci/reference.ts";
import type { RepositoryFacts } from "../facts.ts";
import type { StoredManifest } from "../registry/manifests.ts";
import type { PostgresPool } from "./connection.ts";

export interface AskedManifest {
  readonly repository: RepositoryName;
  readonly reference: Reference;
}

export interface FactAnswers {
  readonly repositories: ReadonlyMap<RepositoryName, RepositoryFacts>;
  /** By {@link keyOf}; only manifests that exist. */
  readonly manifests: ReadonlyMap<string, StoredManifest>;
}

/** What a statement asks for. */
export interface Asked {
  readonly names: ReadonlySet<RepositoryName>;
  /** By {@link keyOf}. */
  readonly manifests: ReadonlyMap<string, AskedManifest>;
}

const textOf = (reference: Reference): string =>
  reference.kind === "tag" ? reference.tag : reference.digest;

export const keyOf = ({ repository, reference }: AskedManifest): string =>
  `${repository} ${textOf(reference)}`;

/** A manifest without its content. */
interface ManifestRow {
  readonly id: number;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly leasedUntilMs: number;
}

/** `found` is undefined if there is no such manifest: a cache has no undefined values. */
interface CachedManifest {
  readonly found: ManifestRow | undefined;
}

interface Rows {
  readonly repositories: Map<RepositoryName, RepositoryFacts>;
  readonly manifests: Map<string, CachedManifest>;
}

/** Rows of repositories, and of manifests without content: 8 MiB each. */
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

/*
 * The arrays are in subqueries, so that PostgreSQL does not see their lengths and plans the statement once. LIMIT makes
 * it look each row up by an index.
 */
const statement = `
  SELECT 0 AS kind, 0 AS position, pg_current_snapshot()::text AS text, NULL::text AS "mediaType",
         NULL::bigint AS id, NULL::bigint AS number
  UNION ALL
  SELECT 1, asked.position, (SELECT visibility FROM repositories WHERE name = asked.name), NULL,
         (SELECT sequence FROM repository_removals WHERE name = asked.name),
         (EXISTS (SELECT 1 FROM accounts WHERE name = asked.namespace)
          OR EXISTS (SELECT 1 FROM repositories WHERE namespace = asked.namespace))::int
  FROM unnest((SELECT $1::text[]), (SELECT $2::text[])) WITH ORDINALITY AS asked (name, namespace, position)
  UNION ALL
  SELECT 2, asked.position, found.digest, found.media_type, found.id, found.leased_until
  FROM unnest((SELECT $3::text[]), (SELECT $4::text[])) WITH ORDINALITY AS asked (repository, tag, position)
  CROSS JOIN LATERAL (
    SELECT manifests.* FROM repositories
    JOIN tags ON tags.repository_id = repositories.id AND tags.name = asked.tag
    JOIN manifests ON manifests.id = tags.manifest_id
    WHERE repositories.name = asked.repository LIMIT 1) AS found
  UNION ALL
  SELECT 3, asked.position, found.digest, found.media_type, found.id, found.leased_until
  FROM unnest((SELECT $5::text[]), (SELECT $6::text[])) WITH ORDINALITY AS asked (repository, digest, position)
  CROSS JOIN LATERAL (
    SELECT manifests.* FROM repositories
    JOIN manifests ON manifests.repository_id = repositories.id AND manifests.digest = asked.digest
    WHERE repositories.name = asked.repository LIMIT 1) AS found`;

interface ResultRow {
  readonly kind: 0 | 1 | 2 | 3;
  readonly position: number;
  /** The snapshot; the visibility of a repository; the digest of a manifest. */
  readonly text: string | null;
  readonly mediaType: string | null;
  /** The number of the last removal of the name; the id of a manifest. */
  readonly id: number | null;
  /** 1 if the namespace exists; the end of a manifest's lease. */
  readonly number: number | null;
}

/**
 * Reads facts. The rows stay in memory until the snapshot changes: then a short statement answers instead of the long
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
    const { repositories, manifests } = await this.#rows(asked);
    const contents = await this.#contentsOf(manifests);
    const stored = new Map<string, StoredManifest>();
    for (const [key, { found }] of manifests) {
      const content = found && contents.get(found.digest);
      if (content === undefined || found === undefined) continue;
      const { digest, mediaType, leasedUntilMs } = found;
      stored.set(key, { digest, mediaType, content, leasedUntilMs });
    }
    return { repositories, manifests: stored };
  }

  async #rows(asked: Asked): Promise<Rows> {
    if (this.#isQuiet && this.#cached(asked) !== undefined) {
      const [row] = await this.#pool.read<{ readonly version: string }>(snapshot, []);
      this.#use(row?.version);
      const rows = this.#isQuiet ? this.#cached(asked) : undefined;
      if (rows !== undefined) return rows;
    }
    const results = await this.#pool.read<ResultRow>(statement, parametersOf(asked));
    this.#use(results.find(({ kind }) => kind === 0)?.text);
    const rows = rowsOf(results, asked);
    const repositories = this.#repositories(this.#version);
    for (const [name, facts] of rows.repositories) repositories.set(name, facts);
    const manifests = this.#manifests(this.#version);
    for (const [key, row] of rows.manifests) manifests.set(key, row);
    return rows;
  }

  /** The snapshot of a statement. After a crash PostgreSQL uses the ids of lost transactions again. */
  #use(text: string | null | undefined): void {
    const version = `${this.#pool.lostConnections()} ${text}`;
    this.#isQuiet = version === this.#version;
    this.#version = version;
  }

  /** The rows from memory; `undefined` if one is missing. */
  #cached({ names, manifests }: Asked): Rows | undefined {
    const rows: Rows = { repositories: new Map(), manifests: new Map() };
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

/** The parameters of {@link statement}: names and namespaces, then tags, then digests. */
function parametersOf({ names, manifests }: Asked): readonly string[][] {
  const byTag = [...manifests.values()].filter(({ reference }) => reference.kind === "tag");
  const byDigest = [...manifests.values()].filter(({ reference }) => reference.kind === "digest");
  return [
    [...names],
    [...names].map(namespaceOf),
    ...[byTag, byDigest].flatMap((asked) => [
      asked.map(({ repository }) => repository),
      asked.map(({ reference }) => textOf(reference)),
    ]),
  ];
}

function rowsOf(results: readonly ResultRow[], { names, manifests }: Asked): Rows {
  const rows: Rows = { repositories: new Map(), manifests: new Map() };
  for (const key of manifests.keys()) rows.manifests.set(key, { found: undefined });
  const asked = [...names];
  const keysOf = (kind: Reference["kind"]): string[] =>
    [...manifests.keys()].filter((key) => manifests.get(key)?.reference.kind === kind);
  const [byTag, byDigest] = [keysOf("tag"), keysOf("digest")];
  for (const { kind, position, text, mediaType, id, number } of results) {
    if (kind === 1) {
      const name = asked[position - 1] as RepositoryName;
      rows.repositories.set(name, {
        name,
        isThere: text !== null,
        isPublic: text === "public",
        removal: id ?? 0,
        isHosted: text !== null || id !== null,
        hasNamespace: number === 1,
      });
    }
    if (kind < 2) continue;
    const key = (kind === 2 ? byTag : byDigest)[position - 1] as string;
    const found = { digest: text as Digest, mediaType: mediaType ?? "", id: id ?? 0 };
    rows.manifests.set(key, { found: { ...found, leasedUntilMs: number ?? 0 } });
  }
  return rows;
}
