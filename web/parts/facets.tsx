import type { ComponentChildren } from "preact";
import { buildOf, count, osName, windowsRelease } from "../format.ts";
import { setQuery, usePlace } from "../router.ts";
import { useSession } from "../session.ts";
import { explore } from "../words/explore.ts";
import type { SearchHit } from "./repository-list.tsx";

interface FacetCount {
  readonly value: string;
  readonly count: number;
}
/** An answer of the search. */
export interface Found {
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

/** The name of a value of a filter. */
export const labelOf = (filter: string, value: string): ComponentChildren => {
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

/** The filters of the search, with counts if the search has them. */
export function Filters({ found }: { readonly found: Found | undefined }) {
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
