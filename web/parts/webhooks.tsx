import { useState } from "preact/hooks";
import type { WebhookAnswer, WebhookListAnswer } from "../../src/api/webhooks.ts";
import { send, useAnswer } from "../answers.ts";
import { Deliveries } from "../dialogs/deliveries.tsx";
import { NewWebhook, WebhookSecret } from "../dialogs/new-webhook.tsx";
import { webhooks as words } from "../words/webhooks.ts";
import { Confirm } from "./dialog.tsx";
import { Loaded, messageOf } from "./states.tsx";
import { showToast } from "./toast.tsx";

type Asked =
  | { readonly what: "new" }
  | { readonly what: "secret"; readonly secret: string }
  | { readonly what: "log" | "rotate" | "delete"; readonly webhook: WebhookAnswer };

/**
 * The webhooks of a repository, a namespace or the server.
 * @param call the address of the list in the API
 */
export function Webhooks({
  call,
  of,
}: {
  readonly call: string;
  readonly of: keyof typeof words.intro;
}) {
  const answer = useAnswer<WebhookListAnswer>(call, { live: true });
  const [asked, setAsked] = useState<Asked>();
  const close = () => setAsked(undefined);
  return (
    <section class="card" aria-labelledby="webhooks">
      <header>
        <h2 id="webhooks">{words.title}</h2>
        <span class="end">
          <button type="button" class="btn small" onClick={() => setAsked({ what: "new" })}>
            {words.add}
          </button>
        </span>
      </header>
      <p class="body sub">{words.intro[of]}</p>
      <Loaded answer={answer} url={call} lines={2}>
        {({ results }) =>
          results.length === 0 ? (
            <p class="empty-state">{words.none}</p>
          ) : (
            <ul class="list">
              {results.map((webhook) => (
                <Row key={webhook.id} call={call} webhook={webhook} onAsk={setAsked} />
              ))}
            </ul>
          )
        }
      </Loaded>
      {asked?.what === "new" && (
        <NewWebhook
          call={call}
          isOfRepository={of === "repository"}
          onClose={close}
          onMade={(secret) => setAsked({ what: "secret", secret })}
        />
      )}
      {asked?.what === "secret" && <WebhookSecret secret={asked.secret} onClose={close} />}
      {asked?.what === "log" && (
        <Deliveries call={pathOf(call, asked.webhook)} url={asked.webhook.url} onClose={close} />
      )}
      {asked?.what === "rotate" && (
        <Confirm
          title={words.newSecretTitle}
          action={words.newSecret}
          // The dialog with the secret follows.
          onClose={() => setAsked((now) => (now?.what === "rotate" ? undefined : now))}
          onConfirm={async () => {
            const path = `${pathOf(call, asked.webhook)}/secret`;
            const result = await send<{ readonly secret: string }>("POST", path);
            if (result.ok) setAsked({ what: "secret", secret: result.data.secret });
            return result;
          }}
        >
          <p>{words.newSecretHint}</p>
        </Confirm>
      )}
      {asked?.what === "delete" && (
        <Confirm
          title={words.deleteTitle(asked.webhook.url)}
          action={words.delete}
          isDangerous
          onClose={close}
          onConfirm={() => send("DELETE", pathOf(call, asked.webhook))}
        >
          <p>{words.deleteHint}</p>
        </Confirm>
      )}
    </section>
  );
}

const pathOf = (call: string, { id }: WebhookAnswer): string => `${call}/${encodeURIComponent(id)}`;

function Row({
  call,
  webhook,
  onAsk,
}: {
  readonly call: string;
  readonly webhook: WebhookAnswer;
  readonly onAsk: (asked: Asked) => void;
}) {
  const { url, format, events, is_active: isActive, waiting, dead } = webhook;
  const path = pathOf(call, webhook);
  const change = async (method: "POST" | "PATCH", to: string, body?: object) => {
    const result = await send(method, to, body);
    if (!result.ok) showToast({ text: messageOf(result.failure) });
  };
  const button = (label: string, onClick: () => void) => (
    <button type="button" class="btn small" onClick={onClick}>
      {label}
    </button>
  );
  return (
    <li>
      <div class="stack">
        <div>
          <span class="mono">{url}</span>{" "}
          <span class={`chip ${isActive ? "good" : ""}`}>{isActive ? words.on : words.off}</span>{" "}
          {waiting > 0 && <span class="chip info">{words.waiting(waiting)}</span>}{" "}
          {dead > 0 && <span class="chip bad">{words.dead(dead)}</span>}
        </div>
        <div class="sub">
          {words.formats[format]}: {events.map((event) => words.eventNames[event]).join(", ")}
        </div>
        <div class="actions">
          {button(words.log, () => onAsk({ what: "log", webhook }))}
          {button(words.test, () => void change("POST", `${path}/ping`))}
          {button(
            isActive ? words.switchOff : words.switchOn,
            () => void change("PATCH", path, { is_active: !isActive }),
          )}
          {button(words.newSecret, () => onAsk({ what: "rotate", webhook }))}
          {button(words.delete, () => onAsk({ what: "delete", webhook }))}
        </div>
      </div>
    </li>
  );
}
