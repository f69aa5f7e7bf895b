import { sql } from "kysely";
import type { Digest } from "../../oci/digest.ts";
import type { RepositoryName } from "../../oci/name.ts";
import type { Tag } from "../../oci/reference.ts";
import type { Visibility } from "../registry/schema.ts";
import type { Db } from "../schema.ts";
import type { DeliveryState, EventType } from "../../api/event-types.ts";

/*
 * The deliveries of events to webhooks. A delivery waits until it is delivered or dead; both can be sent again. Deliveries
 * of one webhook and one subject are sent in the order of their ids: one that waits for its next attempt stops the later
 * ones.
 */

/** An event, as payloads tell it. */
export interface StoredEvent {
  readonly id: number;
  readonly atMs: number;
  readonly type: EventType;
  /** Empty: an anonymous client. */
  readonly actor: string;
  readonly peer: string;
  readonly namespace: string;
  readonly repository: RepositoryName | null;
  readonly tag: Tag | null;
  readonly digest: Digest | null;
  readonly previousDigest: Digest | null;
  readonly mediaType: string | null;
  readonly sizeBytes: number | null;
  readonly visibility: Visibility | null;
  readonly repositoryCreatedAtMs: number | null;
  readonly data: Readonly<Record<string, string | number>>;
}

export interface DueDelivery {
  readonly id: number;
  readonly subject: string;
  /** Attempts since it waits. */
  readonly attempts: number;
  readonly triedSinceMs: number | null;
  readonly event: StoredEvent;
}

/** A delivery in the log of a webhook. */
export interface Delivery {
  readonly id: number;
  readonly state: DeliveryState;
  readonly attempts: number;
  /** `null`: it is not sent again by itself. */
  readonly nextAtMs: number | null;
  readonly endedAtMs: number | null;
  /** Of the last answer; `null`: there was none. */
  readonly status: number | null;
  /** The begin of the last answer, or why there was none. */
  readonly answer: string | null;
  readonly durationMs: number | null;
  readonly event: StoredEvent;
}

const eventColumns = [
  ...(["events.id as eventId", "events.at as at", "events.type as type"] as const),
  ...(["events.actor as actor", "events.peer as peer", "events.namespace as namespace"] as const),
  ...(["events.repository as repository", "events.tag as tag"] as const),
  ...(["events.digest as digest", "events.previous_digest as previousDigest"] as const),
  ...(["events.media_type as mediaType", "events.size_bytes as sizeBytes"] as const),
  ...(["events.visibility as visibility", "events.data as data"] as const),
  "events.repository_created_at as repositoryCreatedAtMs",
] as const;

type EventRow = Omit<StoredEvent, "id" | "atMs" | "data"> & {
  readonly eventId: number;
  readonly at: number;
  readonly data: string;
};

const eventOf = (row: EventRow): StoredEvent => ({
  id: row.eventId,
  atMs: row.at,
  type: row.type,
  actor: row.actor,
  peer: row.peer,
  namespace: row.namespace,
  repository: row.repository,
  tag: row.tag,
  digest: row.digest,
  previousDigest: row.previousDigest,
  mediaType: row.mediaType,
  sizeBytes: row.sizeBytes,
  visibility: row.visibility,
  repositoryCreatedAtMs: row.repositoryCreatedAtMs,
  data: JSON.parse(row.data) as Record<string, string | number>,
});

const withEvents = (db: Db) =>
  db
    .selectFrom("webhook_deliveries as delivery")
    .innerJoin("events", "events.id", "delivery.event_id");

const logOf = (db: Db, webhookId: string) =>
  withEvents(db)
    .select(["delivery.id as id", "delivery.state as state", "delivery.attempts as attempts"])
    .select(["delivery.next_at as nextAtMs", "delivery.ended_at as endedAtMs"])
    .select(["delivery.status as status", "delivery.answer as answer"])
    .select("delivery.duration_ms as durationMs")
    .select(eventColumns)
    .where("delivery.webhook_id", "=", webhookId);

function deliveryOf(
  row: EventRow & Omit<Delivery, "event" | "nextAtMs"> & { readonly nextAtMs: number },
): Delivery {
  const { id, state, attempts, endedAtMs, status, answer, durationMs } = row;
  const nextAtMs = state === "waiting" ? row.nextAtMs : null;
  return {
    ...{ id, state, attempts, nextAtMs, endedAtMs, status, answer, durationMs },
    event: eventOf(row),
  };
}

export function createDeliveryReads(db: Db) {
  return {
    /** The webhooks with deliveries that are due. */
    async webhooksDue(nowMs: number): Promise<readonly string[]> {
      const rows = await db
        .selectFrom("webhook_deliveries")
        .select("webhook_id as id")
        .distinct()
        .where(isWaiting)
        .where("next_at", "<=", nowMs)
        .execute();
      return rows.map(({ id }) => id);
    },

    /** Deliveries of a webhook that may be sent now, in the order of their ids. */
    async due(webhookId: string, nowMs: number, limit: number): Promise<readonly DueDelivery[]> {
      const rows = await withEvents(db)
        .select(["delivery.id as id", "delivery.subject as subject"])
        .select(["delivery.attempts as attempts", "delivery.tried_since as triedSinceMs"])
        .select(eventColumns)
        .where("delivery.webhook_id", "=", webhookId)
        .where(sql<boolean>`delivery.state = 'waiting'`)
        .where("delivery.next_at", "<=", nowMs)
        .where(
          sql<boolean>`NOT EXISTS (SELECT 1 FROM webhook_deliveries AS earlier
            WHERE earlier.webhook_id = ${webhookId} AND earlier.state = 'waiting'
              AND earlier.subject = delivery.subject AND earlier.id < delivery.id AND earlier.next_at > ${nowMs})`,
        )
        .orderBy("delivery.id")
        .limit(limit)
        .execute();
      return rows.map((row) => {
        const { id, subject, attempts, triedSinceMs } = row;
        return { id, subject, attempts, triedSinceMs, event: eventOf(row) };
      });
    },

    /** The newest first, before the id `before`. */
    async list(
      webhookId: string,
      query: {
        readonly state: DeliveryState | undefined;
        readonly before: number | undefined;
        readonly limit: number;
      },
    ): Promise<readonly Delivery[]> {
      const { state, before, limit } = query;
      const rows = await logOf(db, webhookId)
        .$if(state !== undefined, (all) => all.where("delivery.state", "=", state as DeliveryState))
        .$if(before !== undefined, (all) => all.where("delivery.id", "<", before ?? 0))
        .orderBy("delivery.id", "desc")
        .limit(limit)
        .execute();
      return rows.map(deliveryOf);
    },

    async find(webhookId: string, id: number): Promise<Delivery | undefined> {
      const row = await logOf(db, webhookId).where("delivery.id", "=", id).executeTakeFirst();
      return row && deliveryOf(row);
    },
  };
}

/** A literal, so that the partial indexes are used. */
export const isWaiting = sql<boolean>`state = 'waiting'`;
