import { useRef } from "preact/hooks";
import type { SearchAnswer } from "../../src/api/search.ts";
import { searchCall, searchPageSize } from "../addresses.ts";
import { useAnswer } from "../answers.ts";
import { windowsRelease } from "../format.ts";
import { Filters, labelOf } from "../parts/facets.tsx";
import { Icon } from "../parts/icon.tsx";
import { Pager } from "../parts/pager.tsx";
import { RepositoryList } from "../parts/repository-list.tsx";
import { Loaded } from "../parts/states.tsx";
import { setQuery, usePlace } from "../router.ts";
import { explore, home } from "../words/explore.ts";
import { parts } from "../words/frame.ts";

const filters = ["os", "os_version", "architecture", "type", "where", "official", "namespace"];
const activeFilters = (query: URLSearchParams) =>
  filters.flatMap((filter) => query.getAll(filter).map((value) => ({ filter, value })));

function ActiveFilters() {
  const { url } = usePlace();
  const active = activeFilters(url.searchParams);
  if (active.length === 0) return null;
  return (
    <div class="active-filters">
      {active.map(({ filter, value }) => (
        <button
          key={filter + value}
          type="button"
          class="chip accent"
          onClick={() =>
            setQuery({ [filter]: url.searchParams.getAll(filter).filter((one) => one !== value) })
          }
        >
          {labelOf(filter, value)}
          <Icon name="remove" />
          <span class="sr">{parts.remove}</span>
        </button>
      ))}
      <button
        type="button"
        class="chip"
        onClick={() => setQuery(Object.fromEntries(filters.map((filter) => [filter, undefined])))}
      >
        {explore.clear}
      </button>
    </div>
  );
}

function Nothing({ text }: { readonly text: string }) {
  const { url } = usePlace();
  const active = activeFilters(url.searchParams);
  return (
    <div class="empty-state">
      <p>
        {text !== "" ? explore.noneAt(text) : active.length > 0 ? explore.none : explore.noneYet}
      </p>
      <div class="actions">
        {text === "" && active.length === 0 && (
          <a class="btn primary" href="/welcome">
            {home.firstSteps}
          </a>
        )}
        {active.map(({ filter, value }) => (
          <button
            key={filter + value}
            type="button"
            class="btn small"
            onClick={() =>
              setQuery({ [filter]: url.searchParams.getAll(filter).filter((one) => one !== value) })
            }
          >
            {explore.without(
              filter === "os_version" ? windowsRelease(value.replace("*", "")) : value,
            )}
          </button>
        ))}
      </div>
    </div>
  );
}

/** Search with filters. The whole state is in the address. */
export function Page() {
  const { url } = usePlace();
  const call = searchCall(url.searchParams);
  const answer = useAnswer<SearchAnswer>(call, { live: true });
  const dialog = useRef<HTMLDialogElement>(null);
  const text = url.searchParams.get("q") ?? "";
  const page = Number(url.searchParams.get("page") ?? "1");
  const { data } = answer;
  // While the next answer loads, the filters stay as they are.
  const shown = useRef(data);
  shown.current = data ?? shown.current;
  return (
    <main id="main" class="wrap">
      <div class="with-filters">
        <aside aria-label={explore.filtersLabel}>
          <Filters found={shown.current} />
        </aside>
        <div>
          <div class="list-head">
            <h1>{data === undefined ? explore.searching : explore.title(data.count, text)}</h1>
            <span class="end">
              <button
                type="button"
                class="btn only-small"
                onClick={() => dialog.current?.showModal()}
              >
                <Icon name="filters" />
                {explore.filters}{" "}
                <span class="count">{activeFilters(url.searchParams).length}</span>
              </button>
              <label class="sr" htmlFor="sort">
                {explore.sort}
              </label>
              <select
                id="sort"
                class="select"
                value={url.searchParams.get("sort") ?? "suggested"}
                onChange={({ currentTarget }) => setQuery({ sort: currentTarget.value })}
              >
                {Object.entries(explore.sorts).map(([value, label]) => (
                  <option key={value} value={value}>
                    {label}
                  </option>
                ))}
              </select>
            </span>
          </div>
          <ActiveFilters />
          <div class="card">
            <Loaded answer={answer} url={call} lines={12}>
              {({ results }) =>
                results.length === 0 ? (
                  <Nothing text={text} />
                ) : (
                  <RepositoryList repositories={results} text={text} />
                )
              }
            </Loaded>
          </div>
          {data && (
            <Pager
              page={page}
              pageSize={searchPageSize}
              all={data.count}
              shown={data.results.length}
            />
          )}
        </div>
      </div>
      <dialog ref={dialog} aria-label={explore.filtersLabel}>
        <div class="dialog">
          <Filters found={shown.current} />
          <button type="button" class="btn primary" onClick={() => dialog.current?.close()}>
            {explore.done}
          </button>
        </div>
      </dialog>
    </main>
  );
}
