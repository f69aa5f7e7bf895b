import { useEffect, useState } from "preact/hooks";
import type { RepositoryAnswer } from "../../src/api/repositories.ts";
import { hubCall } from "../addresses.ts";
import { send } from "../answers.ts";
import { parts } from "../words/frame.ts";
import { settings as words } from "../words/repository-settings.ts";
import { Submit, useSubmit } from "./field.tsx";

type Choice = keyof typeof words.rules;

const versions = String.raw`v?\d+\.\d+\.\d+`;

const choiceOf = (rules: readonly string[] | null): Choice => {
  if (rules === null) return "none";
  if (rules.length === 0) return "all";
  return rules.length === 1 && rules[0] === versions ? "versions" : "own";
};

/** Which tags can neither be moved nor deleted, with the tags that match now. */
export function ImmutableTags({ repository }: { readonly repository: RepositoryAnswer }) {
  const { name, immutable_tags: current } = repository;
  const [choice, setChoice] = useState(choiceOf(current));
  const [text, setText] = useState((current ?? []).join("\n"));
  const own = text.split("\n").filter((line) => line.trim() !== "");
  const rules = { none: [], all: [], versions: [versions], own }[choice];
  const form = useSubmit(() =>
    send("PATCH", hubCall(name, "/immutabletags"), {
      immutable_tags: choice !== "none",
      immutable_tags_rules: rules,
    }),
  );
  return (
    <section class="card" aria-labelledby="immutable">
      <header>
        <h2 id="immutable">{words.immutable}</h2>
      </header>
      <form class="body form" onSubmit={form.onSubmit}>
        <p class="muted">{words.immutableHint}</p>
        <fieldset class="choices">
          <legend class="sr">{words.immutable}</legend>
          {(Object.keys(words.rules) as Choice[]).map((one) => (
            <label key={one}>
              <input
                type="radio"
                name="immutable"
                checked={one === choice}
                onChange={() => setChoice(one)}
              />
              {words.rules[one]}
            </label>
          ))}
        </fieldset>
        {choice === "own" && (
          <div class="field">
            <textarea
              class="mono"
              rows={3}
              aria-label={words.rules.own}
              aria-describedby="rules-hint"
              value={text}
              onInput={({ currentTarget }) => setText(currentTarget.value)}
            />
            <span class="hint" id="rules-hint">
              {words.rulesHint}
            </span>
          </div>
        )}
        {(choice === "own" || choice === "versions") && (
          <Matches name={name} rules={rules} all={repository.tag_count} />
        )}
        <Submit action={parts.save} form={form} />
      </form>
    </section>
  );
}

/** The tags that the rules match now. */
function Matches({
  name,
  rules,
  all,
}: {
  readonly name: string;
  readonly rules: readonly string[];
  readonly all: number;
}) {
  const [shown, setShown] = useState("");
  const asked = JSON.stringify(rules);
  useEffect(() => {
    let isOld = false;
    const timer = setTimeout(async () => {
      const tags = new Set<string>();
      for (const regex of JSON.parse(asked) as string[]) {
        const result = await send<{ readonly tags: readonly string[] }>(
          "POST",
          hubCall(name, "/immutabletags/verify"),
          { regex },
        );
        if (!result.ok) return isOld || setShown(result.failure.message);
        for (const tag of result.data.tags) tags.add(tag);
      }
      return isOld || setShown(words.matches([...tags], all));
    }, 300);
    return () => {
      isOld = true;
      clearTimeout(timer);
    };
  }, [asked, name, all]);
  return (
    <p class="sub" role="status">
      {shown}
    </p>
  );
}
