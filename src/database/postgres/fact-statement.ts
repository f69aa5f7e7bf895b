import type { Digest } from "../../oci/digest.ts";
import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import type { Reference } from "../../oci/reference.ts";
import type { RepositoryFacts } from "../facts.ts";
import type { LinkedBlob } from "../registry/blobs.ts";
import type { UploadRow } from "../registry/schema.ts";

/* The statement that reads the facts, blobs and uploads of many requests: its parameters and its rows. */

export interface AskedManifest {
  readonly repository: RepositoryName;
  readonly reference: Reference;
}

export interface AskedBlob {
  readonly repository: RepositoryName;
  readonly digest: Digest;
}

/** What a statement asks for. */
export interface Asked {
  readonly names: ReadonlySet<RepositoryName>;
  /** By {@link keyOf}. */
  readonly manifests: ReadonlyMap<string, AskedManifest>;
  /** By {@link blobKeyOf}. */
  readonly blobs: ReadonlyMap<string, AskedBlob>;
  /** Ids of upload sessions. */
  readonly uploads: ReadonlySet<string>;
}

const textOf = (reference: Reference): string =>
  reference.kind === "tag" ? reference.tag : reference.digest;

export const keyOf = ({ repository, reference }: AskedManifest): string =>
  `${repository} ${textOf(reference)}`;

export const blobKeyOf = ({ repository, digest }: AskedBlob): string => `${repository} ${digest}`;

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

/** As {@link CachedManifest}. */
export interface CachedBlob {
  readonly found: LinkedBlob | undefined;
}

export interface Rows {
  readonly repositories: Map<RepositoryName, RepositoryFacts>;
  readonly manifests: Map<string, CachedManifest>;
  readonly blobs: Map<string, CachedBlob>;
  /** Only uploads that exist. */
  readonly uploads: Map<string, UploadRow>;
}

export const emptyRows = (): Rows => ({
  repositories: new Map(),
  manifests: new Map(),
  blobs: new Map(),
  uploads: new Map(),
});

/**
 * The parts of the statement by kind of row; `$n` are the arrays of the part. The arrays are in subqueries, so that
 * PostgreSQL does not see their lengths and plans the statement once. LIMIT makes it look each row up by an index.
 */
const parts = {
  1: `
  SELECT 1, asked.position, (SELECT visibility FROM repositories WHERE name = asked.name), NULL,
         (SELECT sequence FROM repository_removals WHERE name = asked.name),
         (EXISTS (SELECT 1 FROM accounts WHERE name = asked.namespace)
          OR EXISTS (SELECT 1 FROM repositories WHERE namespace = asked.namespace))::int
  FROM unnest((SELECT $1::text[]), (SELECT $2::text[])) WITH ORDINALITY AS asked (name, namespace, position)`,
  2: `
  SELECT 2, asked.position, found.digest, found.media_type, found.id, found.leased_until
  FROM unnest((SELECT $1::text[]), (SELECT $2::text[])) WITH ORDINALITY AS asked (repository, tag, position)
  CROSS JOIN LATERAL (
    SELECT manifests.* FROM repositories
    JOIN tags ON tags.repository_id = repositories.id AND tags.name = asked.tag
    JOIN manifests ON manifests.id = tags.manifest_id
    WHERE repositories.name = asked.repository LIMIT 1) AS found`,
  3: `
  SELECT 3, asked.position, found.digest, found.media_type, found.id, found.leased_until
  FROM unnest((SELECT $1::text[]), (SELECT $2::text[])) WITH ORDINALITY AS asked (repository, digest, position)
  CROSS JOIN LATERAL (
    SELECT manifests.* FROM repositories
    JOIN manifests ON manifests.repository_id = repositories.id AND manifests.digest = asked.digest
    WHERE repositories.name = asked.repository LIMIT 1) AS found`,
  4: `
  SELECT 4, asked.position, found.storage_key, NULL, found.size_bytes, found.leased_until
  FROM unnest((SELECT $1::text[]), (SELECT $2::text[])) WITH ORDINALITY AS asked (repository, digest, position)
  CROSS JOIN LATERAL (
    SELECT blobs.storage_key, blobs.size_bytes, blob_links.leased_until FROM repositories
    JOIN blobs ON blobs.digest = asked.digest AND blobs.state = 'live'
    JOIN blob_links ON blob_links.repository_id = repositories.id AND blob_links.blob_id = blobs.id
    WHERE repositories.name = asked.repository LIMIT 1) AS found`,
  5: `
  SELECT 5, asked.position, json_build_object('id', id, 'repository', repository, 'storage_reference',
      storage_reference, 'started_at', started_at, 'touched_at', touched_at, 'account_id', account_id,
      'held_until', held_until)::text, NULL, NULL, NULL
  FROM unnest((SELECT $1::text[])) WITH ORDINALITY AS asked (upload, position)
  JOIN uploads ON uploads.id = asked.upload`,
} as const;

