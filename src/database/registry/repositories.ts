import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import type { TagPatterns } from "../../oci/tag-patterns.ts";
import type { Registration } from "../catalog/pull-counters.ts";
import { sql, type RawBuilder } from "kysely";
import { writeAudit, type AuditContext, type AuditAction } from "../events/audit.ts";
import { recordEvents } from "../events/events.ts";
import { dialectOf, type LockMode } from "../dialect.ts";
import { locked } from "../locks.ts";
import { prepared, type Placeholders } from "../prepared.ts";
import type { Db } from "../schema.ts";
import type { Visibility } from "./schema.ts";

export interface Repository {
  readonly id: number;
  readonly name: RepositoryName;
  readonly visibility: Visibility;
  /** Patterns of immutable tags; `null`: none. */
  readonly immutableTags: TagPatterns | null;
}

export function createRepositoryReads(db: Db) {
  return {
    find: (name: RepositoryName): Promise<Repository | undefined> => findRepository(db, name),

    /** Creation times of the existing repositories. They distinguish a repository from an earlier one with its name. */
    registrations: (names: readonly RepositoryName[]): Promise<readonly Registration[]> =>
      db
        .selectFrom("repositories")
        .select(["name", "created_at as createdAtMs"])
        .where(dialectOf(db).isOneOf("name", names))
        .execute(),

    /** The repositories of a namespace by name, after `last`. */
    ofNamespace: (
      namespace: string,
      { last, limit }: { readonly last: string; readonly limit: number },
    ): Promise<readonly Pick<Repository, "id" | "name">[]> =>
      db
        .selectFrom("repositories")
        .select(["id", "name"])
        .where("namespace", "=", namespace)
        .where("name", ">", last as RepositoryName)
        .orderBy("name")
        .limit(limit)
        .execute(),
  };
}

/** A subquery for the id of a repository; it has no row if there is no such repository. */
export const repositoryIdOf = (db: Db, name: RepositoryName) =>
  db.selectFrom("repositories").select("id").where("name", "=", name);

const selectRepository = (db: Db, name: RawBuilder<RepositoryName>) =>
  db
    .selectFrom("repositories")
    .select(["id", "name", "visibility", "immutable_tags as immutableTags"])
    .where("name", "=", name);

function repositoryOf(
  row: (Omit<Repository, "immutableTags"> & { readonly immutableTags: string | null }) | undefined,
): Repository | undefined {
  if (row === undefined) return undefined;
  const { immutableTags } = row;
  return {
    ...row,
    immutableTags: immutableTags === null ? null : (JSON.parse(immutableTags) as TagPatterns),
  };
}

type Named = Placeholders<Pick<Repository, "name">>;

const readRepository = prepared((db, { name }: Named) => selectRepository(db, name));

export async function findRepository(
  db: Db,
  name: RepositoryName,
): Promise<Repository | undefined> {
  return repositoryOf(await readRepository.executeTakeFirst(db, { name }));
}

const lockedBy = (mode: LockMode) =>
  prepared((db, { name }: Named) =>
    locked(db, selectRepository(db, name), { mode, table: "repositories" }),
  );
const lockRow = {
  share: lockedBy("share"),
  change: lockedBy("change"),
  remove: lockedBy("remove"),
} satisfies Record<LockMode, unknown>;

/**
 * Finds and locks the repository that a command changes: `share` for what does not change its row, `change` for blobs,
 * manifests and tags, `remove` to delete it.
 */
export async function lockRepository(
  tx: Db,
  name: RepositoryName,
  mode: LockMode,
): Promise<Repository | undefined> {
  return repositoryOf(await lockRow[mode].executeTakeFirst(tx, { name }));
}

const setUpdated = prepared((db, { id, nowMs }: Placeholders<{ id: number; nowMs: number }>) =>
  db.updateTable("repositories").set({ updated_at: nowMs }).where("id", "=", id),
);

export async function touchRepository(tx: Db, id: number, nowMs: number): Promise<void> {
  await setUpdated.execute(tx, { id, nowMs });
}

interface Setting extends AuditContext {
  readonly repository: RepositoryName;
}

interface SetVisibility extends Setting {
  readonly visibility: Visibility;
}

/** False if there is no such repository. */
export async function setVisibility(tx: Db, set: SetVisibility): Promise<boolean> {
  const { visibility, repository } = set;
  await recordEvents(tx, set, {
    type: "repository.visibility",
    repository,
    data: { visibility },
    onlyIf: sql`EXISTS (SELECT 1 FROM repositories WHERE name = ${repository} AND visibility <> ${visibility})`,
  });
  const event = { action: "repo.change_privacy", data: { visibility } } as const;
  return changeSetting(tx, set, { visibility }, event);
}

interface SetImmutableTags extends Setting {
  /** `null`: no tag is immutable; an empty list: all are. */
  readonly patterns: TagPatterns | null;
}

/** Applies to existing and new tags. False if there is no such repository. */
export async function setImmutableTags(tx: Db, set: SetImmutableTags): Promise<boolean> {
  const immutable_tags = set.patterns === null ? null : JSON.stringify(set.patterns);
  const data = { patterns: immutable_tags ?? "none" };
  return changeSetting(
    tx,
    set,
    { immutable_tags },
    { action: "repo.immutable.tags.updated", data },
  );
}

async function changeSetting(
  tx: Db,
  { repository, nowMs, actor }: Setting,
  columns: { readonly visibility: Visibility } | { readonly immutable_tags: string | null },
  event: { readonly action: AuditAction; readonly data: Record<string, string> },
): Promise<boolean> {
  const changed = await tx
    .updateTable("repositories")
    .set(columns)
    .where("name", "=", repository)
    .executeTakeFirst();
  if (changed.numUpdatedRows === 0n) return false;
  const account = namespaceOf(repository);
  await writeAudit(tx, { nowMs, actor, account, subject: repository, ...event });
  return true;
}
