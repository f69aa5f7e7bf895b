import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import type { TagPatterns } from "../../oci/tag-patterns.ts";
import { writeAudit, type Actor } from "../events/audit.ts";
import type { Db, Visibility } from "../schema.ts";

interface Setting {
  readonly repository: RepositoryName;
  readonly nowMs: number;
  readonly actor: Actor;
}

export interface SetVisibility extends Setting {
  readonly visibility: Visibility;
}

/** False if there is no such repository. */
async function setVisibility(tx: Db, set: SetVisibility): Promise<boolean> {
  const { visibility } = set;
  const action = { action: "repo.change_privacy", data: { visibility } };
  return change(tx, set, { visibility }, action);
}

export interface SetImmutableTags extends Setting {
  /** `null`: no tag is immutable; an empty list: all are. */
  readonly patterns: TagPatterns | null;
}

/** Applies to existing and new tags. False if there is no such repository. */
async function setImmutableTags(tx: Db, set: SetImmutableTags): Promise<boolean> {
  const immutable_tags = set.patterns === null ? null : JSON.stringify(set.patterns);
  const data = { patterns: immutable_tags ?? "none" };
  return change(tx, set, { immutable_tags }, { action: "repo.immutable.tags.updated", data });
}

async function change(
  tx: Db,
  { repository, nowMs, actor }: Setting,
  columns: { readonly visibility: Visibility } | { readonly immutable_tags: string | null },
  event: { readonly action: string; readonly data: Record<string, string> },
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

export const repositorySettingsCommands = { setVisibility, setImmutableTags };
