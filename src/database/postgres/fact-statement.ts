import type { Digest } from "../../oci/digest.ts";
import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import type { Reference } from "../../oci/reference.ts";
import type { RepositoryFacts } from "../facts.ts";

/* The statement that reads the facts of many requests: its parameters and its rows. */

export interface AskedManifest {
  readonly repository: RepositoryName;
  readonly reference: Reference;
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
export interface CachedManifest {
  readonly found: ManifestRow | undefined;
}

export interface Rows {
  readonly repositories: Map<RepositoryName, RepositoryFacts>;
  readonly manifests: Map<string, CachedManifest>;
}

/*
 * The arrays are in subqueries, so that PostgreSQL does not see their lengths and plans the statement once. LIMIT makes
 * it look each row up by an index.
 */
export const statement = `
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

export interface ResultRow {
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

/** The parameters of {@link statement}: names and namespaces, then tags, then digests. */
export function parametersOf({ names, manifests }: Asked): readonly string[][] {
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

export function rowsOf(results: readonly ResultRow[], { names, manifests }: Asked): Rows {
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
