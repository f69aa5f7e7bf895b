import { Option, type Command } from "commander";
import { deliveryStates, type DeliveryState } from "../../api/event-types.ts";
import type { DeliveryAnswer } from "../../api/webhooks.ts";
import { UsageError } from "../support/failure.ts";
import type { Say } from "../support/output.ts";
import { ofOne, withWebhooks, type ScopeOptions } from "../support/webhook-scope.ts";

/** What was sent to a webhook: `berth webhook ping`, `deliveries` and `redeliver`. */
export const deliveryCommands = (): readonly Command[] => [
  ofOne("ping", "send a ping").action(ping),
  ofOne("deliveries", "list the deliveries of a webhook, the newest first")
    .addOption(new Option("--state <state>", "only these").choices(deliveryStates))
    .option("--limit <n>", "at most this many", "20")
    .action(deliveries),
  ofOne("redeliver", "send a delivery again, or all dead ones")
    .argument("[delivery]", "the number in the output of deliveries (default: all dead ones)")
    .action(redeliver),
];

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

const sayDelivery = (say: Say, delivery: DeliveryAnswer): void => {
  const { id, occurred_at: at, event, subject, state, attempts, answer } = delivery;
  const status = delivery.status === null ? (answer ?? "") : String(delivery.status);
  say(delivery, `${id}  ${at}  ${event}  ${subject}  ${state}  attempts: ${attempts}  ${status}`);
};
