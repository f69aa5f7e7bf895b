import type { AuditLogAnswer } from "../../src/api/audit.ts";
import { auditCall, listPageSize, pageIn } from "../account-calls.ts";
import { useAnswer } from "../answers.ts";
import { AccountPage, useAccount } from "../parts/account-page.tsx";
import { AuditData, AuditFilters, AuditSubject, CsvLink } from "../parts/audit-log.tsx";
import { Loaded } from "../parts/states.tsx";
import { Since, Text } from "../parts/text.tsx";
import { setQuery, usePlace } from "../router.ts";
import { audit as words } from "../words/audit.ts";
import { parts } from "../words/frame.ts";

type Entry = AuditLogAnswer["logs"][number];

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
          <span class="end">
            <CsvLink call={call} />
          </span>
        </header>
        <AuditFilters account={account} texts={{ actor: words.actor, name: words.subject }} />
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
            <AuditSubject action={entry.action} subject={entry.name} />
          </td>
          <td class="full sub">
            <AuditData data={entry.data} />
          </td>
        </tr>
      ))}
    </tbody>
  </table>
);

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
