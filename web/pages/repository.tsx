import { useState } from "preact/hooks";
import type { RepositoryAnswer } from "../../src/api/repositories.ts";
import { hubCall, newestTagsCall, repositoryAddress } from "../addresses.ts";
import { useAnswer } from "../answers.ts";
import { Prompt } from "../parts/copy.tsx";
import { PullCard } from "../parts/pull-card.tsx";
import { ReadmeText } from "../parts/readme-text.tsx";
import { RepositoryFacts } from "../parts/repository-facts.tsx";
import { RepositoryPage, type OwnView } from "../parts/repository-head.tsx";
import { Loaded } from "../parts/states.tsx";
import { TagRow, TagTableHead, type TagItem } from "../parts/tag-table.tsx";
import { useSession } from "../session.ts";
import { parts } from "../words/frame.ts";
import { pull } from "../words/pull.ts";
import { repository as words } from "../words/repository.ts";

interface TagPage {
  readonly count: number;
  readonly results: readonly TagItem[];
}

export function Page() {
  return (
    <RepositoryPage tab="overview" layout="wrap">
      {(repository) => (
        <div class="cols">
          <Main repository={repository} />
          <aside class="stack" aria-label={words.about}>
            <RepositoryFacts repository={repository} />
          </aside>
        </div>
      )}
    </RepositoryPage>
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
