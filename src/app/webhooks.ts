import { randomBytes } from "node:crypto";
import { link, mkdir, open, readFile, rm } from "node:fs/promises";
import path from "node:path";
import type { KeySecrets } from "../auth/signing-keys/sealing.ts";
import { packageVersion } from "../config/package-version.ts";
import { formatListenAddress } from "../config/addresses.ts";
import type { Config } from "../config/schema.ts";
import { readProxies } from "../config/sources.ts";
import { Dispatcher } from "../events/dispatcher.ts";
import { WebhookError } from "../events/errors.ts";
import type { Teller } from "../events/payloads.ts";
import { createWebhookSecrets, type WebhookSecrets } from "../events/secrets.ts";
import { receiverAddresses } from "../events/receivers.ts";
import { createWebhooks, type Webhooks } from "../events/webhooks.ts";
import type { AppContext } from "./context.ts";
import { keysFolder } from "./data-folder.ts";
import { leadershipOf } from "./replica.ts";

/* The webhooks of a server or a command, and the process that sends their deliveries. */

export interface OpenWebhooks {
  readonly webhooks: Webhooks;
  /** What decrypts their secrets. The first use creates it. */
  readonly secrets: () => Promise<WebhookSecrets>;
  /** Encrypts all secrets with the current `auth.keySecret`; resolves with the ids of the webhooks. */
  readonly reseal: () => Promise<readonly string[]>;
}

export async function openWebhooks(context: AppContext): Promise<OpenWebhooks> {
  const { config, clock } = context;
  let made: Promise<WebhookSecrets> | undefined;
  const secrets = (): Promise<WebhookSecrets> => (made ??= openWebhookSecrets(config));
  const addresses = receiverAddresses(config.webhooks.allowedNetworks);
  const database = await context.database();
  const teller = tellerOf(config);
  return {
    webhooks: createWebhooks({ database, addresses, secrets, teller, clock }),
    secrets,
    async reseal() {
      const known = await database.webhookSecrets.all();
      if (known.length === 0) return [];
      const opened = await secrets();
      await database.commands.resealWebhooks({ secrets: known.map((one) => opened.reseal(one)) });
      return known.map(({ id }) => id);
    },
  };
}

/** What payloads tell of the server. Without `publicUrl` it is the address on which the server listens. */
function tellerOf({ publicUrl, listen, tls }: Config): Teller {
  const address = formatListenAddress({ ...listen, host: listen.host || "localhost" });
  const url = publicUrl ?? `${tls === undefined ? "http" : "https"}://${address}`;
  return { url, version: packageVersion() };
}

/** The secrets of webhooks, encrypted as {@link readSealingSecrets} says. */
export const openWebhookSecrets = async (config: Config): Promise<WebhookSecrets> =>
  createWebhookSecrets(await readSealingSecrets(config, "webhooks"));

/**
 * What encrypts secrets in the database: with `database.url` it is `auth.keySecret`, otherwise a file in the data folder.
 * @param what is encrypted, for the message
 * @throws WebhookError without a secret
 */
export async function readSealingSecrets(config: Config, what: string): Promise<KeySecrets> {
  if (config.database.url === undefined) {
    const current = await readOrCreateSecret(path.join(keysFolder(config), "webhooks.secret"));
    return { current, old: undefined };
  }
  const { keySecret: current, oldKeySecret: old } = config.auth;
  if (current === undefined)
    throw new WebhookError("conflict", `${what} with database.url need auth.keySecret`);
  return { current, old };
}

async function readOrCreateSecret(file: string): Promise<string> {
  const known = await readSecret(file);
  if (known !== undefined) return known;
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  const written = `${file}.${randomBytes(6).toString("hex")}`;
  const handle = await open(written, "wx", 0o600);
  try {
    await handle.writeFile(randomBytes(32).toString("base64url"));
    await handle.sync();
  } finally {
    await handle.close();
  }
  // Another process may have created it meanwhile: the first one wins.
  await link(written, file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
  await rm(written);
  const folder = await open(path.dirname(file), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
  return (await readSecret(file)) ?? "";
}

async function readSecret(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Sends deliveries in the server of a data folder, or in the replica that leads. */
export async function startDispatcher(context: AppContext): Promise<void> {
  const { config, clock, logger } = context;
  const database = await context.database();
  const leadership = await leadershipOf(context);
  const { secrets } = await context.webhooks();
  // Its packages are loaded for the first delivery.
  const openSender = async () => {
    const { createSender } = await import("../events/sender.ts");
    const addresses = receiverAddresses(config.webhooks.allowedNetworks);
    const teller = tellerOf(config);
    return createSender({ addresses, proxies: readProxies(), secrets, teller, clock });
  };
  const start = (): Dispatcher =>
    new Dispatcher({
      ...{ database, openSender, clock, random: Math.random, log: logger },
      report: (error) => logger.error({ err: error }, "webhooks could not be called"),
    }).start();
  const leading = leadership.runAsLeader("webhooks", start);
  context.onClose(() => leading.stop());
}
