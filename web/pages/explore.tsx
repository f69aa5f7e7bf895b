import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import { searchCall, searchPageSize } from "../addresses.ts";
import { useAnswer } from "../answers.ts";
import { buildOf, count, osName, windowsRelease } from "../format.ts";
import { Icon } from "../parts/icon.tsx";
import { Pager } from "../parts/pager.tsx";
import { RepositoryList, type SearchHit } from "../parts/repository-list.tsx";
import { Loaded } from "../parts/states.tsx";
import { setQuery, usePlace } from "../router.ts";
import { useSession } from "../session.ts";
import { explore } from "../words/explore.ts";
import { parts } from "../words/frame.ts";

interface FacetCount {
  readonly value: string;
  readonly count: number;
}
interface Found {
  readonly count: number;
  readonly results: readonly SearchHit[];
  readonly facets?: Readonly<Record<string, readonly FacetCount[]>> | null;
}

/** The values of each filter while the search does not count them. */
const known: Readonly<Record<string, readonly string[]>> = {
  os: ["linux", "windows"],
  os_version: ["10.0.26100*", "10.0.20348*", "10.0.17763*"],
  architecture: ["amd64", "arm64", "arm"],
  type: ["image", "helm", "unrecognized"],
};

const labelOf = (filter: string, value: string): ComponentChildren => {
  if (filter === "os") return osName(value);
  if (filter === "type") return (explore.types as Record<string, string>)[value] ?? value;
  if (filter === "where") return value === "hosted" ? explore.hosted : explore.mirrored;
  if (filter === "official") return explore.official;
  if (filter === "namespace") return explore.namespace(value);
  if (filter !== "os_version") return value;
  const version = value.replace("*", "");
  return (
    <>
      {explore.server(windowsRelease(version))} <span class="sub">{buildOf(version)}</span>
    </>
  );
};

/** Builds of one release of Windows Server are one filter. */
function byRelease(counts: readonly FacetCount[]): readonly FacetCount[] {
  const releases = new Map<string, number>();
  for (const { value, count: found } of counts) {
    const key = `10.0.${buildOf(value)}*`;
    releases.set(key, (releases.get(key) ?? 0) + found);
  }
  return [...releases].map(([value, found]) => ({ value, count: found }));
}

function Facet({
  title,
  filter,
  found,
}: {
  readonly title: string;
  readonly filter: string;
  readonly found: Found | undefined;
}) {
  const { url } = usePlace();
  const chosen = url.searchParams.getAll(filter);
  const counted = found?.facets?.[filter];
  const counts = counted && (filter === "os_version" ? byRelease(counted) : counted);
  const values = [
    ...new Set([...(counts?.map(({ value }) => value) ?? known[filter] ?? []), ...chosen]),
  ].filter((value) => value !== "" && value !== "unknown");
  if (values.length === 0) return null;
  const toggle = (value: string) =>
    setQuery({
      [filter]: chosen.includes(value) ? chosen.filter((one) => one !== value) : [...chosen, value],
    });
  return (
    <fieldset class="facet">
      <legend>{title}</legend>
      {values.slice(0, 12).map((value) => (
        <label key={value}>
          <input type="checkbox" checked={chosen.includes(value)} onChange={() => toggle(value)} />
          <span>{labelOf(filter, value)}</span>
          {counts && (
            <span class="n num">
              {count(counts.find((one) => one.value === value)?.count ?? 0)}
            </span>
          )}
        </label>
      ))}
    </fieldset>
  );
}

function Filters({ found }: { readonly found: Found | undefined }) {
  const { has_mirrors: hasMirrors } = useSession();
  const { url } = usePlace();
  return (
    <>
      <Facet title={explore.os} filter="os" found={found} />
      <Facet title={explore.build} filter="os_version" found={found} />
      <Facet title={explore.architecture} filter="architecture" found={found} />
      <Facet title={explore.type} filter="type" found={found} />
      <fieldset class="facet">
        <legend>{explore.where}</legend>
        {hasMirrors &&
          ["hosted", "mirrored"].map((value) => (
            <label key={value}>
              <input
                type="checkbox"
                checked={url.searchParams.get("where") === value}
                onChange={({ currentTarget }) =>
                  setQuery({ where: currentTarget.checked ? value : undefined })
                }
              />
              {labelOf("where", value)}
            </label>
          ))}
        <label>
          <input
            type="checkbox"
            checked={url.searchParams.get("official") === "true"}
            onChange={({ currentTarget }) =>
              setQuery({ official: currentTarget.checked ? "true" : undefined })
            }
          />
          {explore.official}
        </label>
      </fieldset>
    </>
  );
}

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
      <p>{text === "" ? explore.none : explore.noneAt(text)}</p>
      <div class="actions">
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
  const answer = useAnswer<Found>(call, { live: true });
  const dialog = useRef<HTMLDialogElement>(null);
  const text = url.searchParams.get("q") ?? "";
  const page = Number(url.searchParams.get("page") ?? "1");
  const { data } = answer;
  return (
    <main id="main" class="wrap">
      <div class="with-filters">
        <aside aria-label={explore.filtersLabel}>
          <Filters found={data} />
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
          <Filters found={data} />
          <button type="button" class="btn primary" onClick={() => dialog.current?.close()}>
            {explore.done}
          </button>
        </div>
      </dialog>
    </main>
  );
}
