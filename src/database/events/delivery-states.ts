import { sql } from "kysely";
import type { RepositoryName } from "../../oci/name.ts";
import { dialectOf } from "../dialect.ts";
import type { Db } from "../schema.ts";
import type { AuditContext } from "./audit.ts";
import { isWaiting } from "./deliveries.ts";

/* What changes a delivery: an attempt, a client that wants it again, and its age. */

/** What an attempt came to. */
export type AttemptOutcome =
  | { readonly kind: "delivered" }
  | { readonly kind: "dead" }
  | {
      readonly kind: "failed";
      readonly nextAtMs: number;
      /** The receiver did not answer, or said that it is not available. */
      readonly isUnreachable: boolean;
      /** The deliveries that wait with it: all that are due of the receiver, or those behind it. */
      readonly postpones: "all" | "subject" | "nothing";
    };

interface RecordAttempt {
  readonly id: number;
  readonly webhookId: string;
  readonly subject: string;
  readonly outcome: AttemptOutcome;
  readonly status: number | null;
  readonly answer: string;
  readonly durationMs: number;
  /** The receiver answers again: deliveries that wait because it did not answer are due now. */
  readonly isBack: boolean;
  readonly nowMs: number;
}

/** Records an attempt of a delivery that waits. After a deletion of its webhook it does nothing. */
export async function recordAttempt(tx: Db, attempt: RecordAttempt): Promise<void> {
  const { id, webhookId, subject, outcome, status, answer, nowMs } = attempt;
  const isOver = outcome.kind !== "failed";
  const nextAtMs = isOver ? nowMs : outcome.nextAtMs;
  await tx
    .updateTable("webhook_deliveries")
    .set((row) => ({
      attempts: sql<number>`attempts + 1`,
      tried_since: row.fn.coalesce("tried_since", sql<number>`CAST(${nowMs} AS bigint)`),
      ...{ state: isOver ? outcome.kind : "waiting", ended_at: isOver ? nowMs : null },
      ...{ next_at: nextAtMs, status, answer, duration_ms: attempt.durationMs },
      is_unreachable: outcome.kind === "failed" && outcome.isUnreachable ? 1 : 0,
    }))
    .where("id", "=", id)
    .where("state", "=", "waiting")
    .execute();
  if (outcome.kind === "failed" && outcome.postpones !== "nothing")
    await postpone(tx, {
      ...{ webhookId, nowMs, nextAtMs },
      subject: outcome.postpones === "all" ? undefined : subject,
    });
  if (attempt.isBack) await resume(tx, webhookId, nowMs);
}

/**
 * The deliveries that would fail too wait as long: those behind it, or all that are due of a receiver that does not answer.
 */
async function postpone(
  tx: Db,
  of: {
    readonly webhookId: string;
    /** `undefined`: all subjects. */
    readonly subject: string | undefined;
    readonly nowMs: number;
    readonly nextAtMs: number;
  },
): Promise<void> {
  const { webhookId, subject, nowMs, nextAtMs } = of;
  const unreachable = {
    is_unreachable: 1,
    attempts: sql<number>`attempts + 1`,
    tried_since: sql<number>`coalesce(tried_since, CAST(${nowMs} AS bigint))`,
  } as const;
  await tx
    .updateTable("webhook_deliveries")
    .set({ next_at: nextAtMs, ...(subject === undefined ? unreachable : {}) })
    .where("webhook_id", "=", webhookId)
    .where(isWaiting)
    .where("next_at", "<=", nowMs)
    .$if(subject !== undefined, (rows) => rows.where("subject", "=", subject ?? ""))
    .execute();
}

/** Makes the deliveries due that wait for a receiver that did not answer. */
async function resume(tx: Db, webhookId: string, nowMs: number): Promise<void> {
  await tx
    .updateTable("webhook_deliveries")
    .set({ next_at: nowMs })
    .where("webhook_id", "=", webhookId)
    .where(isWaiting)
    .where("is_unreachable", "=", 1)
    .where("next_at", ">", nowMs)
    .execute();
}

interface OfWebhook extends AuditContext {
  readonly scope: string;
  readonly webhookId: string;
}

const isOfScope = (tx: Db, { scope, webhookId }: OfWebhook) =>
  tx
    .selectFrom("webhooks")
    .select("id")
    .where("id", "=", webhookId)
    .where("scope", "=", scope)
    .where("ended_at", "is", null);

