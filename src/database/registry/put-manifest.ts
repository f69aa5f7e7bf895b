import { sql } from "kysely";
import type { Digest } from "../../oci/digest.ts";
import { namespaceOf } from "../../oci/name.ts";
import type { Tag } from "../../oci/reference.ts";
import { recordEvents } from "../events/events.ts";
import { addManifestCandidate, type EventTimes } from "../maintenance/gc-candidates.ts";
import { checkMirrorTag } from "../mirror/tags.ts";
import { prepared, preparedForRows, type PlaceholderRows, type Placeholders } from "../prepared.ts";
import { isLive, notDeleting } from "../query-parts.ts";
import { isRejection, type Rejection } from "../rejections.ts";
import type { Db } from "../schema.ts";
import { touchRepository, type Repository } from "./repositories.ts";
import { lockForPush, openForPush, type Push } from "./repository-creation.ts";
import { isOfAnotherType, writeManifest, type ExistingManifest } from "./manifest-rows.ts";
import type { NewManifest, NewManifestReference } from "./schema.ts";
import { findImmutable, findImmutableOver } from "./immutable-tags.ts";
import { pointTag } from "./point-tag.ts";

interface PutManifest extends EventTimes, Push {
  readonly manifest: NewManifest;
  /** In document order. */
  readonly references: readonly NewManifestReference[];
  readonly tags: readonly Tag[];
  /**
   * In a mirror: when the upstream confirmed the tags. Written in the same transaction, so that another process sees
   * both or neither.
   */
  readonly tagsCheckedAtMs: number | undefined;
  /** In an import: the time of the tags. Their history and the audit rows have the time of the import. */
  readonly pushedAtMs?: number | undefined;
  /** References of the manifest may be absent. */
  readonly sparse: boolean;
}

/** Maximum number of missing references in a rejection; a manifest may have 10,000. */
const missingTold = 100;

type ManifestPut =
  | { readonly outcome: "stored" }
  | {
      readonly outcome: "missing";
      readonly missing: readonly { readonly digest: Digest; readonly kind: string }[];
    };

/**
 * Stores a manifest and its tags in one transaction. Returns the missing references if the repository does not have
 * all.
 */
export async function putManifest(tx: Db, put: PutManifest): Promise<ManifestPut | Rejection> {
  const { repository, manifest, tags, nowMs, pushedAtMs } = put;
  const { digest } = manifest;
  const home = await lockForPush(tx, put);
  const missing = await missingReferences(tx, home?.id, put);
  if (missing.length > 0) return { outcome: "missing", missing: missing.slice(0, missingTold) };
  const immutable = home && (await findImmutable(tx, home, tags, digest));
  if (immutable !== undefined) return immutable;

  const { existing, hasQuota } = await findExisting(tx, home, put);
  const item = { what: "manifest", sizeBytes: manifest.size_bytes } as const;
  const isNew = existing === undefined;
  const opened = await openForPush(tx, put, home, isNew ? { hasQuota, item } : undefined);
  if (isRejection(opened)) return opened;
  if (home !== undefined && isOfAnotherType(existing, manifest)) {
    const over = await findImmutableOver(tx, home, digest);
    if (over !== undefined) return over;
  }

  const { repositoryId } = opened;
  const manifestId = await writeManifest(tx, repositoryId, existing, put);
  for (const name of tags)
    await pointTag(tx, { repositoryId, name, manifestId, digest, pushedAtMs }, put);
  if (put.tagsCheckedAtMs !== undefined)
    for (const tag of tags)
      await checkMirrorTag(tx, { repository, tag, nowMs: put.tagsCheckedAtMs });
  if (tags.length === 0) {
    await addManifestCandidate(tx, manifestId, put.dueAtMs);
    await recordEvents(tx, put, { type: "push", repository, digest, manifestId });
  }
  await touchRepository(tx, repositoryId, nowMs);
  return { outcome: "stored" };
}

interface Sought {
  readonly repositoryId: number;
  readonly digest: Digest;
  readonly namespace: string;
}

const readExisting = prepared((db, { repositoryId, digest, namespace }: Placeholders<Sought>) =>
  db
    .selectFrom(sql`(SELECT 1)`.as("one_row"))
    .leftJoin("manifests", (join) =>
      join.on("manifests.repository_id", "=", repositoryId).on("manifests.digest", "=", digest),
    )
    .leftJoin("quotas", (join) => join.on("quotas.namespace", "=", namespace))
    .select(["manifests.id as id", "media_type", "pushed_at", "quotas.namespace as quota"]),
);

/** Finds the manifest in its repository, and tells whether the namespace has a quota. */
async function findExisting(
  tx: Db,
  home: Repository | undefined,
  { repository, manifest }: PutManifest,
): Promise<{ readonly existing: ExistingManifest | undefined; readonly hasQuota: boolean }> {
  const { id, media_type, pushed_at, quota } = await readExisting.executeTakeFirstOrThrow(tx, {
    repositoryId: home?.id ?? noRepositoryId,
    digest: manifest.digest,
    namespace: namespaceOf(repository),
  });
  const existing =
    id === null || media_type === null || pushed_at === null
      ? undefined
      : { id, media_type, pushed_at };
  return { existing, hasQuota: quota !== null };
}

/** An id that no repository has. */
const noRepositoryId = 0;

interface Wanted {
  readonly repositoryId: number;
  readonly digest: Digest;
}

/** The digests that the repository has as blobs. All rows have the same repository. */
const readBlobs = preparedForRows((db, rows: PlaceholderRows<Wanted>) =>
  db
    .selectFrom("blobs")
    .innerJoin("blob_links", "blob_links.blob_id", "blobs.id")
    .select("blobs.digest as digest")
    .where("blob_links.repository_id", "=", rows[0].repositoryId)
    .where(notDeleting)
    .where(isLive)
    .where(
      "blobs.digest",
      "in",
      rows.map(({ digest }) => digest),
    ),
);

/** The same as manifests. */
const readManifests = preparedForRows((db, rows: PlaceholderRows<Wanted>) =>
  db
    .selectFrom("manifests")
    .select("digest")
    .where("repository_id", "=", rows[0].repositoryId)
    .where(
      "digest",
      "in",
      rows.map(({ digest }) => digest),
    ),
);

/** The required references of a manifest that its repository does not have, in document order. */
async function missingReferences(
  tx: Db,
  repositoryId: number | undefined,
  put: PutManifest,
): Promise<readonly { digest: Digest; kind: string }[]> {
  if (put.sparse) return [];
  const required = put.references.filter((row) => row.required === 1);
  if (repositoryId === undefined) return required.map(({ digest, kind }) => ({ digest, kind }));

  const wanted = required.map(({ digest }) => ({ repositoryId, digest }));
  const presentBlobs = await readBlobs.execute(tx, wanted);
  const presentManifests =
    put.manifest.kind === "index" ? await readManifests.execute(tx, wanted) : [];
  const blobs = new Set(presentBlobs.map(({ digest }) => digest));
  const manifests = new Set(presentManifests.map(({ digest }) => digest));
  // A child may also be a blob: BuildKit stores its cache as an index of layers.
  const isPresent = ({ kind, digest }: NewManifestReference): boolean =>
    blobs.has(digest) || (kind === "child" && manifests.has(digest));
  return required.filter((row) => !isPresent(row)).map(({ digest, kind }) => ({ digest, kind }));
}
