import { sql } from "kysely";
import type { PayloadFormat, WantedEvent } from "../../api/event-types.ts";
import type { Db } from "../schema.ts";

/* The webhooks of the server, of a namespace or of a repository, with the numbers of their deliveries. */

export interface Webhook {
  readonly id: string;
  readonly scope: string;
  readonly url: string;
  readonly format: PayloadFormat;
  readonly events: readonly WantedEvent[];
  readonly isActive: boolean;
  readonly creator: string;
  readonly createdAtMs: number;
  /** The secret before the current one signs deliveries until then; `null`: there is none. */
  readonly oldSecretUntilMs: number | null;
  /** Deliveries have the header `Authorization`. */
  readonly hasAuthorization: boolean;
  readonly waiting: number;
  readonly dead: number;
}

/** More deliveries are shown as this number. */
const countedAtMost = 10_000;

export function createWebhookReads(db: Db) {
  const live = () =>
    db
      .selectFrom("webhooks")
      .where("ended_at", "is", null)
      .select(sql<0 | 1>`CASE WHEN auth_header IS NULL THEN 0 ELSE 1 END`.as("hasAuthorization"));
  const columns = [
    ...(["id", "scope", "url", "format", "creator", "is_active as isActive"] as const),
    ...(["created_at as createdAtMs", "old_secret_until as oldSecretUntilMs"] as const),
  ] as const;
  const countOf = async (id: string, state: "waiting" | "dead"): Promise<number> => {
    const some = db
      .selectFrom("webhook_deliveries")
      .select("id")
      .where("webhook_id", "=", id)
      .where("state", "=", state)
      .limit(countedAtMost);
    const { count } = await db
      .selectFrom(some.as("some"))
      .select(({ fn }) => fn.countAll<number>().as("count"))
      .executeTakeFirstOrThrow();
    return count;
  };
  const wholeOf = async (
    row: Omit<Webhook, "events" | "isActive" | "hasAuthorization" | "waiting" | "dead"> & {
      readonly isActive: 0 | 1;
      readonly hasAuthorization: 0 | 1;
    },
  ): Promise<Webhook> => {
    const wanted = await db
      .selectFrom("webhook_events")
      .select("type")
      .where("webhook_id", "=", row.id)
      .orderBy("type")
      .execute();
    return {
      ...row,
      isActive: row.isActive === 1,
      hasAuthorization: row.hasAuthorization === 1,
      events: wanted.map(({ type }) => type),
      waiting: await countOf(row.id, "waiting"),
      dead: await countOf(row.id, "dead"),
    };
  };
  return {
    /** The webhooks of a scope, the oldest first; at most `limit`. */
    async list(scope: string, limit: number): Promise<readonly Webhook[]> {
      const rows = await live()
        .select(columns)
        .where("scope", "=", scope)
        .orderBy("created_at")
        .orderBy("id")
        .limit(limit)
        .execute();
      return Promise.all(rows.map(wholeOf));
    },

    async find(scope: string, id: string): Promise<Webhook | undefined> {
      const row = await live()
        .select(columns)
        .where("scope", "=", scope)
        .where("id", "=", id)
        .executeTakeFirst();
      return row && wholeOf(row);
    },

    /** The scopes of the active webhooks that want an event. */
    async scopesWanting(type: WantedEvent): Promise<readonly string[]> {
      const rows = await db
        .selectFrom("webhooks")
        .innerJoin("webhook_events", "webhook_events.webhook_id", "webhooks.id")
        .select("scope")
        .distinct()
        .where("is_active", "=", 1)
        .where("type", "=", type)
        .execute();
      return rows.map(({ scope }) => scope);
    },
  };
}
