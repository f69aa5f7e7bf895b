import { useId } from "preact/hooks";
import type { AuditActionsAnswer, AuditLogAnswer } from "../../src/api/audit.ts";
import { auditCall, auditPath, listPageSize, pageIn } from "../account-calls.ts";
import { referenceAddress, repositoryAddress } from "../addresses.ts";
import { useAnswer } from "../answers.ts";
import { shortDigest } from "../format.ts";
import { AccountPage, useAccount } from "../parts/account-page.tsx";
import { SearchInput } from "../parts/list-tools.tsx";
import { Loaded } from "../parts/states.tsx";
import { Since, Text } from "../parts/text.tsx";
import { setQuery, usePlace } from "../router.ts";
import { audit as words } from "../words/account.ts";
import { parts } from "../words/frame.ts";

type Entry = AuditLogAnswer["logs"][number];
const filters = ["action", "actor", "name", "from", "to"];

/** What happened to an account and its repositories, the newest first. */
export function Page() {
  const { account } = useAccount();
  const { url } = usePlace();
  const call = auditCall(account, url.searchParams);
  const answer = useAnswer<AuditLogAnswer>(call, { live: true });
  return (
    <AccountPage tab="audit" first={answer}>
      <section class="card" aria-labelledby="audit">
        <header>
          <h2 id="audit">{words.title}</h2>
        </header>
        <Filters />
        <Loaded answer={answer} url={call} lines={12}>
          {({ logs }) =>
            logs.length === 0 ? (
              <p class="empty-state">{words.none}</p>
            ) : (
              <>
                <Table logs={logs} />
                <MoreLogs shown={logs.length} />
              </>
            )
          }
        </Loaded>
      </section>
    </AccountPage>
  );
}

function Filters() {
  const { account } = useAccount();
  const { url } = usePlace();
  const id = useId();
  const { data } = useAnswer<AuditActionsAnswer>(auditPath(account, "/actions"));
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
      <SearchInput label={words.actor} parameter="actor" />
      <SearchInput label={words.subject} parameter="name" />
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

const Table = ({ logs }: { readonly logs: readonly Entry[] }) => (
  <table class="cards">
    <thead>
      <tr>
        <th>{words.columns.time}</th>
        <th>{words.columns.actor}</th>
        <th>{words.columns.action}</th>
        <th>{words.columns.subject}</th>
        <th>{words.columns.data}</th>
      </tr>
    </thead>
    <tbody>
      {logs.map((entry, index) => (
        <tr key={`${entry.timestamp}-${index}`}>
          <td class="nw">
            <Since time={entry.timestamp} />
          </td>
          <td data-label={words.columns.actor}>
            <Text of={entry.actor || words.anonymous} />
          </td>
          <td data-label={words.columns.action}>{entry.action.replace(/[._]/g, " ")}</td>
          <td data-label={words.columns.subject}>
            <Subject entry={entry} />
          </td>
          <td class="full sub">
            {Object.entries(entry.data).map(([key, value]) => (
              <div key={key}>
                {key.replace(/[._]/g, " ")}:{" "}
                <span title={value}>
                  <Text of={value.startsWith("sha") ? shortDigest(value) : value} />
                </span>
              </div>
            ))}
          </td>
        </tr>
      ))}
    </tbody>
  </table>
);

/** The changed object, with a link to its page if it has one. */
function Subject({ entry: { action, name } }: { readonly entry: Entry }) {
  const isRepository = action.startsWith("repo.");
  const address = !isRepository
    ? undefined
    : name.includes(":")
      ? referenceAddress(name)
      : repositoryAddress(name);
  return address === undefined ? (
    <Text of={name} />
  ) : (
    <a href={address}>
      <Text of={name} />
    </a>
  );
}

/** The log does not count its rows: a full page may have a next one. */
function MoreLogs({ shown }: { readonly shown: number }) {
  const { url } = usePlace();
  const page = pageIn(url.searchParams);
  const turn = (to: number) => setQuery({ page: to === 1 ? undefined : String(to) });
  if (page === 1 && shown < listPageSize) return null;
  return (
    <div class="body">
      <nav class="pages num" aria-label={words.page(page)}>
        <span>{words.page(page)}</span>
        <span class="actions">
          {page > 1 && (
            <button type="button" class="btn small" onClick={() => turn(page - 1)}>
              {parts.previous}
            </button>
          )}
          {shown === listPageSize && (
            <button type="button" class="btn small" onClick={() => turn(page + 1)}>
              {parts.next}
            </button>
          )}
        </span>
      </nav>
    </div>
  );
}
