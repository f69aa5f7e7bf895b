import { randomBytes } from "node:crypto";
import { createSealing, type KeySecrets } from "../auth/signing-keys/sealing.ts";
import type { SealedSecrets } from "../database/events/webhook-secrets.ts";
import { SecretError } from "./errors.ts";

/** A webhook whose header `Authorization` is for the origin of its URL: it does not open for another one. */
type Addressed = Pick<SealedSecrets, "id" | "url">;

/** The secrets of webhooks, which the database has encrypted: each delivery is signed, so a hash is not enough. */
export interface WebhookSecrets {
  seal(webhookId: string, secret: string): Buffer;
  /** The secrets that sign a delivery, the newest first. Throws {@link SecretError}. */
  open(
    webhook: Pick<SealedSecrets, "id" | "secret" | "oldSecret"> & {
      readonly oldSecretUntilMs: number | null;
    },
    nowMs: number,
  ): readonly string[];
  sealAuthorization(webhook: Addressed, header: string): Buffer;
  /** The header `Authorization` of deliveries; `undefined`: there is none, or it does not open. */
  openAuthorization(webhook: Addressed & Pick<SealedSecrets, "authorization">): string | undefined;
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
  const openAuthorization: WebhookSecrets["openAuthorization"] = ({ authorization, ...webhook }) =>
    authorization === null
      ? undefined
      : sealing.open(authorizationOf(webhook), authorization)?.toString();
  const sealAuthorization: WebhookSecrets["sealAuthorization"] = (webhook, header) =>
    sealing.seal(authorizationOf(webhook), Buffer.from(header));
  return {
    seal: (id, secret) => sealing.seal(id, Buffer.from(secret)),
    open({ id, secret, oldSecret, oldSecretUntilMs }, nowMs) {
      const isOldValid = oldSecret !== null && (oldSecretUntilMs ?? 0) > nowMs;
      const sealed = isOldValid ? [secret, oldSecret] : [secret];
      return sealed.map((one) => open(id, one).toString());
    },
    sealAuthorization,
    openAuthorization,
    reseal(webhook) {
      const { id, url, secret, oldSecret } = webhook;
      const again = (sealed: Uint8Array): Buffer => sealing.seal(id, open(id, sealed));
      const header = openAuthorization(webhook);
      return {
        ...{ id, url, secret: again(secret) },
        oldSecret: oldSecret === null ? null : again(oldSecret),
        authorization:
          header === undefined ? webhook.authorization : sealAuthorization(webhook, header),
      };
    },
  };
}

const authorizationOf = ({ id, url }: Addressed): string =>
  `${id} authorization ${new URL(url).origin}`;

export const newSecret = (): string => `whsec_${randomBytes(32).toString("base64url")}`;
