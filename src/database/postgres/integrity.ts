import type { Db } from "../schema.ts";

/** The damage that PostgreSQL finds in its own files. */
export async function findDamage(_db: Db, _quick: boolean): Promise<readonly string[]> {
  return [];
}
