import { dialectOf } from "../dialect.ts";
import { locked } from "../locks.ts";
import { lockQuotas } from "../registry/quotas.ts";
import type { Db } from "../schema.ts";

/*
 * Finds the GC candidates that are due, and locks them. A second query reads what the locks protect. Several collectors
 * may run, so no query waits for a repository or a blob.
 */

interface DueQuery {
  /** Candidates that are due until this time. */
  readonly nowMs: number;
  readonly limit: number;
}

/** Candidates of a repository or a blob that another command has locked wait for the next run of the collector. */
const freeRepositories = { mode: "change", table: "repositories", skipLocked: true } as const;
const freeBlobs = { mode: "remove", table: "blobs", skipLocked: true } as const;

/** Finds due manifests, and locks them and their repositories. */
export async function lockDueManifests(tx: Db, { nowMs, limit }: DueQuery) {
  const candidates = tx
    .selectFrom("manifest_reviews")
    .innerJoin("manifests", "manifests.id", "manifest_reviews.manifest_id")
    .innerJoin("repositories", "repositories.id", "manifests.repository_id")
    .select(["manifests.id as id", "manifests.repository_id as repositoryId"])
    .where("manifest_reviews.due_at", "<=", nowMs)
    .orderBy("manifest_reviews.due_at")
    .limit(limit);
  const found = await locked(tx, candidates, freeRepositories).execute();
  if (found.length === 0) return [];
  await lockQuotas(tx, idsOf(found, "repositoryId"));
  const due = tx
    .selectFrom("manifest_reviews")
    .innerJoin("manifests", "manifests.id", "manifest_reviews.manifest_id")
    .innerJoin("repositories", "repositories.id", "manifests.repository_id")
    .select([
      "manifests.id as id",
      "manifests.repository_id as repositoryId",
      "manifests.digest as digest",
      "manifests.subject_digest as subject",
      "manifests.leased_until as leasedUntilMs",
      "repositories.name as repository",
    ])
    .where(dialectOf(tx).isOneOf("manifests.id", idsOf(found, "id")))
    .where("manifest_reviews.due_at", "<=", nowMs)
    .orderBy("manifest_reviews.due_at");
  return await locked(tx, due, { mode: "remove", table: "manifests" }).execute();
}

/**
 * Finds due links, and locks them, their repositories and their blobs. A pusher extends a lease without these other
 * locks, so the leases are read when the links are locked.
 */
export async function lockDueLinks(tx: Db, { nowMs, limit }: DueQuery) {
  const candidates = tx
    .selectFrom("blob_reviews")
    .innerJoin("blobs", "blobs.id", "blob_reviews.blob_id")
    .innerJoin("repositories", "repositories.id", "blob_reviews.repository_id")
    .select(["repositories.id as repositoryId", "blobs.id as blobId"])
    .where("blob_reviews.due_at", "<=", nowMs)
    .orderBy("blob_reviews.due_at")
    .limit(limit);
  const found = await locked(tx, candidates, freeRepositories, freeBlobs).execute();
  if (found.length === 0) return [];
  await lockQuotas(tx, idsOf(found, "repositoryId"));
  const dialect = dialectOf(tx);
  const due = tx
    .selectFrom("blob_reviews")
    .innerJoin("blob_links", (join) =>
      join
        .onRef("blob_links.repository_id", "=", "blob_reviews.repository_id")
        .onRef("blob_links.blob_id", "=", "blob_reviews.blob_id"),
    )
    .innerJoin("blobs", "blobs.id", "blob_reviews.blob_id")
    .innerJoin("repositories", "repositories.id", "blob_reviews.repository_id")
    .select([
      "blob_reviews.repository_id as repositoryId",
      "blob_reviews.blob_id as blobId",
      "blob_links.leased_until as leasedUntilMs",
      "blobs.digest as digest",
      "repositories.name as repository",
    ])
    .where(dialect.isOneOf("blob_reviews.repository_id", idsOf(found, "repositoryId")))
    .where(dialect.isOneOf("blob_reviews.blob_id", idsOf(found, "blobId")))
    .where("blob_reviews.due_at", "<=", nowMs)
    .orderBy("blob_reviews.due_at")
    .limit(limit);
  return await locked(tx, due, { mode: "remove", table: "blob_links" }).execute();
}

/** The different values of a column. */
const idsOf = <Column extends string>(
  rows: readonly Readonly<Record<Column, number>>[],
  column: Column,
): readonly number[] => [...new Set(rows.map((row) => row[column]))];
