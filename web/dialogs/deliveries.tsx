import type { DeliveryAnswer, DeliveryListAnswer } from "../../src/api/webhooks.ts";
import { send, useAnswer } from "../answers.ts";
import { Dialog } from "../parts/dialog.tsx";
import { Loaded, messageOf } from "../parts/states.tsx";
import { Since } from "../parts/text.tsx";
import { showToast } from "../parts/toast.tsx";
import { webhooks as words } from "../words/webhooks.ts";

const chips = { waiting: "info", delivered: "good", dead: "bad" } as const;
const rows = 25;

/**
 * The last deliveries of a webhook.
 * @param call the address of the webhook in the API
 */
export function Deliveries({
  call,
  url,
  onClose,
}: {
  readonly call: string;
  readonly url: string;
  readonly onClose: () => void;
}) {
  const list = `${call}/deliveries?page_size=${rows}`;
  const answer = useAnswer<DeliveryListAnswer>(list, { live: true });
  return (
    <Dialog title={words.logOf(url)} onClose={onClose}>
      <Loaded answer={answer} url={list} lines={3}>
        {({ results }) =>
          results.length === 0 ? (
            <p class="empty-state">{words.noDeliveries}</p>
          ) : (
            <ul class="list">
              {results.map((delivery) => (
                <Row key={delivery.id} call={call} delivery={delivery} />
              ))}
            </ul>
          )
        }
      </Loaded>
      <div class="actions">
        <button type="button" class="btn" onClick={onClose}>
          {words.close}
        </button>
      </div>
    </Dialog>
  );
}

function Row({ call, delivery }: { readonly call: string; readonly delivery: DeliveryAnswer }) {
  const { id, event, subject, state, status, answer, attempts, occurred_at: at } = delivery;
  const sendAgain = async () => {
    const result = await send("POST", `${call}/deliveries/${id}/redeliver`);
    if (!result.ok) showToast({ text: messageOf(result.failure) });
  };
  return (
    <li>
      <div class="stack">
        <div>
          <span class={`chip ${chips[state]}`}>{words.states[state]}</span>{" "}
          {event === "ping" ? words.ping : words.eventNames[event]}{" "}
          {event !== "ping" && <span class="mono">{subject}</span>} <Since time={at} />
        </div>
        <div class="sub">
          {words.attempts(attempts)} {status ?? ""} {answer?.slice(0, 200)}
        </div>
      </div>
      <span class="end">
        <button
          type="button"
          class="btn small"
          aria-label={words.againOf(subject)}
          onClick={() => void sendAgain()}
        >
          {words.again}
        </button>
      </span>
    </li>
  );
}
