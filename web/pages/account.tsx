import type { HubRepositoryItemAnswer } from "../../src/api/repositories.ts";
import { repositoriesCall } from "../account-calls.ts";
import { repositoryAddress } from "../addresses.ts";
import { useAnswer } from "../answers.ts";
import { count, visibleText } from "../format.ts";
import { AccountPage, useAccount } from "../parts/account-page.tsx";
import { Prompt } from "../parts/copy.tsx";
import { Pages, SearchInput, SelectInput } from "../parts/list-tools.tsx";
import { PrivateChip } from "../parts/repository-list.tsx";
import { Loaded } from "../parts/states.tsx";
import { Since, Size } from "../parts/text.tsx";
import { usePlace } from "../router.ts";
import { useSession } from "../session.ts";
import { repositories as words } from "../words/account.ts";

interface RepositoryPage {
  readonly count: number;
  readonly results: readonly HubRepositoryItemAnswer[];
}

/** The repositories of a user, an organisation or a mirror. */
export function Page() {
  const { account } = useAccount();
  const { url } = usePlace();
  const { user } = useSession();
  const call = repositoriesCall(account, url.searchParams);
  const answer = useAnswer<RepositoryPage>(call, { live: true });
  return (
    <AccountPage tab="repositories">
      <section class="card">
        <div class="toolbar">
          <SearchInput label={words.search} parameter="name" />
          {user !== null && (
            <SelectInput
              label={words.visibility}
              parameter="is_private"
              options={words.visibilities}
            />
          )}
          <SelectInput
            label={words.order}
            parameter="ordering"
            options={Object.entries(words.orders)}
          />
        </div>
        <Loaded answer={answer} url={call}>
          {({ results, count: all }) =>
            results.length === 0 ? (
              <Nothing
                isFiltered={["name", "is_private"].some((key) => url.searchParams.has(key))}
              />
            ) : (
              <>
                <Table repositories={results} />
                <Pages all={all} shown={results.length} />
              </>
            )
          }
        </Loaded>
      </section>
    </AccountPage>
  );
}

function Nothing({ isFiltered }: { readonly isFiltered: boolean }) {
  const { account, mayCreate } = useAccount();
  const { host, create_on_push: createOnPush } = useSession();
  if (isFiltered) return <p class="empty-state">{words.none}</p>;
  if (!mayCreate || !createOnPush) return <p class="empty-state">{words.empty}</p>;
  return (
    <div class="empty-state">
      <p>{words.emptyOwn}</p>
      <Prompt command={`docker push ${host}/${account}/app`} />
    </div>
  );
}

const Table = ({ repositories }: { readonly repositories: readonly HubRepositoryItemAnswer[] }) => (
  <table class="cards">
    <thead>
      <tr>
        <th>{words.columns.name}</th>
        <th class="r">{words.columns.size}</th>
        <th class="r">{words.columns.pulls}</th>
        <th class="r">{words.columns.stars}</th>
        <th>{words.columns.pushed}</th>
      </tr>
    </thead>
    <tbody>
      {repositories.map((one) => (
        <tr key={one.name}>
          <td class="full">
            <span class="tagline">
              <a href={repositoryAddress(`${one.namespace}/${one.name}`)}>
                <b>{one.name}</b>
              </a>
              {one.is_private && <PrivateChip />}
            </span>
            {one.description !== "" && <div class="sub">{visibleText(one.description)}</div>}
          </td>
          <td class="r" data-label={words.columns.size}>
            <Size bytes={one.storage_size} />
          </td>
          <td class="r num" data-label={words.columns.pulls}>
            {count(one.pull_count)}
          </td>
          <td class="r num" data-label={words.columns.stars}>
            {count(one.star_count)}
          </td>
          <td class="nw" data-label={words.columns.pushed}>
            <Since time={one.last_updated} />
          </td>
        </tr>
      ))}
    </tbody>
  </table>
);
