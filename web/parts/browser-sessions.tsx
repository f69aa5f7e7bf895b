import { useState } from "preact/hooks";
import type { BrowserSessionsAnswer } from "../../src/api/session.ts";
import { browserSessionsCall } from "../account-calls.ts";
import { send, useAnswer } from "../answers.ts";
import { browserName } from "../format.ts";
import { sessions as words } from "../words/settings.ts";
import { Confirm } from "./dialog.tsx";
import { Loaded } from "./states.tsx";
import { Since, Text } from "./text.tsx";
import { showToast } from "./toast.tsx";

type BrowserSession = BrowserSessionsAnswer["sessions"][number];

const nameOf = ({ browser }: BrowserSession): string =>
  browserName(browser) ?? words.unknownBrowser;

/** The browsers in which the user is signed in; each of the others can be signed out. */
export function BrowserSessions() {
  const answer = useAnswer<BrowserSessionsAnswer>(browserSessionsCall, { live: true });
  /** The sessions that a dialog asks about. */
  const [asked, setAsked] = useState<BrowserSession | "others">();
  const others = answer.data?.sessions.filter((one) => !one.is_this_one) ?? [];
  return (
    <section class="card" aria-labelledby="sessions">
      <header>
        <h2 id="sessions">{words.title}</h2>
        <span class="end">
          <button
            type="button"
            class="btn small"
            disabled={others.length === 0}
            onClick={() => setAsked("others")}
          >
            {words.endOthers}
          </button>
        </span>
      </header>
      <Loaded answer={answer} url={browserSessionsCall}>
        {({ sessions }) => <Table sessions={sessions} onEnd={setAsked} />}
      </Loaded>
      {asked !== undefined && (
        <Confirm
          title={
            asked === "others" ? words.endOthersTitle(others.length) : words.endTitle(nameOf(asked))
          }
          action={words.end}
          onClose={() => setAsked(undefined)}
          onConfirm={async () => {
            const all = asked === "others";
            const path = all ? browserSessionsCall : `${browserSessionsCall}/${asked.id}`;
            const result = await send("DELETE", path);
            if (result.ok) showToast({ text: words.ended(all ? others.length : 1) });
            return result;
          }}
        >
          <p>{words.endHint}</p>
        </Confirm>
      )}
    </section>
  );
}

const Table = ({
  sessions,
  onEnd,
}: {
  readonly sessions: readonly BrowserSession[];
  readonly onEnd: (session: BrowserSession) => void;
}) => (
  <table class="cards">
    <thead>
      <tr>
        <th>{words.browser}</th>
        <th>{words.address}</th>
        <th>{words.started}</th>
        <th>{words.lastSeen}</th>
        <th>
          <span class="sr">{words.end}</span>
        </th>
      </tr>
    </thead>
    <tbody>
      {sessions.map((one) => (
        <tr key={one.id}>
          <td>
            <span title={one.browser}>{nameOf(one)}</span>
          </td>
          <td class="mono" data-label={words.address}>
            <Text of={one.address} />
          </td>
          <td data-label={words.started}>
            <Since time={one.started} />
          </td>
          <td data-label={words.lastSeen}>
            <Since time={one.last_seen} />
          </td>
          <td class="r act">
            {one.is_this_one ? (
              <span class="chip accent">{words.isThisOne}</span>
            ) : (
              <button type="button" class="btn small" onClick={() => onEnd(one)}>
                {words.end}
              </button>
            )}
          </td>
        </tr>
      ))}
    </tbody>
  </table>
);
