import { useState } from "preact/hooks";
import type {
  RetentionAnswer,
  RetentionBody,
  RetentionRuleAnswer,
} from "../../src/api/retention.ts";
import { send, useAnswer } from "../answers.ts";
import { parts } from "../words/frame.ts";
import { retention as words } from "../words/retention.ts";
import { Check, Field, Submit, useSubmit } from "../parts/field.tsx";
import { RetentionPlan, RunRetention } from "./plan.tsx";
import { Failed, Loaded } from "../parts/states.tsx";
import { Since } from "../parts/text.tsx";
import { showToast } from "../parts/toast.tsx";

/** A rule as the fields of the form have it. */
interface Draft {
  readonly key: number;
  readonly tags: string;
  readonly except: string;
  readonly semver: string;
  readonly keepsAll: boolean;
  readonly keepsSigned: boolean;
  readonly newest: string;
  readonly pushed: string;
  readonly pulled: string;
}

let lastKey = 0;
const newKey = (): number => (lastKey += 1);
const textOf = (value: string | number | null): string => (value === null ? "" : String(value));
const orNull = (text: string): string | null => (text.trim() === "" ? null : text.trim());
const numberOrNull = (text: string): number | null => (text.trim() === "" ? null : Number(text));

const draftOf = (rule: RetentionRuleAnswer): Draft => ({
  key: newKey(),
  tags: textOf(rule.tags),
  except: textOf(rule.except),
  semver: textOf(rule.semver),
  keepsAll: rule.keep_all,
  keepsSigned: rule.keep_signed,
  newest: textOf(rule.keep_newest),
  pushed: textOf(rule.keep_pushed_within),
  pulled: textOf(rule.keep_pulled_within),
});
const emptyDraft = (): Draft => ({
  ...{ key: newKey(), tags: "", except: "", semver: "", keepsAll: false, keepsSigned: false },
  ...{ newest: "20", pushed: "", pulled: "" },
});

const ruleOf = (draft: Draft): RetentionRuleAnswer => ({
  tags: orNull(draft.tags),
  except: orNull(draft.except),
  semver: orNull(draft.semver),
  keep_all: draft.keepsAll,
  keep_signed: draft.keepsSigned,
  keep_newest: draft.keepsAll ? null : numberOrNull(draft.newest),
  keep_pushed_within: draft.keepsAll ? null : numberOrNull(draft.pushed),
  keep_pulled_within: draft.keepsAll ? null : numberOrNull(draft.pulled),
});

/** The rules by which tags of a repository or a namespace are deleted. */
export function Retention({
  scope,
  call,
}: {
  /** The name of the repository or the namespace. */
  readonly scope: string;
  readonly call: string;
}) {
  const answer = useAnswer<RetentionAnswer>(call);
  const isRepository = scope.includes("/");
  // A mirror has no retention.
  if (answer.failure?.status === 403) return null;
  return (
    <section class="card" aria-labelledby="retention">
      <header>
        <h2 id="retention">{words.title}</h2>
        {answer.data?.next_at && (
          <span class="end sub">
            {words.next} <Since time={answer.data.next_at} />
          </span>
        )}
      </header>
      <div class="body stack">
        <p class="muted">{isRepository ? words.hint : words.hintOfNamespace}</p>
        <Loaded answer={answer} url={call}>
          {(policy) => (
            <Rules key={`${policy.scope} ${policy.changed_at}`} {...{ scope, call, policy }} />
          )}
        </Loaded>
      </div>
    </section>
  );
}

