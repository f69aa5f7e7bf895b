import { openWithPassphrase, sealWithPassphrase } from "../auth/signing-keys/passphrase.ts";
import type { PassphraseSealed } from "../auth/signing-keys/passphrase.ts";
import { parseKey, type SigningKey } from "../auth/signing-keys/key.ts";
import type { Config } from "../config/schema.ts";
import type { Database } from "../database/contract.ts";
import { SecretError } from "../events/errors.ts";
import { openMirrorSealing } from "./added-mirrors.ts";
import type { AppContext } from "./context.ts";
import { sourceKeys } from "./database-copy.ts";
import { openWebhookSecrets } from "./webhooks.ts";

/*
 * What the database of a registry does not have, or has encrypted for this registry alone. A backup has it encrypted with a
 * passphrase, so that a registry with another database and other secrets can be restored.
 */

export interface RegistrySecrets {
  /** The keys that sign tokens, the newest first. */
  readonly keys: readonly SigningKey[];
  readonly webhooks: readonly WebhookSecret[];
  /** The passwords of the mirrors that the API has added. */
  readonly mirrors: readonly MirrorPassword[];
}

interface MirrorPassword {
  readonly namespace: string;
  readonly password: string;
}

interface WebhookSecret {
  readonly id: string;
  readonly secret: string;
  /** `null`: there was none before. */
  readonly oldSecret: string | null;
  /** A backup of before headers existed has none. */
  readonly authorization?: { readonly url: string; readonly header: string } | undefined;
}

/** @param copy the copy of the database, which names the webhooks and the mirrors */
export async function readSecrets(
  context: AppContext,
  copy: Pick<Database, "webhookSecrets" | "addedMirrors">,
): Promise<RegistrySecrets> {
  const keys = (await (await sourceKeys(context, await context.database()))?.list()) ?? [];
  return {
    keys,
    webhooks: await readWebhookSecrets(context.config, copy),
    mirrors: await readMirrorPasswords(context.config, copy),
  };
}

async function readMirrorPasswords(
  config: Config,
  { addedMirrors }: Pick<Database, "addedMirrors">,
): Promise<readonly MirrorPassword[]> {
  const withPassword = (await addedMirrors.all()).filter(({ password }) => password !== null);
  if (withPassword.length === 0 || !canDecrypt(config)) return [];
  const sealing = await openMirrorSealing(config);
  return withPassword.flatMap(({ namespace, password }) => {
    const opened = password === null ? undefined : sealing.open(namespace, password);
    // A password that does not open is lost in the registry too.
    return opened === undefined ? [] : [{ namespace, password: opened.toString() }];
  });
}

async function readWebhookSecrets(
  config: Config,
  { webhookSecrets }: Pick<Database, "webhookSecrets">,
): Promise<readonly WebhookSecret[]> {
  const webhooks = await webhookSecrets.all();
  if (webhooks.length === 0 || !canDecrypt(config)) return [];
  const secrets = await openWebhookSecrets(config);
  const found: WebhookSecret[] = [];
  for (const webhook of webhooks) {
    try {
      const ofAllTimes = { ...webhook, oldSecretUntilMs: Number.MAX_SAFE_INTEGER };
      const [secret = "", oldSecret = null] = secrets.open(ofAllTimes, 0);
      const header = secrets.openAuthorization(webhook);
      const authorization = header === undefined ? undefined : { url: webhook.url, header };
      found.push({ id: webhook.id, secret, oldSecret, authorization });
    } catch (error) {
      // Its secret is lost in the registry too.
      if (!(error instanceof SecretError)) throw error;
    }
  }
  return found;
}

const canDecrypt = ({ database, auth }: Config): boolean =>
  database.url === undefined || auth.keySecret !== undefined;

/** @param instance the id of the registry */
export function sealSecrets(
  { keys, webhooks, mirrors }: RegistrySecrets,
  passphrase: string,
  instance: string,
): Promise<PassphraseSealed> {
  const plain = keys.map(({ id, privateKey }) => ({
    id,
    pkcs8: privateKey.export({ type: "pkcs8", format: "der" }).toString("base64"),
  }));
  return sealWithPassphrase(
    JSON.stringify({ keys: plain, webhooks, mirrors }),
    passphrase,
    instance,
  );
}

/** `undefined`: the passphrase is another one. */
export async function openSecrets(
  sealed: PassphraseSealed,
  passphrase: string,
  instance: string,
): Promise<RegistrySecrets | undefined> {
  const text = await openWithPassphrase(sealed, passphrase, instance);
  if (text === undefined) return undefined;
  // A backup of before they existed has no mirrors.
  const {
    keys,
    webhooks,
    mirrors = [],
  } = JSON.parse(text) as {
    readonly keys: readonly { readonly id: string; readonly pkcs8: string }[];
    readonly webhooks: readonly WebhookSecret[];
    readonly mirrors?: readonly MirrorPassword[];
  };
  const parsed = keys.map(({ id, pkcs8 }) => parseKey(id, Buffer.from(pkcs8, "base64")));
  return { keys: parsed.filter((key) => key !== undefined), webhooks, mirrors };
}

/**
 * Encrypts the secrets of webhooks and the passwords of mirrors for a restored registry. Returns the number of the
 * webhooks.
 */
export async function writeSecrets(
  config: Config,
  { commands, addedMirrors }: Pick<Database, "commands" | "addedMirrors">,
  { webhooks, mirrors }: Pick<RegistrySecrets, "webhooks" | "mirrors">,
): Promise<number> {
  if (!canDecrypt(config)) return 0;
  if (mirrors.length > 0) {
    const sealing = await openMirrorSealing(config);
    const rows = new Map((await addedMirrors.all()).map((row) => [row.namespace, row.password]));
    const passwords = mirrors.flatMap(({ namespace, password }) => {
      const before = rows.get(namespace) ?? undefined;
      const sealed = sealing.seal(namespace, Buffer.from(password));
      return before === undefined ? [] : [{ namespace, before, password: sealed }];
    });
    await commands.resealMirrors({ passwords });
  }
  if (webhooks.length === 0) return 0;
  const secrets = await openWebhookSecrets(config);
  const sealed = webhooks.map(({ id, secret, oldSecret, authorization }) => ({
    id,
    secret: secrets.seal(id, secret),
    oldSecret: oldSecret === null ? null : secrets.seal(id, oldSecret),
    authorization:
      authorization === undefined
        ? null
        : secrets.sealAuthorization({ id, url: authorization.url }, authorization.header),
  }));
  await commands.resealWebhooks({ secrets: sealed });
  return webhooks.length;
}
