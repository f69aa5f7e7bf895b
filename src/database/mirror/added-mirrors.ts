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
  };
}

/** A mirror beside which a change was found valid. */
type SeenMirror = Pick<AddedMirror, "namespace" | "settings">;

interface AddMirror extends AuditContext, AddedMirror {
  readonly upstream: string;
  /** All mirrors that the API had added before. */
  readonly seen: readonly SeenMirror[];
  /** Mirrors that the API has added. */
  readonly atMost: number;
}

/**
 * `exists`: there is such a mirror already. `user`: a user has the name. `hosted`: the namespace has repositories that were
 * pushed. `outdated`: the mirrors are others than `seen`.
 */
export async function addMirror(
  tx: Db,
  add: AddMirror,
): Promise<"added" | "exists" | "user" | "hosted" | "too many" | "outdated"> {
  const { namespace, visibility, settings, password, actor, nowMs } = add;
  await lockMirrors(tx, namespace);
  if (!(await areAsSeen(tx, add.seen))) return "outdated";
  if (add.seen.some((one) => one.namespace === namespace)) return "exists";
  if (add.seen.length >= add.atMost) return "too many";
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

/** Changes of mirrors run one after another, and one of a namespace after a start that aligns its repositories. */
async function lockMirrors(tx: Db, namespace: string): Promise<void> {
  await lockName(tx, "added mirrors");
  await lockName(tx, `namespace ${namespace}`);
}

async function areAsSeen(tx: Db, seen: readonly SeenMirror[]): Promise<boolean> {
  const now = await tx.selectFrom("added_mirrors").select(["namespace", "settings"]).execute();
  const settings = new Map(seen.map((one) => [one.namespace, one.settings]));
  return (
    now.length === seen.length && now.every((one) => settings.get(one.namespace) === one.settings)
  );
}

/**
 * Whether clients have pushed to the namespace: a mirror that has cached a repository has counted it, and has checked
 * each of its tags.
 */
async function isHosted(tx: Db, namespace: string): Promise<boolean> {
  const pushed = sql<boolean>`(
    NOT EXISTS (SELECT 1 FROM mirror_counters WHERE mirror_counters.namespace = ${namespace})
    OR EXISTS (SELECT 1 FROM tags WHERE tags.repository_id = repositories.id
      AND NOT EXISTS (SELECT 1 FROM mirror_tags
        WHERE mirror_tags.repository = repositories.name AND mirror_tags.tag = tags.name)))`;
  const found = await tx
    .selectFrom("repositories")
    .select("id")
    .where("namespace", "=", namespace)
    .where(pushed)
    .limit(1)
    .executeTakeFirst();
  return found !== undefined;
}

interface ChangeMirror extends AuditContext, Omit<AddedMirror, "password"> {
  /** `undefined`: it stays as it is. */
  readonly password: Uint8Array | null | undefined;
  /** The settings that the change was made from. */
  readonly before: Omit<AddedMirror, "namespace">;
  /** All mirrors that the API had added then. */
  readonly seen: readonly SeenMirror[];
  /** The names of the changed settings, for the audit row. */
  readonly changed: readonly string[];
  readonly upstream: string;
}

/** False: the mirrors are others than `before` and `seen` meanwhile, or there is no such mirror. */
export async function changeMirror(tx: Db, change: ChangeMirror): Promise<boolean> {
  const { namespace, visibility, settings, password, before, actor, nowMs } = change;
  await lockMirrors(tx, namespace);
  if (!(await areAsSeen(tx, change.seen))) return false;
  const values = { visibility, settings, changed_at: nowMs, changed_by: actor.name };
  const { numUpdatedRows } = await tx
    .updateTable("added_mirrors")
    .set(password === undefined ? values : { ...values, password })
    .where("namespace", "=", namespace)
    .where("settings", "=", before.settings)
    .where("visibility", "=", before.visibility)
    .where("password", before.password === null ? "is" : "is not", null)
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
  await lockMirrors(tx, namespace);
  const { numDeletedRows } = await tx
    .deleteFrom("added_mirrors")
    .where("namespace", "=", namespace)
    .executeTakeFirst();
  if (numDeletedRows === 0n) return false;
  await audit(tx, remove, "delete", {});
  return true;
}

/** Replaces the encrypted form of passwords, except of those that have changed meanwhile. */
export async function resealMirrors(
  tx: Db,
  {
    passwords,
  }: {
    readonly passwords: readonly {
      readonly namespace: string;
      readonly before: Uint8Array;
      readonly password: Uint8Array;
    }[];
  },
): Promise<void> {
  for (const { namespace, before, password } of passwords)
    await tx
      .updateTable("added_mirrors")
      .set({ password })
      .where("namespace", "=", namespace)
      .where("password", "=", before)
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
