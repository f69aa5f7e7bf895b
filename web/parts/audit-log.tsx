import { useId } from "preact/hooks";
import type { AuditActionsAnswer } from "../../src/api/audit.ts";
import { auditPath } from "../account-calls.ts";
import { referenceAddress, repositoryAddress } from "../addresses.ts";
import { useAnswer } from "../answers.ts";
import { shortDigest } from "../format.ts";
import { setQuery, usePlace } from "../router.ts";
import { audit as words } from "../words/audit.ts";
import { SearchInput } from "./list-tools.tsx";
import { Text } from "./text.tsx";

/**
 * What the list of an audit log is filtered by.
 * @param account an account whose log the user may read
 * @param texts the labels of the texts that filter, by the parameter of the address
 */
export function AuditFilters({
  account,
  texts,
}: {
  readonly account: string;
  readonly texts: Readonly<Record<string, string>>;
}) {
  const { url } = usePlace();
  const id = useId();
  const { data } = useAnswer<AuditActionsAnswer>(auditPath(account, "/actions"));
  const filters = ["action", ...Object.keys(texts), "from", "to"];
  const isFiltered = filters.some((key) => url.searchParams.has(key));
  return (
    <div class="toolbar">
      <select
        class="select"
        aria-label={words.action}
        value={url.searchParams.get("action") ?? ""}
        onChange={({ currentTarget }) => setQuery({ action: currentTarget.value })}
      >
        <option value="">{words.anyAction}</option>
        {Object.entries(data?.actions ?? {}).map(([prefix, group]) => (
          <optgroup key={prefix} label={group.label}>
            <option value={prefix}>{words.allOf(group.label)}</option>
            {group.actions.map(({ name, label }) => (
              <option key={name} value={`${prefix}.${name}`}>
                {label}
              </option>
            ))}
          </optgroup>
        ))}
      </select>
      {Object.entries(texts).map(([parameter, label]) => (
        <SearchInput key={parameter} label={label} parameter={parameter} />
      ))}
      <span class="pair">
        {(["from", "to"] as const).map((key) => (
          <label key={key} class="pair" htmlFor={`${id}-${key}`}>
            {words[key]}
            <input
              id={`${id}-${key}`}
              type="date"
              class="input"
              value={url.searchParams.get(key) ?? ""}
              onChange={({ currentTarget }) => setQuery({ [key]: currentTarget.value })}
            />
          </label>
        ))}
      </span>
      {isFiltered && (
        <button
          type="button"
          class="btn small"
          onClick={() => setQuery(Object.fromEntries(filters.map((key) => [key, undefined])))}
        >
          {words.clear}
        </button>
      )}
    </div>
  );
}

/**
 * Downloads all entries that match the filters.
 * @param call the API call of the list
 */
export function CsvLink({ call }: { readonly call: string }) {
  const [path = "", text] = call.split("?");
  const query = new URLSearchParams(text);
  for (const key of ["page", "page_size", "last"]) query.delete(key);
  query.set("format", "csv");
  return (
    <a class="btn small" href={`${path}?${query.toString()}`} download>
      {words.csv}
    </a>
  );
}

/** The changed object, with a link to its page if it has one. */
export function AuditSubject({
  action,
  subject,
}: {
  readonly action: string;
  readonly subject: string;
}) {
  const isRepository = action.startsWith("repo.");
  const address = !isRepository
    ? undefined
    : subject.includes(":")
      ? referenceAddress(subject)
      : repositoryAddress(subject);
  return address === undefined ? (
    <Text of={subject} />
  ) : (
    <a href={address}>
      <Text of={subject} />
    </a>
  );
}

/** What an entry says about its change, a line each. */
export const AuditData = ({ data }: { readonly data: Readonly<Record<string, string>> }) => (
  <>
    {Object.entries(data).map(([key, value]) => (
      <div key={key}>
        {key.replace(/[._]/g, " ")}:{" "}
        <span title={value}>
          <Text of={value.startsWith("sha") ? shortDigest(value) : value} />
        </span>
      </div>
    ))}
  </>
);
