import { LRUCache } from "lru-cache";
import type { Database } from "../../database/contract.ts";
import type { Actor } from "../../database/permissions/authority.ts";
import type { UploadRow } from "../../database/registry/schema.ts";
import { OciError } from "../../oci/errors.ts";
import type { Clock } from "../leases.ts";
import type { UploadSessions } from "./sessions.ts";

/** Sessions that were unused for this long end when their account needs sessions. */
const leftAloneMs = 3_600_000;
const countedForMs = 1_000;

/**
 * Counts the sessions of the actor's account before a session begins. The rows are counted once a second per account,
 * and again when the limit is reached. At the limit, `endOldest` ends a session that was unused for one hour. Throws
 * TOOMANYREQUESTS if the account has no such session.
 */
export function createSessionCount(parts: {
  readonly database: Pick<Database, "uploads">;
  readonly clock: Clock;
  readonly limit: () => number;
  readonly sessions: Pick<UploadSessions, "unpersistedOf">;
  readonly endOldest: (row: UploadRow) => Promise<void>;
}): (actor: Actor) => Promise<void> {
  const { database, clock, limit, sessions, endOldest } = parts;
  const counted = new LRUCache<string, number>({
    max: 10_000,
    ttl: countedForMs,
    noUpdateTTL: true,
  });

  return async ({ accountId }) => {
    const key = String(accountId);
    const most = limit();
    let known = counted.get(key);
    if (known === undefined || known >= most) {
      known = (await database.uploads.countOf(accountId, most)) + sessions.unpersistedOf(accountId);
      if (known >= most) {
        const oldest = await database.uploads.oldestOf(accountId, clock() - leftAloneMs);
        if (oldest === undefined) throw tooMany(most);
        await endOldest(oldest);
        known -= 1;
      }
      counted.delete(key);
    }
    counted.set(key, known + 1);
  };
}

function tooMany(limit: number): OciError {
  return new OciError(
    "TOOMANYREQUESTS",
    `the maximum of ${limit} open uploads (limits.uploadsPerAccount) is reached: finish some, or try later`,
    { headers: { "Retry-After": "60" }, detail: { limit } },
  );
}
