import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import { writeAudit, type Actor } from "../events/audit.ts";
import { addCollaborator } from "../accounts/collaborators.ts";
import { reserveQuota, findQuota, type Item, type Quota } from "./quotas.ts";
import { isRejection, type OverQuota, type Rejection } from "../rejections.ts";
import { findRepository } from "./repositories.ts";
import type { Db, Visibility } from "../schema.ts";

/** What the configuration says of pushes. */
export interface PushRules {
  readonly createOnPush: boolean;
  /** Of repositories that a push makes. */
  readonly defaultVisibility: Visibility;
  /** What a namespace without a quota of its own may hold; `null`: as much as it wants. */
  readonly defaultQuotaBytes: number | null;
}

/** Somebody brings something into a repository, which need not exist yet. */
export interface Push {
  readonly repository: RepositoryName;
  readonly actor: Actor;
  readonly rules: PushRules;
  readonly nowMs: number;
}

/**
 * The repository of a push, which comes into being with the first thing that is stored in it, and room in it for what
 * is to be stored. A rejection has changed nothing.
 */
export async function getOrCreateRepository(
  tx: Db,
  push: Push,
  item?: Item,
): Promise<{ readonly repositoryId: number } | Rejection> {
  const { repository, rules } = push;
  const namespace = namespaceOf(repository);
  const room = async (quota: Quota | undefined): Promise<OverQuota | undefined> =>
    item && reserveQuota(tx, { namespace, quota, defaultBytes: rules.defaultQuotaBytes, item });

  const known = await findRepository(tx, repository);
  if (known !== undefined) return (await room(known.quota)) ?? { repositoryId: known.id };
  const right = await rightToCreate(tx, push);
  if (isRejection(right)) return right;
  const over = await room(await findQuota(tx, namespace));
  if (over !== undefined) return over;
  const columns = { visibility: rules.defaultVisibility, awaits_manifest: 1 } as const;
  return { repositoryId: await create(tx, push, right, columns) };
}

/** What makes somebody the one who may create a repository, and what comes of it. */
type Right =
  /** They look after all that is in the namespace already, or there are no accounts. */
  | { readonly by: "namespace" }
  /** An editor looks after what they made. */
  | { readonly by: "editor"; readonly accountId: number }
  /** An administrator in a namespace that is nobody's: it becomes an organisation of theirs. */
  | { readonly by: "administrator"; readonly accountId: number };

async function rightToCreate(
  tx: Db,
  { repository, actor, rules }: Omit<Push, "nowMs">,
): Promise<Right | Rejection> {
  if (!rules.createOnPush) return { rejected: "absent" };
  if (actor.accountId === null) return { by: "namespace" };
  const { accountId } = actor;
  const account = await tx
    .selectFrom("accounts")
    .select("is_admin")
    .where("id", "=", accountId)
    .where("disabled", "=", 0)
    .executeTakeFirst();
  if (account === undefined) return { rejected: "forbidden" };
  const home = await tx
    .selectFrom("accounts")
    .leftJoin("members", (join) =>
      join
        .onRef("members.organisation_id", "=", "accounts.id")
        .on("members.user_id", "=", accountId),
    )
    .select(["accounts.id as id", "members.role as role"])
    .where("accounts.name", "=", namespaceOf(repository))
    .executeTakeFirst();
  if (home === undefined)
    return account.is_admin === 1 ? { by: "administrator", accountId } : { rejected: "forbidden" };
  if (account.is_admin === 1 || home.id === accountId || home.role === "owner")
    return { by: "namespace" };
  return home.role === "editor" ? { by: "editor", accountId } : { rejected: "forbidden" };
}

async function create(
  tx: Db,
  { repository: name, actor, nowMs }: Omit<Push, "rules">,
  right: Right,
  columns: { readonly visibility: Visibility; readonly awaits_manifest: 0 | 1 },
): Promise<number> {
  const namespace = namespaceOf(name);
  if (right.by === "administrator") {
    const made = await tx
      .insertInto("accounts")
      .values({ name: namespace, kind: "organisation", created_at: nowMs })
      .returning("id")
      .executeTakeFirstOrThrow();
    await tx
      .insertInto("members")
      .values({
        organisation_id: made.id,
        user_id: right.accountId,
        role: "owner",
        created_at: nowMs,
      })
      .execute();
    const organisation = { account: namespace, action: "org.create", subject: namespace };
    await writeAudit(tx, { nowMs, actor, ...organisation });
  }
  const { id } = await tx
    .insertInto("repositories")
    .values({ name, namespace, ...columns, created_at: nowMs, updated_at: nowMs })
    .returning("id")
    .executeTakeFirstOrThrow();
  if (right.by === "editor") {
    await addCollaborator(tx, id, right.accountId, "admin");
    // A trigger has set it to 0 with the grant, which is none that a user gave.
    await setAwaitsManifest(tx, id, columns.awaits_manifest);
  }
  await writeAudit(tx, {
    ...{ nowMs, actor, account: namespace, action: "repo.create", subject: name },
    data: { visibility: columns.visibility },
  });
  return id;
}

async function setAwaitsManifest(tx: Db, id: number, value: 0 | 1): Promise<void> {
  await tx
    .updateTable("repositories")
    .set({ awaits_manifest: value })
    .where("id", "=", id)
    .execute();
}

export interface CreateRepository extends Omit<Push, "rules"> {
  readonly visibility: Visibility;
}

/** Makes an empty repository, which the collector keeps. `exists`: it was there already, and is as it was. */
async function createRepository(
  tx: Db,
  { visibility, ...making }: CreateRepository,
): Promise<"created" | "exists" | Rejection> {
  const known = await findRepository(tx, making.repository);
  const rules = { createOnPush: true, defaultVisibility: visibility, defaultQuotaBytes: null };
  const right = await rightToCreate(tx, { ...making, rules });
  if (known !== undefined) {
    if (!isRejection(right)) await setAwaitsManifest(tx, known.id, 0);
    return "exists";
  }
  if (isRejection(right)) return right;
  await create(tx, making, right, { visibility, awaits_manifest: 0 });
  return "created";
}

export const repositoryCreationCommands = { createRepository };
