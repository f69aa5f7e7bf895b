import { useState } from "preact/hooks";
import type { ActivityAnswer } from "../../src/api/activity.ts";
import { digestAddress, repositoryCall, tagAddress } from "../addresses.ts";
import { get, useAnswer } from "../answers.ts";
import { date, exactTime, shortDigest, visibleText } from "../format.ts";
import { ActivityChart } from "../parts/activity-chart.tsx";
import { RepositoryPage } from "../parts/repository-head.tsx";
import { Failed, Loaded } from "../parts/states.tsx";
import { setQuery, usePlace } from "../router.ts";
import { activity as words } from "../words/repository-pages.ts";

type Entry = ActivityAnswer["results"][number];

/** What happened to a repository and its tags, by day. */
export function Page() {
  return (
    <RepositoryPage tab="activity">
      {({ name }) => (
        <>
          <ActivityChart name={name} />
          <Log name={name} />
        </>
      )}
    </RepositoryPage>
  );
}

function Log({ name }: { readonly name: string }) {
  const { url } = usePlace();
  const actor = url.searchParams.get("actor") ?? "";
  const action = url.searchParams.get("action") ?? "";
  const asked = new URLSearchParams({ page_size: "50" });
  if (actor !== "") asked.set("actor", actor);
  if (action !== "") asked.set("action", action);
  const call = repositoryCall(name, `/-/activity?${asked.toString()}`);
  const answer = useAnswer<ActivityAnswer>(call, { live: true });
  return (
    <section class="card" aria-label={words.title}>
      <div class="toolbar">
        <input
          type="search"
          class="input"
          aria-label={words.person}
          placeholder={words.person}
          defaultValue={actor}
          onInput={({ currentTarget }) =>
            setQuery({ actor: currentTarget.value }, { replace: true })
          }
        />
        <select
          class="select"
          aria-label={words.kind}
          value={action}
          onChange={({ currentTarget }) => setQuery({ action: currentTarget.value })}
        >
          <option value="">{words.all}</option>
          {Object.entries(words.groups).map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      </div>
      <Loaded answer={answer} url={call} lines={8}>
        {(page) =>
          page.results.length === 0 && page.next === null ? (
            <p class="empty-state">{words.none}</p>
          ) : (
            <>
              <Days name={name} entries={page.results} />
              <Earlier key={call} name={name} next={page.next} />
            </>
          )
        }
      </Loaded>
    </section>
  );
}

/** The pages before, one at a time. */
function Earlier({ name, next }: { readonly name: string; readonly next: string | null }) {
  const [pages, setPages] = useState<readonly ActivityAnswer[]>([]);
  const [failure, setFailure] = useState<Parameters<typeof Failed>[0]["failure"]>();
  const last = pages.length === 0 ? next : (pages.at(-1)?.next ?? null);
  const load = async () => {
    if (last === null) return;
    const { pathname, search } = new URL(last);
    const result = await get<ActivityAnswer>(pathname + search);
    if (result.ok) setPages([...pages, result.data]);
    setFailure(result.ok ? undefined : result.failure);
  };
  return (
    <>
      {/* Only the last page that was asked for is in the document. */}
      {pages.slice(-1).map((page) => (
        <Days key={page.next} name={name} entries={page.results} />
      ))}
      {failure && <Failed failure={failure} />}
      {last !== null && (
        <footer>
          <button type="button" class="btn small" onClick={() => void load()}>
            {words.earlier}
          </button>
        </footer>
      )}
    </>
  );
}

function Days({ name, entries }: { readonly name: string; readonly entries: readonly Entry[] }) {
  const days = new Map<string, Entry[]>();
  for (const entry of entries) {
    const day = date(entry.timestamp);
    days.set(day, [...(days.get(day) ?? []), entry]);
  }
  return (
    <>
      {[...days].map(([day, ofDay]) => (
        <div key={day}>
          <h2 class="day">{day}</h2>
          <ul class="list">
            {ofDay.map((entry, index) => (
              <Row key={index} name={name} entry={entry} />
            ))}
          </ul>
        </div>
      ))}
    </>
  );
}

function Row({ name, entry }: { readonly name: string; readonly entry: Entry }) {
  const { tag, data, address } = entry;
  const digest = entry.digest ?? data["digest"] ?? null;
  return (
    <li>
      <b>{entry.actor === "" ? words.anonymous : visibleText(entry.actor)}</b>
      <span>
        {words.actions[data["rollback"] === "true" ? "repo.tag.rollback" : entry.action] ??
          entry.action}
      </span>
      {tag !== null && (
        <a class="link mono" href={tagAddress(name, tag, "/history")}>
          {visibleText(tag)}
        </a>
      )}
      {digest !== null && (
        <a class="digest" href={digestAddress(name, digest)}>
          {shortDigest(digest)}
        </a>
      )}
      <span class="sub end num">
        {address !== null && `${words.from} ${address} · `}
        <time dateTime={entry.timestamp} title={exactTime(entry.timestamp)}>
          {new Date(entry.timestamp).toLocaleTimeString("en-GB")}
        </time>
      </span>
    </li>
  );
}
