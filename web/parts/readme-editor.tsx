import { useEffect, useState } from "preact/hooks";
import type { RepositoryAnswer } from "../../src/api/repositories.ts";
import { hubCall } from "../addresses.ts";
import { send } from "../answers.ts";
import { parts } from "../words/frame.ts";
import { settings as words } from "../words/repository-settings.ts";
import { Submit, useSubmit } from "./field.tsx";
import { ReadmeText } from "./readme-text.tsx";

/** The README as text with its preview: side by side on a wide screen, otherwise one of them. */
export function ReadmeEditor({ repository }: { readonly repository: RepositoryAnswer }) {
  const [text, setText] = useState(repository.full_description);
  const [isPreview, setPreview] = useState(false);
  const isWide = useWideScreen();
  const form = useSubmit(() => send("PATCH", hubCall(repository.name), { full_description: text }));
  return (
    <section class="card" aria-labelledby="readme">
      <header>
        <h2 id="readme">{words.readme}</h2>
        {!isWide && (
          <span class="end">
            <div class="seg" role="group" aria-label={words.readme}>
              <button type="button" aria-pressed={!isPreview} onClick={() => setPreview(false)}>
                {words.write}
              </button>
              <button type="button" aria-pressed={isPreview} onClick={() => setPreview(true)}>
                {words.preview}
              </button>
            </div>
          </span>
        )}
      </header>
      <div class={isWide ? "readme-text side-by-side" : "readme-text"}>
        {(isWide || !isPreview) && (
          <form class="stack" onSubmit={form.onSubmit}>
            <div class="field">
              <textarea
                class="mono"
                aria-label={words.readme}
                aria-describedby="readme-hint"
                rows={isWide ? 24 : 16}
                maxLength={25_000}
                value={text}
                onInput={({ currentTarget }) => setText(currentTarget.value)}
              />
              <span class="hint" id="readme-hint">
                {words.readmeHint}
              </span>
            </div>
            <Submit action={parts.save} form={form} />
          </form>
        )}
        {(isWide || isPreview) && <Preview text={text} />}
      </div>
    </section>
  );
}

/** A long text takes some time to show: it is shown 200 ms after the last key. */
const afterMs = 200;

function Preview({ text }: { readonly text: string }) {
  const [shown, setShown] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setShown(text), afterMs);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <section aria-label={words.preview}>
      {shown === "" ? <p class="body muted">{words.noPreview}</p> : <ReadmeText text={shown} />}
    </section>
  );
}

/** From this width on each half shows about 60 characters per line. */
const wide = "(min-width: 60rem)";

function useWideScreen(): boolean {
  const [isWide, setWide] = useState(() => matchMedia(wide).matches);
  useEffect(() => {
    const list = matchMedia(wide);
    const update = () => setWide(list.matches);
    list.addEventListener("change", update);
    return () => list.removeEventListener("change", update);
  }, []);
  return isWide;
}
