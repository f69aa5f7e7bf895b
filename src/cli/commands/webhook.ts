import { readFile } from "node:fs/promises";
import { Command, Option } from "commander";
import {
  deliveryStates,
  eventTypes,
  payloadFormats,
  type DeliveryState,
  type PayloadFormat,
  type WantedEvent,
} from "../../api/event-types.ts";
import type { DeliveryAnswer, WebhookAnswer } from "../../api/webhooks.ts";
import { parseDuration } from "../../config/quantities.ts";
import type { AdministeredWebhooks } from "../support/administered-webhooks.ts";
import { onFolderOrServer } from "../support/data-folder.ts";
import { CliError, UsageError } from "../support/failure.ts";
import { group, serverCommand, type ServerOptions } from "../support/options.ts";
import { orNone, type Say } from "../support/output.ts";

interface ScopeOptions extends ServerOptions {
  readonly of?: string;
}

interface WebhookOptions extends ScopeOptions {
  readonly url?: string;
  readonly format?: PayloadFormat;
  readonly events?: string;
  readonly secretFile?: string;
}

const notes = `
A webhook hears of the whole server, or with --of of a namespace or a
repository. A running server sends the deliveries; it tries again for 3 days.

Formats and their events:
  cloudevents   ${eventTypes.slice(0, 4).join(" ")}
                ${eventTypes.slice(4, 7).join(" ")}
                ${eventTypes.slice(7).join(" ")}
  distribution  push pull tag.deleted repository.deleted
  hub           push

Examples:
  $ berth webhook create https://ci.example.com/hook --of team/app
  $ berth webhook create https://flux.example.com/hook/0a --of team --format hub
  $ berth webhook list --of team/app
  $ berth webhook deliveries ID --of team/app --state dead
  $ berth webhook redeliver ID --of team/app
`;

/** `berth webhook …`: who is told of changes, and what was sent. */
export function webhookCommand(): Command {
  const command = new Command("webhook").description(
    "tell other programs of pushes and other changes",
  );
  return group(command, [
    scoped("list", "list the webhooks").action(list),
    withWishes(scoped("create", "create a webhook; prints its secret once"))
      .argument("<url>", "the address that is called")
      .option("--secret-file <file>", "the first line is the secret (default: a random one)")
      .action(create),
    withWishes(ofOne("edit", "change a webhook"))
      .option("--url <url>", "the address that is called")
      .option("--on", "send again")
      .option("--off", "no new events; its deliveries wait")
      .action(edit),
    ofOne("delete", "delete a webhook with its deliveries").action(remove),
    ofOne("secret", "replace the secret of a webhook; prints the new one once")
      .option("--secret-file <file>", "the first line is the secret (default: a random one)")
      .option("--overlap <time>", "the secret before signs too for this time", "24h")
      .action(rotate),
    ofOne("ping", "send a ping").action(ping),
    ofOne("deliveries", "list the deliveries of a webhook, the newest first")
      .addOption(new Option("--state <state>", "only these").choices(deliveryStates))
      .option("--limit <n>", "at most this many", "20")
      .action(deliveries),
    ofOne("redeliver", "send a delivery again, or all dead ones")
      .argument("[delivery]", "the number in the output of deliveries (default: all dead ones)")
      .action(redeliver),
  ]).addHelpText("after", notes);
}

const scoped = (name: string, description: string): Command =>
  serverCommand(name, description).option(
    "--of <name>",
    "a namespace, or a repository (default: the server)",
  );

const ofOne = (name: string, description: string): Command =>
  scoped(name, description).argument("<id>", "the id in the output of list");

const withWishes = (command: Command): Command =>
  command
    .addOption(new Option("--format <format>", "of the bodies").choices(payloadFormats))
    .option("--events <list>", "separated by commas (default: all of the format but pull)");

function list(options: ScopeOptions): Promise<void> {
  return withWebhooks(options, async (webhooks, say) => {
    for await (const one of orNone(await webhooks.list(), "no webhooks")) sayWebhook(say, one);
  });
}

function create(url: string, options: WebhookOptions): Promise<void> {
  return withWebhooks(options, async (webhooks, say) => {
    const { format = "cloudevents" } = options;
    const [events, secret] = [eventsOf(options.events), await secretOf(options.secretFile)];
    const made = await webhooks.create({ url, format, events, secret });
    say(made, `created webhook ${made.id}`, `secret: ${made.secret}`);
  });
}

interface EditOptions extends WebhookOptions {
  readonly on?: true;
  readonly off?: true;
}

function edit(id: string, { url, format, on, off, ...options }: EditOptions): Promise<void> {
  if (on && off) throw new UsageError("--on and --off contradict each other");
  return withWebhooks(options, async (webhooks, say) => {
    const isActive = on ? true : off ? false : undefined;
    const events = eventsOf(options.events);
    sayWebhook(say, await webhooks.change(id, { url, format, events, isActive }));
  });
}

