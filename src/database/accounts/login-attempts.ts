import { sql } from "kysely";
import { bigint } from "../query-parts.ts";
import type { Db } from "../schema.ts";

/*
 * Token buckets for the wrong passwords of all replicas (GCRA): a row has the time when its bucket is full again. A full
 * bucket needs no row.
 */

export interface AttemptBucket {
  readonly key: string;
  /** The time in which one token returns. */
  readonly everyMs: number;
  /** The number of tokens of a full bucket; `null`: the attempt is counted, but not limited by this bucket. */
  readonly burst: number | null;
}

interface LoginAttempt {
  readonly buckets: readonly AttemptBucket[];
  readonly nowMs: number;
}

/**
 * Takes a token from each bucket, or from none if one is empty.
 * @returns milliseconds until the empty bucket has a token; 0: the tokens are taken
 */
export async function takeLoginAttempt(tx: Db, { buckets, nowMs }: LoginAttempt): Promise<number> {
  const taken: AttemptBucket[] = [];
  // In the order of their keys: two attempts for the same buckets do not wait for each other.
  for (const bucket of inOrder(buckets)) {
    const { key, everyMs, burst } = bucket;
    const latestFullMs = burst === null ? undefined : nowMs + (burst - 1) * everyMs;
    const counted = await tx
      .insertInto("login_attempts")
      .values({ key, full_at: nowMs + everyMs })
      .onConflict((conflict) => {
        const added = conflict.column("key").doUpdateSet({
          full_at: sql`CASE WHEN login_attempts.full_at > ${bigint(nowMs)} THEN login_attempts.full_at
            ELSE ${bigint(nowMs)} END + ${bigint(everyMs)}`,
        });
        return latestFullMs === undefined
          ? added
          : added.where("login_attempts.full_at", "<=", latestFullMs);
      })
      .returning("full_at")
      .executeTakeFirst();
    if (counted === undefined) {
      await returnLoginAttempt(tx, { buckets: taken, nowMs });
      return await waitMs(tx, key, latestFullMs ?? nowMs);
    }
    taken.push(bucket);
  }
  return 0;
}

async function waitMs(tx: Db, key: string, latestFullMs: number): Promise<number> {
  const row = await tx
    .selectFrom("login_attempts")
    .select("full_at")
    .where("key", "=", key)
    .executeTakeFirst();
  return Math.max(1, (row?.full_at ?? 0) - latestFullMs);
}

/** Gives a token back to each bucket: the password was right, or the result is unknown. */
export async function returnLoginAttempt(tx: Db, { buckets, nowMs }: LoginAttempt): Promise<void> {
  for (const { key, everyMs } of inOrder(buckets)) {
    const { full_at: fullAtMs } =
      (await tx
        .updateTable("login_attempts")
        .set({ full_at: sql`full_at - ${bigint(everyMs)}` })
        .where("key", "=", key)
        .returning("full_at")
        .executeTakeFirst()) ?? {};
    if (fullAtMs !== undefined && fullAtMs <= nowMs)
      await tx.deleteFrom("login_attempts").where("key", "=", key).execute();
  }
}

/** Deletes the rows of full buckets. */
export async function deleteFullLoginAttempts(
  tx: Db,
  { nowMs }: { readonly nowMs: number },
): Promise<void> {
  await tx.deleteFrom("login_attempts").where("full_at", "<=", nowMs).execute();
}

const inOrder = (buckets: readonly AttemptBucket[]): readonly AttemptBucket[] =>
  buckets.toSorted((a, b) => (a.key < b.key ? -1 : 1));
