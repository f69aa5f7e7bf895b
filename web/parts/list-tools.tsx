import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { listPageSize, pageIn } from "../account-calls.ts";
import type { Answer } from "../answers.ts";
import { setQuery, usePlace } from "../router.ts";
import { Select } from "./select.tsx";
import { Pager } from "./pager.tsx";
import { Loaded } from "./states.tsx";

/** A text of the address that filters a list. */
export function SearchInput({
  label,
  parameter = "search",
}: {
  readonly label: string;
  readonly parameter?: string;
}) {
  const { url } = usePlace();
  return (
    <input
      type="search"
      class="input"
      aria-label={label}
      placeholder={label}
      defaultValue={url.searchParams.get(parameter) ?? ""}
      onInput={({ currentTarget }) =>
        setQuery({ [parameter]: currentTarget.value }, { replace: true })
      }
    />
  );
}

/** A parameter of the address that is chosen from a list. The first option is the one without the parameter. */
export function SelectInput({
  label,
  parameter,
  options,
}: {
  readonly label: string;
  readonly parameter: string;
  readonly options: readonly (readonly [value: string, text: string])[];
}) {
  const { url } = usePlace();
  const [[byDefault] = [""]] = options;
  return (
    <Select
      label={label}
      options={options}
      value={url.searchParams.get(parameter) ?? byDefault}
      onValue={(value) => setQuery({ [parameter]: value === byDefault ? undefined : value })}
    />
  );
}

/** The links between the pages of a list, if it has several. */
export function Pages({ all, shown }: { readonly all: number; readonly shown: number }) {
  const { url } = usePlace();
  if (all <= listPageSize) return null;
  return (
    <div class="body">
      <Pager page={pageIn(url.searchParams)} pageSize={listPageSize} all={all} shown={shown} />
    </div>
  );
}

/** A card with one page of a list: its title, the filters, the rows or the sentence for none, and the page links. */
export function ListCard<T>({
  title,
  actions,
  tools,
  answer,
  call,
  empty,
  footer,
  children,
}: {
  readonly title: string;
  /** Buttons beside the title. */
  readonly actions?: ComponentChildren;
  readonly tools?: ComponentChildren;
  readonly answer: Answer<{ readonly count: number; readonly results: readonly T[] }>;
  readonly call: string;
  readonly empty: string;
  readonly footer?: ComponentChildren;
  readonly children: (results: readonly T[]) => ComponentChildren;
}) {
  const id = useId();
  return (
    <section class="card" aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        {actions && <span class="end">{actions}</span>}
      </header>
      {tools && <div class="toolbar">{tools}</div>}
      <Loaded answer={answer} url={call}>
        {({ results, count }) =>
          results.length === 0 ? (
            <p class="empty-state">{empty}</p>
          ) : (
            <>
              {children(results)}
              <Pages all={count} shown={results.length} />
            </>
          )
        }
      </Loaded>
      {footer && <footer>{footer}</footer>}
    </section>
  );
}

/** Names with a space, a comma or a line between them. */
export const namesIn = (text: string): readonly string[] => [
  ...new Set(text.split(/[\s,;]+/).filter((name) => name !== "")),
];