function remove(id: string, options: ScopeOptions): Promise<void> {
  return withWebhooks(options, async (webhooks, say) => {
    await webhooks.delete(id);
    say({ id, deleted: true }, `deleted webhook ${id}`);
  });
}

interface RotateOptions extends WebhookOptions {
  readonly overlap: string;
}

function rotate(id: string, options: RotateOptions): Promise<void> {
  return withWebhooks(options, async (webhooks, say) => {
    const overlapMs = parseDuration(options.overlap);
    if (overlapMs === undefined)
      throw new UsageError(`--overlap must be a time such as 24h, not ${options.overlap}`);
    const secret = await secretOf(options.secretFile);
    const rotated = await webhooks.rotateSecret(id, { secret, overlapMs });
    say(
      { id, ...rotated },
      `secret: ${rotated.secret}`,
      `the secret before signs until ${rotated.old_secret_until}`,
    );
  });
}

function ping(id: string, options: ScopeOptions): Promise<void> {
  return withWebhooks(options, async (webhooks, say) => {
    const delivery = await webhooks.ping(id);
    say({ id, delivery }, `a running server sends the ping as delivery ${delivery}`);
  });
}

interface DeliveriesOptions extends ScopeOptions {
  readonly state?: DeliveryState;
  readonly limit: string;
}

function deliveries(id: string, options: DeliveriesOptions): Promise<void> {
  return withWebhooks(options, async (webhooks, say) => {
    if (!/^[1-9]\d{0,3}$/.test(options.limit))
      throw new UsageError(`--limit must be a whole number from 1 to 9999, not ${options.limit}`);
    const query = { state: options.state, limit: Number(options.limit) };
    let count = 0;
    for await (const one of webhooks.deliveries(id, query)) {
      sayDelivery(say, one);
      count += 1;
    }
    if (count === 0 && options.json === undefined) say({}, "there are no deliveries");
  });
}

function redeliver(id: string, number: string | undefined, options: ScopeOptions): Promise<void> {
  return withWebhooks(options, async (webhooks, say) => {
    if (number === undefined) {
      const count = await webhooks.redeliverDead(id);
      say({ id, count }, `a running server sends ${count} dead deliveries again`);
      return;
    }
    if (!/^[1-9]\d{0,14}$/.test(number)) throw new UsageError(`${number} is no delivery`);
    const delivery = Number(number);
    await webhooks.redeliver(id, delivery);
    say({ id, delivery }, `a running server sends delivery ${delivery} again`);
  });
}

const sayWebhook = (say: Say, webhook: WebhookAnswer): void => {
  const { id, url, format, events, is_active: isActive, waiting, dead } = webhook;
  say(
    webhook,
    `${id}  ${url}  ${format}  ${isActive ? "on" : "off"}  waiting: ${waiting}  dead: ${dead}  ${events.join(",")}`,
  );
};

const sayDelivery = (say: Say, delivery: DeliveryAnswer): void => {
  const { id, occurred_at: at, event, subject, state, attempts, answer } = delivery;
  const status = delivery.status === null ? (answer ?? "") : String(delivery.status);
  say(delivery, `${id}  ${at}  ${event}  ${subject}  ${state}  attempts: ${attempts}  ${status}`);
};

/** The server checks which events the format can tell of. */
function eventsOf(text: string | undefined): readonly WantedEvent[] | undefined {
  if (text === undefined) return undefined;
  return text.split(",").map((word) => {
    const found = eventTypes.find((type) => type === word.trim());
    if (found === undefined)
      throw new UsageError(`${word.trim()} is no event; the events are ${eventTypes.join(", ")}`);
    return found;
  });
}

async function secretOf(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    const [secret = ""] = (await readFile(file, "utf8")).split(/\r?\n/);
    if (!/^[\x21-\x7e]{16,255}$/.test(secret))
      throw new CliError(`${file}: a secret has 16 to 255 ASCII characters without spaces`);
    return secret;
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(`cannot read ${file}: ${(error as Error).message}`, { cause: error });
  }
}

function withWebhooks(
  options: ScopeOptions,
  work: (webhooks: AdministeredWebhooks, say: Say) => Promise<void>,
): Promise<void> {
  const scope = (options.of ?? "").toLowerCase();
  return onFolderOrServer(options, {
    folder: async (context, say) => {
      const { localWebhooks } = await import("../support/administered-webhooks.ts");
      const { webhooks } = await context.webhooks();
      await work(localWebhooks(webhooks, context.actor, scope), say);
    },
    server: async (remote) => {
      const { remoteWebhooks } = await import("../support/administered-webhooks.ts");
      await work(remoteWebhooks(remote, scope), remote.say);
    },
  });
}
