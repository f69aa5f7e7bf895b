import type { ComponentChildren } from "preact";
import type { SearchAnswer } from "../../src/api/search.ts";
import { buildOf, count, osName, windowsRelease } from "../format.ts";
import { setQuery, usePlace } from "../router.ts";
import { useSession } from "../session.ts";
import { explore } from "../words/explore.ts";

type CountedFilter = keyof NonNullable<SearchAnswer["facets"]>;

/** The values of each filter if there are too many repositories to count. */
const known: Readonly<Record<CountedFilter, readonly string[]>> = {
  os: ["linux", "windows"],
  os_version: ["10.0.26100*", "10.0.20348*", "10.0.17763*"],
  architecture: ["amd64", "arm64", "arm"],
  type: ["image", "helm", "unrecognized"],
};

/** The name of a value of a filter. */
export const labelOf = (filter: string, value: string): ComponentChildren => {
  if (filter === "os") return osName(value);
  if (filter === "type") return (explore.types as Record<string, string>)[value] ?? value;
  if (filter === "where") return value === "hosted" ? explore.hosted : explore.mirrored;
  if (filter === "official") return explore.official;
  if (filter === "namespace") return explore.namespace(value);
  if (filter !== "os_version") return value;
  const version = value.replace("*", "");
  if (windowsRelease(version) === buildOf(version)) return version;
  return (
    <>
      {explore.server(windowsRelease(version))} <span class="sub">{buildOf(version)}</span>
    </>
  );
};

function Facet({
  title,
  filter,
  found,
}: {
  readonly title: string;
  readonly filter: CountedFilter;
  readonly found: SearchAnswer | undefined;
}) {
  const { url } = usePlace();
  const chosen = url.searchParams.getAll(filter);
  const counted = found?.facets?.[filter];
  const counts = new Map(counted?.map(({ value, count: n }) => [value, n]));
  const values = (counted?.map(({ value }) => value) ?? known[filter]).filter(
    (value) => value !== "" && value !== "unknown",
  );
  const shown = [...new Set([...values.slice(0, 12), ...chosen])];
  if (shown.length === 0) return null;
  const toggle = (value: string) =>
    setQuery({
      [filter]: chosen.includes(value) ? chosen.filter((one) => one !== value) : [...chosen, value],
    });
  return (
    <fieldset class="facet">
      <legend>{title}</legend>
      {shown.map((value) => (
        <label key={value}>
          <input type="checkbox" checked={chosen.includes(value)} onChange={() => toggle(value)} />
          <span>{labelOf(filter, value)}</span>
          <span class="n num">{counts.has(value) && count(counts.get(value) ?? 0)}</span>
        </label>
      ))}
    </fieldset>
  );
}

/** The filters of the search, with counts if the search has them. */
export function Filters({ found }: { readonly found: SearchAnswer | undefined }) {
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
