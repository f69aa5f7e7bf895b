import { useState } from "preact/hooks";
import type { PayloadFormat, WantedEvent } from "../../src/api/event-types.ts";
import { send } from "../answers.ts";
import { CopyButton } from "../parts/copy.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Check, Field, FormDialog, useSubmit } from "../parts/field.tsx";
import { SelectField } from "../parts/select.tsx";
import { webhooks as words } from "../words/webhooks.ts";

const allEvents = Object.keys(words.eventNames) as WantedEvent[];
/** The events that a format can tell of; the server checks it. */
const eventsOf: Readonly<Record<PayloadFormat, readonly WantedEvent[]>> = {
  hub: ["push"],
  distribution: ["push", "pull", "tag.deleted", "repository.deleted"],
  cloudevents: allEvents,
};
const isOfRepositories = (event: WantedEvent): boolean =>
  !/^(?:quota|mirror)\.|^repository\.created$/.test(event);

/** The form of a new webhook. */
export function NewWebhook({
  call,
  isOfRepository,
  onClose,
  onMade,
}: {
  readonly call: string;
  /** A repository has no quota, and it exists already. */
  readonly isOfRepository: boolean;
  readonly onClose: () => void;
  /** Gets the secret, which no other answer has. */
  readonly onMade: (secret: string) => void;
}) {
  const [url, setUrl] = useState("");
  const [authorization, setAuthorization] = useState("");
  const [format, setFormat] = useState<PayloadFormat>("cloudevents");
  const [unwanted, setUnwanted] = useState<readonly WantedEvent[]>(["pull"]);
  const possible = eventsOf[format].filter((event) => !isOfRepository || isOfRepositories(event));
  const events = possible.filter((event) => !unwanted.includes(event));
  const form = useSubmit(
    () =>
      send<{ readonly secret: string }>("POST", call, {
        ...{ url, format, events },
        ...(authorization !== "" && { authorization }),
      }),
    ({ secret }) => onMade(secret),
  );
  return (
    <FormDialog title={words.addTitle} action={words.create} form={form} onClose={onClose}>
      <Field
        label={words.url}
        hint={words.urlHint}
        value={url}
        onValue={setUrl}
        required
        maxLength={2048}
        placeholder="https://ci.example.com/hook"
        errors={form.errorsOf("url")}
      />
      <Field
        label={words.authorization}
        hint={words.authorizationHint}
        type="password"
        autocomplete="off"
        value={authorization}
        onValue={setAuthorization}
        maxLength={4096}
        errors={form.errorsOf("authorization")}
      />
      <SelectField
        label={words.format}
        options={Object.entries(words.formats) as [PayloadFormat, string][]}
        value={format}
        onValue={setFormat}
      />
      <fieldset class="field">
        <legend>{words.events}</legend>
        {possible.map((event) => (
          <Check
            key={event}
            label={words.eventNames[event]}
            isChecked={!unwanted.includes(event)}
            onChange={(isWanted) =>
              setUnwanted(isWanted ? unwanted.filter((one) => one !== event) : [...unwanted, event])
            }
          />
        ))}
      </fieldset>
    </FormDialog>
  );
}

/** The secret of a webhook, which is shown once. */
export const WebhookSecret = ({
  secret,
  onClose,
}: {
  readonly secret: string;
  readonly onClose: () => void;
}) => (
  <Dialog title={words.secretTitle} onClose={onClose}>
    <div class="form">
      <p>{words.secretHint}</p>
      <div class="prompt">
        <code data-secret="">{secret}</code>
        <CopyButton text={secret} label={words.copySecret} />
      </div>
    </div>
    <div class="actions">
      <button type="button" class="btn" onClick={onClose}>
        {words.close}
      </button>
    </div>
  </Dialog>
);
