import { Command, Option } from "commander";
import {
  eventTypes,
  payloadFormats,
  type PayloadFormat,
  type WantedEvent,
} from "../../api/event-types.ts";
import type { WebhookAnswer } from "../../api/webhooks.ts";
import { parseDuration } from "../../config/quantities.ts";
import { CliError, UsageError } from "../support/failure.ts";
import { group } from "../support/options.ts";
import { orNone, type Say } from "../support/output.ts";
import { readFirstLine, readPasswordLine } from "../support/password.ts";
import { ofOne, scoped, withWebhooks, type ScopeOptions } from "../support/webhook-scope.ts";
import { deliveryCommands } from "./webhook-deliveries.ts";

interface WebhookOptions extends ScopeOptions {
  readonly url?: string;
  readonly format?: PayloadFormat;
  readonly events?: string;
  readonly secretFile?: string;
  readonly authorizationFile?: string;
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
      .option("--no-authorization", "send no header Authorization any more")
      .option("--on", "send again")
      .option("--off", "no new events; its deliveries wait")
      .action(edit),
    ofOne("delete", "delete a webhook with its deliveries").action(remove),
    ofOne("secret", "replace the secret of a webhook; prints the new one once")
      .option("--secret-file <file>", "the first line is the secret (default: a random one)")
      .option("--overlap <time>", "the secret before signs too for this time", "24h")
      .action(rotate),
    ...deliveryCommands(),
  ]).addHelpText("after", notes);
}

const withWishes = (command: Command): Command =>
  command
    .addOption(new Option("--format <format>", "of the bodies").choices(payloadFormats))
    .option("--events <list>", "separated by commas (default: all of the format but pull)")
    .option(
      "--authorization-file <file>",
      "the first line is the header Authorization of deliveries; - is standard input",
    );

function list(options: ScopeOptions): Promise<void> {
  return withWebhooks(options, async (webhooks, say) => {
    for await (const one of orNone(await webhooks.list(), "no webhooks")) sayWebhook(say, one);
  });
}

function create(url: string, options: WebhookOptions): Promise<void> {
  return withWebhooks(options, async (webhooks, say) => {
    const { format = "cloudevents" } = options;
    const [events, secret] = [eventsOf(options.events), await secretOf(options.secretFile)];
    const authorization = await authorizationOf(options.authorizationFile);
    const made = await webhooks.create({ url, format, events, secret, authorization });
    say(made, `created webhook ${made.id}`, `secret: ${made.secret}`);
  });
}

interface EditOptions extends WebhookOptions {
  /** False: `--no-authorization`. */
  readonly authorization: boolean;
  readonly on?: true;
  readonly off?: true;
}

function edit(id: string, { url, format, on, off, ...options }: EditOptions): Promise<void> {
  if (on && off) throw new UsageError("--on and --off contradict each other");
  const { authorization: isKept, authorizationFile: file } = options;
  if (!isKept && file !== undefined)
    throw new UsageError("--no-authorization and --authorization-file contradict each other");
  return withWebhooks(options, async (webhooks, say) => {
    const isActive = on ? true : off ? false : undefined;
    const events = eventsOf(options.events);
    const authorization = isKept ? await authorizationOf(file) : null;
    sayWebhook(say, await webhooks.change(id, { url, format, events, isActive, authorization }));
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

const sayWebhook = (say: Say, webhook: WebhookAnswer): void => {
  const { id, url, format, events, is_active: isActive, waiting, dead } = webhook;
  say(
    webhook,
    `${id}  ${url}  ${format}  ${isActive ? "on" : "off"}  waiting: ${waiting}  dead: ${dead}  ${events.join(",")}`,
  );
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
  const secret = await readFirstLine(file);
  if (!/^[\x21-\x7e]{16,255}$/.test(secret))
    throw new CliError(`${file}: a secret has 16 to 255 ASCII characters without spaces`);
  return secret;
}

/** Never from an argument: each user of the machine can read those. */
async function authorizationOf(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const header = file === "-" ? await readPasswordLine() : await readFirstLine(file);
  if (!/^(?=.{1,4096}$)[\x21-\x7e]+(?: [\x21-\x7e]+)*$/.test(header))
    throw new CliError(`${file}: the header Authorization has at most 4096 ASCII characters`);
  return header;
}