type Kind = keyof typeof parts;

const snapshotPart = `
  SELECT 0 AS kind, 0 AS position, pg_current_snapshot()::text AS text, NULL::text AS "mediaType",
         NULL::bigint AS id, NULL::bigint AS number`;

/** By the kinds that they have, so that a statement has the parts that are asked for, and its text stays the same. */
const texts = new Map<string, string>();

function textWith(kinds: readonly Kind[]): string {
  const known = texts.get(kinds.join());
  if (known !== undefined) return known;
  let parameters = 0;
  const selects = kinds.map((kind) => {
    const before = parameters;
    return parts[kind].replace(/\$(\d)/g, (_, number: string) => {
      parameters = Math.max(parameters, before + Number(number));
      return `$${before + Number(number)}`;
    });
  });
  const text = [snapshotPart, ...selects].join("\n  UNION ALL");
  texts.set(kinds.join(), text);
  return text;
}

/** The statement that answers all that is asked, and its parameters. */
export function statementOf({ names, manifests, blobs, uploads }: Asked): {
  readonly text: string;
  readonly values: readonly (readonly string[])[];
} {
  const byKind = (kind: Reference["kind"]): readonly AskedManifest[] =>
    [...manifests.values()].filter(({ reference }) => reference.kind === kind);
  const arraysOf = (asked: readonly AskedManifest[]): readonly (readonly string[])[] => [
    asked.map(({ repository }) => repository),
    asked.map(({ reference }) => textOf(reference)),
  ];
  const wanted: readonly (readonly [Kind, readonly (readonly string[])[]])[] = [
    [1, [[...names], [...names].map(namespaceOf)]],
    [2, arraysOf(byKind("tag"))],
    [3, arraysOf(byKind("digest"))],
    [
      4,
      [
        [...blobs.values()].map(({ repository }) => repository),
        [...blobs.values()].map(({ digest }) => digest),
      ],
    ],
    [5, [[...uploads]]],
  ];
  const used = wanted.filter(([, [array]]) => array !== undefined && array.length > 0);
  return {
    text: textWith(used.map(([kind]) => kind)),
    values: used.flatMap(([, arrays]) => arrays),
  };
}

export interface ResultRow {
  readonly kind: 0 | Kind;
  readonly position: number;
  /** The snapshot; the visibility of a repository; the digest of a manifest; the key of a blob; an upload as JSON. */
  readonly text: string | null;
  readonly mediaType: string | null;
  /** The number of the last removal of the name; the id of a manifest; the size of a blob. */
  readonly id: number | null;
  /** 1 if the namespace exists; the end of the lease of a manifest or blob. */
  readonly number: number | null;
}

export function rowsOf(
  results: readonly ResultRow[],
  { names, manifests, blobs }: Pick<Asked, "names" | "manifests" | "blobs">,
): Rows {
  const rows = emptyRows();
  for (const key of manifests.keys()) rows.manifests.set(key, { found: undefined });
  for (const key of blobs.keys()) rows.blobs.set(key, { found: undefined });
  const keysOf = (kind: Reference["kind"]): string[] =>
    [...manifests.keys()].filter((key) => manifests.get(key)?.reference.kind === kind);
  const keys = [[], [...names], keysOf("tag"), keysOf("digest"), [...blobs.keys()], []] as const;
  for (const result of results) addRow(rows, result, keys[result.kind][result.position - 1] ?? "");
  return rows;
}

/** @param key what the row answers, as it was asked for */
function addRow(rows: Rows, { kind, text, mediaType, id, number }: ResultRow, key: string): void {
  if (kind === 1) {
    const name = key as RepositoryName;
    rows.repositories.set(name, {
      name,
      isThere: text !== null,
      isPublic: text === "public",
      removal: id ?? 0,
      isHosted: text !== null || id !== null,
      hasNamespace: number === 1,
    });
  } else if (kind === 2 || kind === 3) {
    const found = { digest: text as Digest, mediaType: mediaType ?? "", id: id ?? 0 };
    rows.manifests.set(key, { found: { ...found, leasedUntilMs: number ?? 0 } });
  } else if (kind === 4) {
    const digest = key.slice(key.indexOf(" ") + 1) as Digest;
    const found = { digest, sizeBytes: id ?? 0, storageKey: text ?? "" };
    rows.blobs.set(key, { found: { ...found, leasedUntilMs: number ?? 0 } });
  } else if (kind === 5) {
    const upload = JSON.parse(text ?? "") as UploadRow;
    rows.uploads.set(upload.id, upload);
  }
}
