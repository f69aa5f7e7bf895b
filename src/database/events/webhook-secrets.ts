import type { PayloadFormat } from "../../api/event-types.ts";
import type { Db } from "../schema.ts";
import { auditWebhook, type WebhookChange } from "./webhooks.ts";

/*
 * The secrets of webhooks, which sign deliveries, and the header `Authorization` that deliveries have. The domain encrypts
 * them: see `events/secrets.ts`.
 */

/** The encrypted secrets of a webhook. */
export interface SealedSecrets {
  readonly id: string;
  readonly url: string;
  readonly secret: Uint8Array;
  readonly oldSecret: Uint8Array | null;
  readonly authorization: Uint8Array | null;
}

/** What a delivery needs of its webhook. */
export interface Receiver extends SealedSecrets {
  readonly format: PayloadFormat;
  readonly oldSecretUntilMs: number | null;
}

const sealedColumns = [
  ...(["id", "url", "secret", "old_secret as oldSecret"] as const),
  "auth_header as authorization",
] as const;

export function createWebhookSecretReads(db: Db) {
  return {
    /** A webhook whose deliveries may be sent: not of one that is switched off. */
    receiver: (id: string): Promise<Receiver | undefined> =>
      db
        .selectFrom("webhooks")
        .select(sealedColumns)
        .select(["format", "old_secret_until as oldSecretUntilMs"])
        .where("id", "=", id)
        .where((row) => row.or([row("is_active", "=", 1), row("ended_at", "is not", null)]))
        .executeTakeFirst(),

    all: (): Promise<readonly SealedSecrets[]> =>
      db.selectFrom("webhooks").select(sealedColumns).execute(),
  };
}

interface RotateWebhookSecret extends WebhookChange {
  readonly secret: Uint8Array;
  /** The secret before signs until then. */
  readonly oldUntilMs: number;
}

/** Replaces the secret. False: there is no such webhook. */
export async function rotateWebhookSecret(tx: Db, change: RotateWebhookSecret): Promise<boolean> {
  const { id, scope, secret, oldUntilMs } = change;
  const changed = await tx
    .updateTable("webhooks")
    .set((row) => ({ secret, old_secret: row.ref("secret"), old_secret_until: oldUntilMs }))
    .where("id", "=", id)
    .where("scope", "=", scope)
    .where("ended_at", "is", null)
    .executeTakeFirst();
  if (changed.numUpdatedRows === 0n) return false;
  await auditWebhook(tx, change, "update", { secret: "rotated" });
  return true;
}

/** Replaces the encrypted form of the secrets of webhooks that still exist. */
export async function resealWebhooks(
  tx: Db,
  { secrets }: { readonly secrets: readonly Omit<SealedSecrets, "url">[] },
): Promise<void> {
  for (const { id, secret, oldSecret, authorization } of secrets)
    await tx
      .updateTable("webhooks")
      .set({ secret, old_secret: oldSecret, auth_header: authorization })
      .where("id", "=", id)
      .execute();
}
