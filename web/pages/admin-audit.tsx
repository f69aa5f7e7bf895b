import type { AdminAuditAnswer } from "../../src/api/administration.ts";
import { adminAuditCall } from "../admin-calls.ts";
import { useAnswer } from "../answers.ts";
import { setQuery, usePlace } from "../router.ts";
import { useSession } from "../session.ts";
import { adminAudit as words, audit } from "../words/audit.ts";
import { AdminPage, Commands } from "../parts/admin-page.tsx";
import { AuditData, AuditFilters, AuditSubject, CsvLink } from "../parts/audit-log.tsx";
import { Loaded } from "../parts/states.tsx";
import { Since, Text } from "../parts/text.tsx";

type Entry = AdminAuditAnswer["results"][number];

/** The changes of all accounts and of the server, the newest first. */
export function Page() {
  const { url } = usePlace();
  const { user } = useSession();
  const call = adminAuditCall(url.searchParams);
  const answer = useAnswer<AdminAuditAnswer>(call, { live: true });
  return (
    <AdminPage first={answer} call={call}>
      <section class="card" aria-labelledby="audit">
        <header>
          <h2 id="audit">{words.title}</h2>
          <span class="end">
            <CsvLink call={call} />
          </span>
        </header>
        <AuditFilters
          account={user?.username ?? ""}
          texts={{ account: words.account, actor: audit.actor }}
        />
        <Loaded answer={answer} url={call} lines={12}>
          {({ results, next }) => (
            <>
              {results.length === 0 ? (
                <p class="empty-state">{next === null ? words.none : words.noneHere}</p>
              ) : (
                <Table entries={results} />
              )}
              <Turn next={next} />
            </>
          )}
        </Loaded>
        <footer>
          <Commands lines={["berth audit --account NAME --action repo.tag --from 7d"]} />
        </footer>
      </section>
    </AdminPage>
  );
}

const Table = ({ entries }: { readonly entries: readonly Entry[] }) => (
  <table class="cards">
    <thead>
      <tr>
        <th>{audit.columns.time}</th>
        <th>{audit.columns.actor}</th>
        <th>{words.account}</th>
        <th>{audit.columns.action}</th>
        <th>{audit.columns.subject}</th>
        <th>{audit.columns.data}</th>
      </tr>
    </thead>
    <tbody>
      {entries.map((entry, index) => (
        <tr key={`${entry.at}-${index}`}>
          <td class="nw">
            <Since time={entry.at} />
          </td>
          <td data-label={audit.columns.actor}>
            <Text of={entry.actor || audit.anonymous} />
          </td>
          <td data-label={words.account}>
            {entry.account === "berth" ? words.server : <Text of={entry.account} />}
          </td>
          <td data-label={audit.columns.action}>{entry.action.replace(/[._]/g, " ")}</td>
          <td data-label={audit.columns.subject}>
            <AuditSubject action={entry.action} subject={entry.subject} />
          </td>
          <td class="full sub">
            <AuditData data={entry.data} />
            {entry.address !== "" && (
              <div>
                {words.address}: <Text of={entry.address} />
              </div>
            )}
          </td>
        </tr>
      ))}
    </tbody>
  </table>
);

/** The log has no numbered pages: only the way to older entries, and back to the newest. */
function Turn({ next }: Pick<AdminAuditAnswer, "next">) {
  const { url } = usePlace();
  const isFirst = !url.searchParams.has("page");
  const last = next === null ? undefined : (new URL(next).searchParams.get("last") ?? undefined);
  if (isFirst && last === undefined) return null;
  return (
    <div class="body">
      <nav class="pages" aria-label={words.title}>
        <span class="actions">
          {!isFirst && (
            <button type="button" class="btn small" onClick={() => setQuery({})}>
              {words.newest}
            </button>
          )}
          {last !== undefined && (
            <button type="button" class="btn small" onClick={() => setQuery({ page: last })}>
              {words.older}
            </button>
          )}
        </span>
      </nav>
    </div>
  );
}