/** Sends a delivery again, whatever its state is. False: there is no such delivery. */
export async function redeliver(
  tx: Db,
  again: OfWebhook & { readonly deliveryId: number },
): Promise<boolean> {
  const { deliveryId, webhookId, nowMs } = again;
  const changed = await tx
    .updateTable("webhook_deliveries")
    .set({ state: "waiting", attempts: 0, tried_since: null, next_at: nowMs, ended_at: null })
    .set({ is_unreachable: 0 })
    .where("id", "=", deliveryId)
    .where("webhook_id", "=", webhookId)
    .where("webhook_id", "in", isOfScope(tx, again))
    .executeTakeFirst();
  return changed.numUpdatedRows > 0n;
}

/** Sends all dead deliveries again; resolves with their number, at most `limit`. */
export async function redeliverDead(
  tx: Db,
  again: OfWebhook & { readonly limit: number },
): Promise<number> {
  const { webhookId, nowMs, limit } = again;
  const dead = tx
    .selectFrom("webhook_deliveries")
    .select("id")
    .where("webhook_id", "=", webhookId)
    .where("webhook_id", "in", isOfScope(tx, again))
    .where("state", "=", "dead")
    .orderBy("id")
    .limit(limit);
  const changed = await tx
    .updateTable("webhook_deliveries")
    .set({ state: "waiting", attempts: 0, tried_since: null, next_at: nowMs, ended_at: null })
    .set({ is_unreachable: 0 })
    .where("id", "in", dead)
    .executeTakeFirst();
  return Number(changed.numUpdatedRows);
}

/** Sends a `ping` to a webhook; one that is switched off gets it later. Returns the id of its delivery. */
export async function pingWebhook(tx: Db, ping: OfWebhook): Promise<number | undefined> {
  const { scope, webhookId, actor, nowMs } = ping;
  if ((await isOfScope(tx, ping).executeTakeFirst()) === undefined) return undefined;
  const repository = scope.includes("/") ? (scope as RepositoryName) : null;
  const namespace = scope === "" ? "berth" : (scope.split("/")[0] ?? scope);
  const event = await tx
    .insertInto("events")
    .values({
      ...{ at: nowMs, type: "ping", actor: actor.name, peer: actor.peer, namespace, repository },
      data: JSON.stringify({ webhook: webhookId }),
    })
    .returning("id")
    .executeTakeFirstOrThrow();
  const { id } = await tx
    .insertInto("webhook_deliveries")
    .values({ webhook_id: webhookId, event_id: event.id, subject: "ping", next_at: nowMs })
    .returning("id")
    .executeTakeFirstOrThrow();
  return id;
}

interface PruneDeliveries {
  readonly deliveredBeforeMs: number;
  readonly deadBeforeMs: number;
  /** Rows of one transaction. */
  readonly limit: number;
}

/**
 * Deletes old deliveries, the events that no delivery needs, and ended webhooks that have told everything. Returns the
 * number of deliveries.
 */
export async function pruneDeliveries(tx: Db, prune: PruneDeliveries): Promise<number> {
  const { deliveredBeforeMs, deadBeforeMs, limit } = prune;
  const old = await tx
    .selectFrom("webhook_deliveries")
    .select("id")
    .where("ended_at", "is not", null)
    .where((row) =>
      row.or([
        row.and([row("state", "=", "delivered"), row("ended_at", "<", deliveredBeforeMs)]),
        row.and([row("state", "=", "dead"), row("ended_at", "<", deadBeforeMs)]),
      ]),
    )
    .orderBy("ended_at")
    .limit(limit)
    .execute();
  const ids = old.map(({ id }) => id);
  await tx.deleteFrom("webhook_deliveries").where(dialectOf(tx).isOneOf("id", ids)).execute();
  await sql`
    DELETE FROM events WHERE id IN (SELECT id FROM events WHERE at < ${deliveredBeforeMs}
      AND NOT EXISTS (SELECT 1 FROM webhook_deliveries WHERE event_id = events.id)
      ORDER BY id LIMIT ${limit})`.execute(tx);
  await tx
    .deleteFrom("webhooks")
    .where("ended_at", "is not", null)
    .where(
      sql<boolean>`NOT EXISTS (SELECT 1 FROM webhook_deliveries
        WHERE webhook_deliveries.webhook_id = webhooks.id AND webhook_deliveries.state = 'waiting')`,
    )
    .execute();
  return old.length;
}
