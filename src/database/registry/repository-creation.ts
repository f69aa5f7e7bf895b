import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import { addCollaborator } from "../accounts/collaborators.ts";
import { writeAudit } from "../events/audit.ts";
import { recordEvents } from "../events/events.ts";
import { lockName, shareName } from "../locks.ts";
import { isSystemActorName, type Actor } from "../permissions/authority.ts";
import { prepared, type Placeholders } from "../prepared.ts";
import { isRejection, type OverQuota, type Rejection } from "../rejections.ts";
import type { Db } from "../schema.ts";
import { reserveQuota, type QuotaReservation } from "./quota-changes.ts";
import { lockRepository, type Repository } from "./repositories.ts";
import type { Visibility } from "./schema.ts";

/** The configuration for pushes. */
export interface PushRules {
  readonly createOnPush: boolean;
  /** Visibility of repositories that a push creates. */
  readonly defaultVisibility: Visibility;
  /** Quota of a namespace without its own limit, in bytes; `null`: no limit. */
  readonly defaultQuotaBytes: number | null;
}

/** A push to a repository, which may not exist yet. */
export interface Push {
  readonly repository: RepositoryName;
  readonly actor: Actor;
  readonly rules: PushRules;
  readonly nowMs: number;
}

/**
 * Locks the repository of a push. `undefined`: there is none; then no account and no quota of its namespace is created or
 * deleted until this transaction ends. The mode is `change` also for a blob, whose link changes the size in the
 * repository's row: a lock that is raised after the lock of the quota would end in a deadlock.
 */
export async function lockForPush(
  tx: Db,
  { repository, rules }: Push,
): Promise<Repository | undefined> {
  const known = await lockRepository(tx, repository, "change");
  if (known !== undefined) return known;
  const name = `namespace ${namespaceOf(repository)}` as const;
  // The first push to a namespace may create its quota row.
  await (rules.defaultQuotaBytes === null ? shareName(tx, name) : lockName(tx, name));
  return undefined;
}

/**
 * Reserves the quota for the pushed item, and returns the repository. The first stored item creates the repository. A
 * rejection changes nothing.
 * @param home the result of `lockForPush`
 */
export async function openForPush(
  tx: Db,
  push: Push,
  home: Repository | undefined,
  reservation: QuotaReservation | undefined,
): Promise<{ readonly repositoryId: number } | Rejection> {
  const { repository, rules, actor, nowMs } = push;
  const counted = { namespace: namespaceOf(repository), defaultBytes: rules.defaultQuotaBytes };
  const reserve = async (): Promise<OverQuota | undefined> =>
    reservation && reserveQuota(tx, { ...counted, actor, nowMs }, reservation);

  if (home !== undefined) return (await reserve()) ?? { repositoryId: home.id };
  if (!rules.createOnPush) return { rejected: "absent" };
  const right = await rightToCreate(tx, push);
  if (isRejection(right)) return right;
  const over = await reserve();
  if (over !== undefined) return over;
  const columns = { visibility: rules.defaultVisibility, awaits_manifest: 1 } as const;
  return { repositoryId: await create(tx, push, right, columns) };
}

/** Why the actor may create the repository. */
type Right =
  /** The actor manages the whole namespace, or has no account (open mode, command line, mirror). */
  | { readonly by: "namespace" }
  /** An editor of the organisation; gets the role `admin` on the repository. */
  | { readonly by: "editor"; readonly accountId: number }
  /**
   * An administrator, in a namespace without an account: the namespace becomes an organisation that the administrator
   * owns.
   */
  | { readonly by: "administrator"; readonly accountId: number };

const readCreator = prepared((db, { accountId }: Placeholders<{ accountId: number }>) =>
  db
    .selectFrom("accounts")
    .select("is_admin")
    .where("id", "=", accountId)
    .where("disabled", "=", 0),
);

const readHome = prepared(
  (db, { namespace, accountId }: Placeholders<{ namespace: string; accountId: number }>) =>
    db
      .selectFrom("accounts")
      .leftJoin("members", (join) =>
        join
          .onRef("members.organisation_id", "=", "accounts.id")
          .on("members.user_id", "=", accountId),
      )
      .select(["accounts.id as id", "members.role as role"])
      .where("accounts.name", "=", namespace),
);

async function rightToCreate(
  tx: Db,
  { repository, actor }: Pick<Push, "repository" | "actor">,
): Promise<Right | Rejection> {
  if (actor.accountId === null) return { by: "namespace" };
  const { accountId } = actor;
  const account = await readCreator.executeTakeFirst(tx, { accountId });
  if (account === undefined) return { rejected: "forbidden" };
  const namespace = namespaceOf(repository);
  const home = await readHome.executeTakeFirst(tx, { namespace, accountId });
  if (home === undefined) {
    const mayCreate = account.is_admin === 1 && !isSystemActorName(namespace);
    return mayCreate ? { by: "administrator", accountId } : { rejected: "forbidden" };
  }
  if (account.is_admin === 1 || home.id === accountId || home.role === "owner")
    return { by: "namespace" };
  return home.role === "editor" ? { by: "editor", accountId } : { rejected: "forbidden" };
}

interface NewRepository {
  readonly name: RepositoryName;
  readonly namespace: string;
  readonly visibility: Visibility;
  readonly awaits_manifest: 0 | 1;
  readonly nowMs: number;
}

const insertRepository = prepared((db, row: Placeholders<NewRepository>) =>
  db
    .insertInto("repositories")
    .values({
      name: row.name,
      namespace: row.namespace,
      visibility: row.visibility,
      awaits_manifest: row.awaits_manifest,
      created_at: row.nowMs,
      updated_at: row.nowMs,
    })
    .returning("id"),
);

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
    const action = "org.create";
    await writeAudit(tx, { nowMs, actor, account: namespace, action, subject: namespace });
  }
  const row = { name, namespace, ...columns, nowMs };
  const { id } = await insertRepository.executeTakeFirstOrThrow(tx, row);
  if (right.by === "editor") {
    await addCollaborator(tx, id, right.accountId, "admin");
    // The insert into `collaborators` fires a trigger that sets it to 0. This grant is not from a user, so restore the
    // value.
    await setAwaitsManifest(tx, id, columns.awaits_manifest);
  }
  const data = { visibility: columns.visibility };
  const action = "repo.create";
  await writeAudit(tx, { nowMs, actor, account: namespace, action, subject: name, data });
  await recordEvents(tx, { actor, nowMs }, { type: "repository.created", repository: name });
  return id;
}

async function setAwaitsManifest(tx: Db, id: number, value: 0 | 1): Promise<void> {
  await tx
    .updateTable("repositories")
    .set({ awaits_manifest: value })
    .where("id", "=", id)
    .execute();
}

interface CreateRepository extends Omit<Push, "rules"> {
  readonly visibility: Visibility;
}

/**
 * Creates an empty repository, which the collector keeps. `exists`: the repository existed and is unchanged, but the
 * collector now keeps it too if the actor may create it.
 */
export async function createRepository(
  tx: Db,
  { visibility, ...making }: CreateRepository,
): Promise<"created" | "exists" | Rejection> {
  const known = await lockRepository(tx, making.repository, "change");
  if (known === undefined) await shareName(tx, `namespace ${namespaceOf(making.repository)}`);
  const right = await rightToCreate(tx, making);
  if (known !== undefined) {
    if (!isRejection(right)) await setAwaitsManifest(tx, known.id, 0);
    return "exists";
  }
  if (isRejection(right)) return right;
  await create(tx, making, right, { visibility, awaits_manifest: 0 });
  return "created";
}
