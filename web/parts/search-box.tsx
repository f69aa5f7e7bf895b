import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../addresses.ts";
import { get } from "../answers.ts";
import { pastedAddress } from "../pasted.ts";
import { go, usePlace } from "../router.ts";
import { useSession } from "../session.ts";
import { frame } from "../words/frame.ts";
import { Icon } from "./icon.tsx";

/** The search at the top of every page: suggestions after two letters, and pasted references open their page. */
export function SearchBox() {
  const { url } = usePlace();
  const { host } = useSession();
  const asked = url.pathname === "/search" ? (url.searchParams.get("q") ?? "") : "";
  const [text, setText] = useState(asked);
  const [found, setFound] = useState<readonly string[]>([]);
  const [selected, setSelected] = useState(-1);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => setText(asked), [asked]);
  useEffect(() => {
    const isTyped =
      text.trim().length >= 2 && text !== asked && document.activeElement === input.current;
    if (!isTyped) {
      setFound([]);
      return undefined;
    }
    let isOld = false;
    const timer = setTimeout(async () => {
      const names = await suggestionsFor(text);
      if (isOld) return;
      setFound(names);
      setSelected(-1);
    }, 120);
    return () => {
      isOld = true;
      clearTimeout(timer);
    };
  }, [text, asked]);

  const open = (to: string) => {
    setFound([]);
    input.current?.blur();
    go(to);
  };
  const submit = (event: Event) => {
    event.preventDefault();
    const name = found[selected];
    open(
      name === undefined
        ? (pastedAddress(text, host, location.origin) ??
            `/search?q=${encodeURIComponent(text.trim())}`)
        : `/r/${name}`,
    );
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape") setFound([]);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined || found.length === 0) return;
    event.preventDefault();
    // -1 is the text itself.
    setSelected((now) => ((now + 1 + step + found.length + 1) % (found.length + 1)) - 1);
  };
  const isOpen = found.length > 0;
  return (
    <form class="find" role="search" onSubmit={submit}>
      <Icon name="search" />
      <input
        ref={input}
        id="search"
        type="text"
        role="combobox"
        inputMode="search"
        autocomplete="off"
        aria-label={frame.search}
        aria-expanded={isOpen}
        aria-controls="suggestions"
        aria-activedescendant={isOpen && selected >= 0 ? `suggestion-${selected}` : undefined}
        placeholder={frame.searchHint}
        value={text}
        onInput={({ currentTarget }) => setText(currentTarget.value)}
        onKeyDown={onKeyDown}
        onBlur={() => setTimeout(() => setFound([]), 150)}
      />
      <kbd aria-hidden="true">/</kbd>
      <ul
        id="suggestions"
        class="suggestions"
        role="listbox"
        aria-label={frame.search}
        hidden={!isOpen}
      >
        {found.map((name, index) => (
          // The combobox handles the keys.
          // oxlint-disable-next-line jsx-a11y/click-events-have-key-events
          <li
            key={name}
            id={`suggestion-${index}`}
            role="option"
            aria-selected={index === selected}
            onClick={() => open(`/r/${name}`)}
          >
            {name}
          </li>
        ))}
      </ul>
    </form>
  );
}

/** The first repositories that match a text. */
async function suggestionsFor(text: string): Promise<readonly string[]> {
  const result = await get<{ readonly results: readonly { readonly short_name: string }[] }>(
    `${api}/search?query=${encodeURIComponent(text.trim())}&page_size=5`,
  );
  return result.ok ? result.data.results.map(({ short_name: name }) => name) : [];
}
