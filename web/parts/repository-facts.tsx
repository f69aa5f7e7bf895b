import type { RepositoryAnswer, RepositoryUsageAnswer } from "../../src/api/repositories.ts";
import { fullName, repositoryCall } from "../addresses.ts";
import { useAnswer } from "../answers.ts";
import { count, roughCount, size } from "../format.ts";
import { repository as words } from "../words/repository.ts";
import { PullsChart, SizeBar, Swatch } from "./charts.tsx";
import { Platforms, platformsOfRepository, Since } from "./text.tsx";

/** Pulls, size, platforms and dates of a repository. */
export function RepositoryFacts({ repository }: { readonly repository: RepositoryAnswer }) {
  const { name } = repository;
  return (
    <section class="card o3">
      <div class="body stack">
        <Pulls repository={repository} />
        <Usage name={name} bytes={repository.storage_size} />
        <dl class="facts">
          {repository.operating_systems.length > 0 && (
            <>
              <dt>{words.platforms}</dt>
              <dd>
                <Platforms platforms={platformsOfRepository(repository)} />
              </dd>
            </>
          )}
          <dt>{words.lastPush}</dt>
          <dd>
            <Since time={repository.last_updated} />
          </dd>
          <dt>{words.lastPull}</dt>
          <dd>
            {repository.last_pulled === null ? (
              words.never
            ) : (
              <Since time={repository.last_pulled} />
            )}
          </dd>
          <dt>{words.created}</dt>
          <dd>
            <Since time={repository.date_registered} />
          </dd>
        </dl>
      </div>
    </section>
  );
}

function Pulls({ repository }: { readonly repository: RepositoryAnswer }) {
  const call = repositoryCall(repository.name, "/-/pulls?days=30");
  const { data } = useAnswer<{
    readonly days: readonly { readonly day: string; readonly pulls: number }[];
  }>(call);
  const days = data?.days;
  return (
    <div>
      <div class="sub">{days === undefined ? words.pullsAll : words.pulls30}</div>
      <div class="big num">
        {days === undefined
          ? roughCount(repository.pull_count)
          : count(days.reduce((sum, { pulls }) => sum + pulls, 0))}
      </div>
      {days !== undefined && days.length > 1 && <PullsChart days={days} />}
    </div>
  );
}

/** Asked after the first view: its cost grows with the number of blobs. */
function Usage({ name, bytes }: { readonly name: string; readonly bytes: number }) {
  const { data } = useAnswer<RepositoryUsageAnswer>(repositoryCall(fullName(name), "/-/sizes"));
  return (
    <div>
      <div class="sub">{words.size}</div>
      <div class="big num">{size(data?.bytes ?? bytes)}</div>
      {data && data.bytes > 0 && (
        <>
          <SizeBar
            shared={data.shared_bytes}
            unique={data.unique_bytes}
            label={`${words.shared(data.shared_bytes)}, ${words.unique(data.unique_bytes)}`}
          />
          <div class="key num">
            <span>
              <Swatch kind="shared" />
              {words.shared(data.shared_bytes)}
            </span>
            <span>
              <Swatch kind="own" />
              {words.unique(data.unique_bytes)}
            </span>
          </div>
        </>
      )}
    </div>
  );
}
