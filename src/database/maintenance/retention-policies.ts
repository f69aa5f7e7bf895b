import { isDeepStrictEqual } from "node:util";
import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import { writeAudit, type AuditContext } from "../events/audit.ts";
import { locked } from "../locks.ts";
import { lockRepository } from "../registry/repositories.ts";
import type { Db } from "../schema.ts";

/*
 * Retention policies: which tags stay, and how long manifests without a tag stay. A repository has its own policy, that of
 * its namespace, or none.
 */

/** A rule chooses tags, and says which of them stay. Days are whole numbers above 0. */
export interface RetentionRule {
  /** RE2 expression for the whole name of a tag; `null`: every tag. */
  readonly tags: string | null;
  /** RE2 expression for the names that the rule does not choose; `null`: none. */
  readonly except: string | null;
  /** A range of semantic versions; the rule chooses only tags that are versions in it. `null`: no condition. */
  readonly semver: string | null;
  /** Whether all chosen tags stay. */
  readonly keepAll: boolean;
  /** Whether tags stay for whose manifest a signature is stored. It is not verified. */
  readonly keepSigned: boolean;
  /** The number of the last pushed tags that stay; `null`: no such condition. So below. */
  readonly keepNewest: number | null;
  /** Tags stay that were pushed in the last days. */
  readonly keepPushedDays: number | null;
  /** Tags stay that were pushed or pulled in the last days. */
  readonly keepPulledDays: number | null;
}

export interface RetentionPolicy {
  readonly rules: readonly RetentionRule[];
  /** A manifest is deleted this number of days after nothing uses it any more; `null`: never. */
  readonly untaggedDays: number | null;
}

/** The name of a repository, `team/app`, or a namespace, `team`. */
export type RetentionScope = string;

export interface StoredRetentionPolicy extends RetentionPolicy {
  readonly scope: RetentionScope;
  readonly changedAtMs: number;
  /** The name of an account; empty: an anonymous client. */
  readonly changedBy: string;
}

const isRepository = (scope: RetentionScope): scope is RepositoryName => scope.includes("/");

export function createRetentionPolicyReads(db: Db) {
  return {
    /** The own policy of a repository or a namespace. */
    find: (scope: RetentionScope): Promise<StoredRetentionPolicy | undefined> =>
      findPolicy(db, scope),

    /** The own policy of a repository, or that of its namespace. */
    effective: (repository: RepositoryName): Promise<StoredRetentionPolicy | undefined> =>
      effectivePolicy(db, repository),

    /** All policies by scope, after `last`. */
    async list(page: {
      readonly last: string;
      readonly limit: number;
    }): Promise<readonly StoredRetentionPolicy[]> {
      const rows = await selectPolicies(db)
        .where("scope", ">", page.last)
        .orderBy("scope")
        .limit(page.limit)
        .execute();
      return rows.map(policyOf);
    },
  };
}

const selectPolicies = (db: Db) =>
  db
    .selectFrom("retention_policies")
    .select(["scope", "rules", "untagged_days as untaggedDays"])
    .select(["changed_at as changedAtMs", "changed_by as changedBy"]);

const policyOf = (
  row: Omit<StoredRetentionPolicy, "rules"> & { readonly rules: string },
): StoredRetentionPolicy => ({ ...row, rules: JSON.parse(row.rules) as RetentionRule[] });

async function findPolicy(
  db: Db,
  scope: RetentionScope,
): Promise<StoredRetentionPolicy | undefined> {
  const row = await selectPolicies(db).where("scope", "=", scope).executeTakeFirst();
  return row && policyOf(row);
}

async function effectivePolicy(
  db: Db,
  repository: RepositoryName,
): Promise<StoredRetentionPolicy | undefined> {
  return (await findPolicy(db, repository)) ?? (await findPolicy(db, namespaceOf(repository)));
}

/**
 * Locks the policy of a locked repository until the transaction ends, and says whether it is still `policy`. The own
 * policy of the repository cannot be added meanwhile, because that needs the lock of the repository.
 */
export async function isStillPolicy(
  tx: Db,
  repository: RepositoryName,
  policy: StoredRetentionPolicy,
): Promise<boolean> {
  const rows = tx
    .selectFrom("retention_policies")
    .select("scope")
    .where("scope", "in", [repository, namespaceOf(repository)])
    .orderBy("scope");
  await locked(tx, rows, { mode: "change", table: "retention_policies" }).execute();
  const now = await effectivePolicy(tx, repository);
  return isDeepStrictEqual(now, policy);
}

interface SetRetention extends AuditContext {
  readonly scope: RetentionScope;
  readonly policy: RetentionPolicy;
}

/** Sets the policy of a repository or a namespace. False if there is no such repository. */
export async function setRetention(tx: Db, set: SetRetention): Promise<boolean> {
  const { scope, policy, nowMs, actor } = set;
  const rules = JSON.stringify(policy.rules);
  const home = isRepository(scope) ? await lockRepository(tx, scope, "change") : null;
  if (home === undefined) return false;
  const changed = {
    ...{ rules, untagged_days: policy.untaggedDays },
    ...{ changed_at: nowMs, changed_by: actor.name },
  };
  await tx
    .insertInto("retention_policies")
    .values({ scope, repository_id: home?.id ?? null, ...changed })
    .onConflict((conflict) => conflict.column("scope").doUpdateSet(changed))
    .execute();
  // A user has set something on the repository: the collector keeps it without a manifest.
  if (home !== null)
    await tx
      .updateTable("repositories")
      .set({ awaits_manifest: 0 })
      .where("id", "=", home.id)
      .where("awaits_manifest", "=", 1)
      .execute();
  const data = { rules, untaggedDays: String(policy.untaggedDays ?? "never") };
  await writeAudit(tx, { nowMs, actor, ...auditOf(scope, "set"), data });
  return true;
}

/** Removes the own policy of a repository, so that that of its namespace applies, or the policy of a namespace. */
export async function removeRetention(
  tx: Db,
  { scope, nowMs, actor }: Omit<SetRetention, "policy">,
): Promise<boolean> {
  if (isRepository(scope)) await lockRepository(tx, scope, "change");
  const removed = await tx
    .deleteFrom("retention_policies")
    .where("scope", "=", scope)
    .executeTakeFirst();
  if (removed.numDeletedRows === 0n) return false;
  await writeAudit(tx, { nowMs, actor, ...auditOf(scope, "remove") });
  return true;
}

const auditOf = (scope: RetentionScope, verb: "set" | "remove") =>
  isRepository(scope)
    ? ({ account: namespaceOf(scope), action: `repo.retention.${verb}`, subject: scope } as const)
    : ({ account: scope, action: `org.retention.${verb}`, subject: scope } as const);