/** The form with the rules, and what can be done with them. */
function Rules({
  scope,
  call,
  policy,
}: {
  readonly scope: string;
  readonly call: string;
  readonly policy: RetentionAnswer;
}) {
  const [drafts, setDrafts] = useState(() => policy.rules.map(draftOf));
  const [untagged, setUntagged] = useState(textOf(policy.delete_untagged_after));
  const [isShown, setShown] = useState(false);
  const removal = useSubmit(() => send("DELETE", call));
  const isOwn = policy.scope === scope;
  const body = { rules: drafts.map(ruleOf), delete_untagged_after: numberOrNull(untagged) };
  return (
    <>
      {policy.scope !== null && !isOwn && <p class="note">{words.inherited(policy.scope)}</p>}
      <Form {...{ call, drafts, setDrafts, untagged, setUntagged, body }} />
      <div class="actions">
        {scope.includes("/") && (
          <button type="button" class="btn" onClick={() => setShown(true)}>
            {words.show}
          </button>
        )}
        {policy.scope !== null && <RunRetention call={call} />}
        {isOwn && (
          <button type="button" class="btn" onClick={() => removal.onSubmit()}>
            {words.removeOwn}
          </button>
        )}
      </div>
      {removal.failure && <Failed failure={removal.failure} />}
      {isShown && <RetentionPlan call={call} body={body} />}
    </>
  );
}

function Form({
  call,
  drafts,
  setDrafts,
  untagged,
  setUntagged,
  body,
}: {
  readonly call: string;
  readonly drafts: readonly Draft[];
  readonly setDrafts: (drafts: Draft[]) => void;
  readonly untagged: string;
  readonly setUntagged: (days: string) => void;
  readonly body: RetentionBody;
}) {
  // The saved policy replaces the form, and with it what the form would say.
  const form = useSubmit(
    () => send("PUT", call, body),
    () => showToast({ text: words.saved }),
  );
  return (
    <form class="form" onSubmit={form.onSubmit}>
      {drafts.length === 0 && <p class="empty-state">{words.none}</p>}
      {drafts.map((draft, at) => (
        <RuleFields
          key={draft.key}
          draft={draft}
          number={at + 1}
          onChange={(next) => setDrafts(drafts.map((one) => (one === draft ? next : one)))}
          onRemove={() => setDrafts(drafts.filter((one) => one !== draft))}
        />
      ))}
      <div class="actions">
        <button
          type="button"
          class="btn small"
          onClick={() => setDrafts([...drafts, emptyDraft()])}
        >
          {words.addRule}
        </button>
      </div>
      <Field
        label={words.untagged}
        hint={words.untaggedHint}
        type="number"
        value={untagged}
        onValue={setUntagged}
      />
      <Submit action={parts.save} form={form} />
    </form>
  );
}

function RuleFields({
  draft,
  number,
  onChange,
  onRemove,
}: {
  readonly draft: Draft;
  readonly number: number;
  readonly onChange: (next: Draft) => void;
  readonly onRemove: () => void;
}) {
  const field = (name: Exclude<keyof Draft, "key" | "keepsAll" | "keepsSigned">) => ({
    label: words[name],
    value: draft[name],
    onValue: (value: string) => onChange({ ...draft, [name]: value }),
  });
  const amount = { type: "number" } as const;
  return (
    <fieldset class="rule">
      <legend>{words.rule(number)}</legend>
      <div class="rule-fields">
        <Field {...field("tags")} hint={words.tagsHint} maxLength={256} />
        <Field {...field("except")} maxLength={256} />
        <Field {...field("semver")} hint={words.semverHint} maxLength={256} />
        {!draft.keepsAll && (
          <>
            <Field {...field("newest")} {...amount} />
            <Field {...field("pushed")} {...amount} />
            <Field {...field("pulled")} {...amount} />
          </>
        )}
      </div>
      {!draft.keepsAll && (
        <Check
          label={words.signed}
          isChecked={draft.keepsSigned}
          onChange={(keepsSigned) => onChange({ ...draft, keepsSigned })}
        />
      )}
      <Check
        label={words.all}
        isChecked={draft.keepsAll}
        onChange={(keepsAll) => onChange({ ...draft, keepsAll })}
      />
      <div class="actions">
        <button
          type="button"
          class="btn small"
          aria-label={words.removeRule(number)}
          onClick={onRemove}
        >
          {words.remove}
        </button>
      </div>
    </fieldset>
  );
}
