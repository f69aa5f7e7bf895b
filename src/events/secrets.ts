import { randomBytes } from "node:crypto";
import { createSealing, type KeySecrets } from "../auth/signing-keys/sealing.ts";
import type { SealedSecrets } from "../database/events/webhook-secrets.ts";
import { SecretError } from "./errors.ts";

/** The secrets of webhooks, which the database has encrypted: each delivery is signed, so a hash is not enough. */
export interface WebhookSecrets {
  seal(webhookId: string, secret: string): Buffer;
  /** The secrets that sign a delivery, the newest first. Throws {@link SecretError}. */
  open(
    webhook: SealedSecrets & { readonly oldSecretUntilMs: number | null },
    nowMs: number,
  ): readonly string[];
  /** The same secrets, encrypted with the current key. Throws {@link SecretError}. */
  reseal(webhook: SealedSecrets): SealedSecrets;
}

/** @param secrets encrypt the secrets of webhooks */
export function createWebhookSecrets(secrets: KeySecrets): WebhookSecrets {
  const sealing = createSealing(secrets, "berth webhooks");
  const open = (id: string, sealed: Uint8Array): Buffer => {
    const opened = sealing.open(id, sealed);
    if (opened === undefined)
      throw new SecretError("the secret of the webhook cannot be decrypted: set a new one");
    return opened;
  };
  return {
    seal: (id, secret) => sealing.seal(id, Buffer.from(secret)),
    open({ id, secret, oldSecret, oldSecretUntilMs }, nowMs) {
      const isOldValid = oldSecret !== null && (oldSecretUntilMs ?? 0) > nowMs;
      const sealed = isOldValid ? [secret, oldSecret] : [secret];
      return sealed.map((one) => open(id, one).toString());
    },
    reseal({ id, secret, oldSecret }) {
      const again = (sealed: Uint8Array): Buffer => sealing.seal(id, open(id, sealed));
      return { id, secret: again(secret), oldSecret: oldSecret === null ? null : again(oldSecret) };
    },
  };
}

export const newSecret = (): string => `whsec_${randomBytes(32).toString("base64url")}`;
