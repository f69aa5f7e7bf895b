import { sql } from "kysely";
import { writeAudit, type AuditContext } from "../events/audit.ts";
import { lockName } from "../locks.ts";
import type { Visibility } from "../registry/schema.ts";
import type { Db } from "../schema.ts";
import { alignMirror } from "./mirrors.ts";

/* The mirrors that the API has added. The domain checks their settings and encrypts their passwords. */

export interface AddedMirror {
  readonly namespace: string;
  readonly visibility: Visibility;
  /** JSON: the other keys of an entry of `mirrors`, as in the configuration; without the password. */
  readonly settings: string;
  /** Encrypted; `null`: none. */
  readonly password: Uint8Array | null;
}

export function createAddedMirrorReads(db: Db) {
  return {
    /** In the order of their namespaces. */
    all: (): Promise<readonly AddedMirror[]> =>
      db
        .selectFrom("added_mirrors")
        .select(["namespace", "visibility", "settings", "password"])
        .orderBy("namespace")
        .execute(),

    visibilities: (): Promise<readonly Pick<AddedMirror, "namespace" | "visibility">[]> =>
      db.selectFrom("added_mirrors").select(["namespace", "visibility"]).execute(),

    find: (namespace: string): Promise<AddedMirror | undefined> =>
      db
        .selectFrom("added_mirrors")
        .select(["namespace", "visibility", "settings", "password"])
        .where("namespace", "=", namespace)
        .executeTakeFirst(),
  };
}

interface AddMirror extends AuditContext, AddedMirror {
  readonly upstream: string;
  /** Mirrors that the API has added. */
  readonly atMost: number;
}

/**
 * `exists`: there is such a mirror already. `user`: a user has the name. `hosted`: the namespace has repositories and was
 * never a mirror.
 */
export async function addMirror(
  tx: Db,
  add: AddMirror,
): Promise<"added" | "exists" | "user" | "hosted" | "too many"> {
  const { namespace, visibility, settings, password, actor, nowMs } = add;
  await lockName(tx, `namespace ${namespace}`);
  const known = await tx.selectFrom("added_mirrors").select("namespace").execute();
  if (known.some((one) => one.namespace === namespace)) return "exists";
  if (known.length >= add.atMost) return "too many";
  const account = await tx
    .selectFrom("accounts")
    .select("kind")
    .where("name", "=", namespace)
    .executeTakeFirst();
  if (account?.kind === "user") return "user";
  if (await isHosted(tx, namespace)) return "hosted";
  await tx
    .insertInto("added_mirrors")
    .values({
      namespace,
      visibility,
      settings,
      password,
      changed_at: nowMs,
      changed_by: actor.name,
    })
    .execute();
  await alignMirror(tx, { namespace, visibility, nowMs });
  await audit(tx, add, "create", { upstream: add.upstream });
  return "added";
}

/** A mirror that has cached a repository has counted it. */
async function isHosted(tx: Db, namespace: string): Promise<boolean> {
  const found = await tx
    .selectFrom("repositories")
    .select("id")
    .where("namespace", "=", namespace)
    .where(
      sql<boolean>`NOT EXISTS (SELECT 1 FROM mirror_counters WHERE mirror_counters.namespace = ${namespace})`,
    )
    .limit(1)
    .executeTakeFirst();
  return found !== undefined;
}

interface ChangeMirror extends AuditContext, AddedMirror {
  /** The settings that the change was made from. */
  readonly before: Pick<AddedMirror, "settings" | "visibility">;
  /** The names of the changed settings, for the audit row. */
  readonly changed: readonly string[];
  readonly upstream: string;
}

/** False: the settings are others than `before` meanwhile, or there is no such mirror. */
export async function changeMirror(tx: Db, change: ChangeMirror): Promise<boolean> {
  const { namespace, visibility, settings, password, before, actor, nowMs } = change;
  const { numUpdatedRows } = await tx
    .updateTable("added_mirrors")
    .set({ visibility, settings, password, changed_at: nowMs, changed_by: actor.name })
    .where("namespace", "=", namespace)
    .where("settings", "=", before.settings)
    .where("visibility", "=", before.visibility)
    .executeTakeFirst();
  if (numUpdatedRows === 0n) return false;
  await alignMirror(tx, { namespace, visibility, nowMs });
  await audit(tx, change, "update", {
    upstream: change.upstream,
    changed: change.changed.join(" "),
  });
  return true;
}

/** Its repositories stay. False: there is no such mirror. */
export async function removeMirror(
  tx: Db,
  remove: AuditContext & { readonly namespace: string },
): Promise<boolean> {
  const { namespace } = remove;
  const { numDeletedRows } = await tx
    .deleteFrom("added_mirrors")
    .where("namespace", "=", namespace)
    .executeTakeFirst();
  if (numDeletedRows === 0n) return false;
  await audit(tx, remove, "delete", {});
  return true;
}

/** Replaces the encrypted form of passwords. */
export async function resealMirrors(
  tx: Db,
  {
    passwords,
  }: {
    readonly passwords: readonly { readonly namespace: string; readonly password: Uint8Array }[];
  },
): Promise<void> {
  for (const { namespace, password } of passwords)
    await tx
      .updateTable("added_mirrors")
      .set({ password })
      .where("namespace", "=", namespace)
      .where("password", "is not", null)
      .execute();
}

const audit = (
  tx: Db,
  { namespace, actor, nowMs }: AuditContext & { readonly namespace: string },
  verb: "create" | "update" | "delete",
  data: Record<string, string>,
): Promise<void> => {
  const row = { action: `server.mirror.${verb}` as const, subject: namespace, data };
  return writeAudit(tx, { nowMs, actor, account: "berth", ...row });
};
