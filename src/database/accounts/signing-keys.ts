import { lockName } from "../locks.ts";
import type { Db } from "../schema.ts";

/* The keys that sign tokens, for replicas. The domain encrypts them: see `auth/signing-keys/`. */

interface SealedKey {
  readonly id: string;
  readonly sealed: Uint8Array;
}

export function createSigningKeyReads(db: Db) {
  return {
    /** Newest first. */
    list: (): Promise<readonly SealedKey[]> =>
      db.selectFrom("signing_keys").select(["id", "sealed"]).orderBy("id", "desc").execute(),
  };
}

interface AddSigningKey extends SealedKey {
  readonly algorithm: string;
  readonly createdAtMs: number;
  /** Id of the newest key that the caller knows. */
  readonly before: string | undefined;
}

/** False, and nothing is added: another process has added a key that is newer than `before`. */
export async function addSigningKey(tx: Db, key: AddSigningKey): Promise<boolean> {
  // So that two replicas at their first start do not both find no key.
  await lockName(tx, "signing keys");
  const newest = await tx
    .selectFrom("signing_keys")
    .select("id")
    .orderBy("id", "desc")
    .limit(1)
    .executeTakeFirst();
  if (newest !== undefined && newest.id > (key.before ?? "")) return false;
  const { id, algorithm, createdAtMs, sealed } = key;
  await tx
    .insertInto("signing_keys")
    .values({ id, algorithm, created_at: createdAtMs, sealed })
    .execute();
  return true;
}

export async function removeSigningKey(tx: Db, { id }: { readonly id: string }): Promise<void> {
  await tx.deleteFrom("signing_keys").where("id", "=", id).execute();
}

/** Replaces the encrypted form of keys that still exist. */
export async function resealSigningKeys(
  tx: Db,
  { keys }: { readonly keys: readonly SealedKey[] },
): Promise<void> {
  for (const { id, sealed } of keys)
    await tx.updateTable("signing_keys").set({ sealed }).where("id", "=", id).execute();
}
