import { listPageSize, pageIn } from "../account-calls.ts";
import { setQuery, usePlace } from "../router.ts";
import { Pager } from "./pager.tsx";

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
    <select
      class="select"
      aria-label={label}
      value={url.searchParams.get(parameter) ?? byDefault}
      onChange={({ currentTarget: { value } }) =>
        setQuery({ [parameter]: value === byDefault ? undefined : value })
      }
    >
      {options.map(([value, text]) => (
        <option key={value} value={value}>
          {text}
        </option>
      ))}
    </select>
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

/** Names with a space, a comma or a line between them. */
export const namesIn = (text: string): readonly string[] => [
  ...new Set(text.split(/[\s,;]+/).filter((name) => name !== "")),
];
