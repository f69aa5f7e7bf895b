import { useState } from "preact/hooks";
import type { RepositoryAnswer, RepositoryUsageAnswer } from "../../src/api/repositories.ts";
import {
  fullName,
  hubCall,
  newestTagsCall,
  repositoryAddress,
  repositoryCall,
} from "../addresses.ts";
import { ask, useAnswer } from "../answers.ts";
import { count, roughCount, size } from "../format.ts";
import { PullsChart, SizeBar, Swatch } from "../parts/charts.tsx";
import { Prompt } from "../parts/copy.tsx";
import { PullCard } from "../parts/pull-card.tsx";
import { ReadmeText } from "../parts/readme-text.tsx";
import { RepositoryHead, type OwnView } from "../parts/repository-head.tsx";
import { Loaded, Loading } from "../parts/states.tsx";
import { TagRow, TagTableHead, type TagItem } from "../parts/tag-table.tsx";
import { Platforms, platformsOfRepository, Since } from "../parts/text.tsx";
import { useParams } from "../router.ts";
import { useSession } from "../session.ts";
import { parts } from "../words/frame.ts";
import { repository as words, pull } from "../words/repository.ts";
import { FailedPage } from "./not-found.tsx";

interface TagPage {
  readonly count: number;
  readonly results: readonly TagItem[];
}

export function Page() {
  const { name = "" } = useParams();
  const call = repositoryCall(name);
  const answer = useAnswer<RepositoryAnswer>(call, { live: true });
  const { data, failure } = answer;
  if (data === undefined)
    return failure === undefined ? (
      <Loading />
    ) : (
      <FailedPage failure={failure} onRetry={() => void ask(call)} />
    );
  return (
    <>
      <RepositoryHead repository={data} tab="overview" />
      <main id="main" class="wrap">
        <div class="cols">
          <Main repository={data} />
          <aside class="stack" aria-label={words.about}>
            <Facts repository={data} />
          </aside>
        </div>
      </main>
    </>
  );
}

function Main({ repository }: { readonly repository: RepositoryAnswer }) {
  const { name } = repository;
  const tagsCall = newestTagsCall(name);
  const tags = useAnswer<TagPage>(tagsCall, { live: true });
  const [chosen, setChosen] = useState<string>();
  const names = tags.data?.results.map((tag) => tag.name) ?? [];
  const tag = chosen ?? (names.includes("latest") ? "latest" : names[0]);
  const options = tag === undefined || names.includes(tag) ? names : [tag, ...names];
  // `docker pull` without a tag pulls `latest`.
  const reference = `${name}${tag === undefined || tag === "latest" ? "" : `:${tag}`}`;
  const [type = "image"] = repository.types;
  return (
    <div class="stack">
      {repository.tag_count === 0 ? (
        <NoTags repository={repository} />
      ) : (
        <>
          <PullCard
            name={name}
            references={[reference]}
            isPrivate={repository.is_private}
            type={type}
          >
            <label class="sr" htmlFor="pull-tag">
              {pull.tag}
            </label>
            <select
              id="pull-tag"
              class="select"
              value={tag}
              onChange={({ currentTarget }) => setChosen(currentTarget.value)}
            >
              {options.map((one) => (
                <option key={one}>{one}</option>
              ))}
            </select>
          </PullCard>
          <section class="card o2" aria-labelledby="newest">
            <header>
              <h2 id="newest">{words.newest}</h2>
              <span class="end">
                <span class="live">{parts.live}</span>
              </span>
            </header>
            <Loaded answer={tags} url={tagsCall}>
              {({ results }) => (
                <table class="cards">
                  <TagTableHead />
                  <tbody>
                    {results.map((one) => (
                      <TagRow key={one.name} repository={name} tag={one} />
                    ))}
                  </tbody>
                </table>
              )}
            </Loaded>
            <footer>
              <a class="link" href={repositoryAddress(name, "/-/tags")}>
                {words.allTags(repository.tag_count)}
              </a>
              <Difference name={name} tags={tags.data?.results ?? []} />
            </footer>
          </section>
        </>
      )}
      <Readme repository={repository} />
    </div>
  );
}

/** A link to the comparison of the two newest versions. */
function Difference({ name, tags }: { readonly name: string; readonly tags: readonly TagItem[] }) {
  const versions = tags.filter((tag) => /^v?\d/.test(tag.name));
  const [to] = versions;
  const from = versions.find((tag) => tag.digest !== to?.digest);
  if (to === undefined || from === undefined) return null;
  return (
    <>
      <span aria-hidden="true">·</span>
      <a class="link" href={repositoryAddress(name, `/-/compare/${from.name}...${to.name}`)}>
        {words.difference(from.name, to.name)}
      </a>
    </>
  );
}

function NoTags({ repository }: { readonly repository: RepositoryAnswer }) {
  const { host } = useSession();
  const reference = `${host}/${repository.short_name}:1.0`;
  return (
    <section class="card o1">
      <div class="body stack">
        <p>{words.noTags}</p>
        <Prompt command={`docker tag my-image ${reference}`} />
        <Prompt command={`docker push ${reference}`} main />
      </div>
    </section>
  );
}

function Readme({ repository }: { readonly repository: RepositoryAnswer }) {
  const { name } = repository;
  const { data } = useAnswer<OwnView>(hubCall(name));
  const mayWrite = data?.permissions.write === true;
  const text = repository.full_description;
  if (text === "" && !mayWrite) return null;
  const edit = repositoryAddress(name, "/-/settings#readme");
  return (
    <article class="card o4" aria-labelledby="readme">
      <header>
        <h2 id="readme">{words.readme}</h2>
        {data?.permissions.admin === true && (
          <span class="end">
            <a class="btn small quiet" href={edit}>
              {text === "" ? words.write : words.edit}
            </a>
          </span>
        )}
      </header>
      {text === "" ? (
        <div class="body">
          <p class="muted">{words.noReadme}</p>
        </div>
      ) : (
        <ReadmeText text={text} />
      )}
    </article>
  );
}

function Facts({ repository }: { readonly repository: RepositoryAnswer }) {
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
      {data && (
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
