import type { PackageItem } from "../../src/api/referrers.ts";
import { listPageSize, pageIn } from "../account-calls.ts";
import { repositoryCall } from "../addresses.ts";
import { useAnswer } from "../answers.ts";
import { usePlace } from "../router.ts";
import { attached as words } from "../words/attached.ts";
import { Pages, SearchInput } from "../parts/list-tools.tsx";
import { Loaded } from "../parts/states.tsx";
import { Text } from "../parts/text.tsx";

interface PackagePage {
  readonly count: number;
  readonly results: readonly PackageItem[];
}

/** The packages of an SBOM, with a search. */
export function AttachedPackages({
  name,
  digest,
  layer,
}: {
  readonly name: string;
  readonly digest: string;
  readonly layer: string;
}) {
  const { url } = usePlace();
  const asked = new URLSearchParams({
    layer,
    query: url.searchParams.get("search") ?? "",
    page: String(pageIn(url.searchParams)),
    page_size: String(listPageSize),
  });
  const call = repositoryCall(name, `/-/manifests/${digest}/packages?${asked.toString()}`);
  const answer = useAnswer<PackagePage>(call);
  return (
    <>
      <div class="toolbar">
        <SearchInput label={words.search} />
      </div>
      <Loaded answer={answer} url={call}>
        {({ results, count }) => (
          <>
            {results.length === 0 ? (
              <p class="empty-state">{words.noPackages}</p>
            ) : (
              <table class="cards">
                <thead>
                  <tr>
                    <th>{words.columns.name}</th>
                    <th>{words.columns.version}</th>
                    <th>{words.columns.license}</th>
                  </tr>
                </thead>
                <tbody>
                  {results.map(({ name: found, version, license, url: address }, row) => (
                    <tr key={row}>
                      <td title={address ?? undefined}>
                        <Text of={found} />
                      </td>
                      <td class="mono" data-label={words.columns.version}>
                        <Text of={version ?? "–"} />
                      </td>
                      <td data-label={words.columns.license}>
                        <Text of={license ?? "–"} />
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            )}
            <Pages all={count} shown={results.length} />
          </>
        )}
      </Loaded>
    </>
  );
}
