import { useState } from "preact/hooks";
import type { RepositoryAnswer } from "../../src/api/repositories.ts";
import { hubCall, tagFilterIn, tagListCall, tagsPageSize } from "../addresses.ts";
import { useAnswer } from "../answers.ts";
import { osName } from "../format.ts";
import { Prompt } from "../parts/copy.tsx";
import { Pager } from "../parts/pager.tsx";
import { RepositoryPage, type OwnView } from "../parts/repository-head.tsx";
import { Loaded } from "../parts/states.tsx";
import { SelectBox, SelectionBar, useTagSelection } from "../parts/tag-selection.tsx";
import { TagRow, TagTableHead, type TagItem } from "../parts/tag-table.tsx";
import { setQuery, usePlace } from "../router.ts";
import { useSession } from "../session.ts";
import { tags as words } from "../words/repository.ts";

interface TagPage {
  readonly count: number;
  readonly results: readonly TagItem[];
}

export function Page() {
  return (
    <RepositoryPage tab="tags">{(repository) => <List repository={repository} />}</RepositoryPage>
  );
}

function List({ repository }: { readonly repository: RepositoryAnswer }) {
  const { name } = repository;
  const { url } = usePlace();
  const { host } = useSession();
  const page = Number(url.searchParams.get("page") ?? "1");
  const call = tagListCall(name, url.searchParams, page);
  const answer = useAnswer<TagPage>(call, { live: true });
  const { data: own } = useAnswer<OwnView>(hubCall(name));
  const shown = (answer.data?.results ?? []).map((tag) => tag.name);
  const chosen = useTagSelection(tagFilterIn(url.searchParams), shown);
  const mayDelete = own?.permissions.admin === true;
  return (
    <section class="card" aria-label={words.found(repository.tag_count, repository.tag_count)}>
      <Toolbar repository={repository} found={answer.data?.count} />
      <SelectionBar name={name} chosen={chosen} matching={answer.data?.count ?? 0} />
      <Loaded answer={answer} url={call} lines={12}>
        {({ results, count }) =>
          results.length === 0 ? (
            <div class="empty-state">
              <p>{repository.tag_count === 0 ? words.empty : words.none}</p>
              {repository.tag_count === 0 && (
                <Prompt command={`docker push ${host}/${repository.short_name}:1.0`} />
              )}
            </div>
          ) : (
            <>
              <table class="cards">
                <TagTableHead
                  first={
                    mayDelete && (
                      <th>
                        <SelectBox
                          label={words.selectPage}
                          isChecked={chosen.isPage}
                          onChange={chosen.togglePage}
                        />
                      </th>
                    )
                  }
                />
                <tbody>
                  {results.map((tag) => (
                    <TagRow
                      key={tag.name}
                      repository={name}
                      tag={tag}
                      first={
                        mayDelete && (
                          <td class="select-box">
                            <SelectBox
                              label={words.select(tag.name)}
                              isChecked={chosen.has(tag.name)}
                              onChange={() => chosen.toggle(tag.name)}
                            />
                          </td>
                        )
                      }
                    />
                  ))}
                </tbody>
              </table>
              <div class="body">
                <Pager page={page} pageSize={tagsPageSize} all={count} shown={results.length} />
                <Jump page={page} pages={Math.ceil(count / tagsPageSize)} />
              </div>
            </>
          )
        }
      </Loaded>
    </section>
  );
}

/** A slider over the pages of a long list. */
function Jump({ page, pages }: { readonly page: number; readonly pages: number }) {
  const [moved, setMoved] = useState<number>();
  if (pages < 5) return null;
  return (
    <label class="jump">
      <span class="sr">{words.jump}</span>
      <input
        type="range"
        min="1"
        max={pages}
        value={moved ?? page}
        aria-valuetext={`${moved ?? page} / ${pages}`}
        onInput={({ currentTarget }) => setMoved(Number(currentTarget.value))}
        onChange={({ currentTarget }) => {
          setQuery({ page: currentTarget.value });
          setMoved(undefined);
        }}
      />
      <span class="num sub">
        {moved ?? page} / {pages}
      </span>
    </label>
  );
}

function Toolbar({
  repository,
  found,
}: {
  readonly repository: RepositoryAnswer;
  readonly found: number | undefined;
}) {
  const { url } = usePlace();
  const query = url.searchParams;
  return (
    <div class="toolbar">
      <input
        type="search"
        class="input"
        aria-label={words.filter}
        placeholder={words.filter}
        defaultValue={query.get("filter") ?? ""}
        onInput={({ currentTarget }) =>
          setQuery({ filter: currentTarget.value }, { replace: true })
        }
      />
      <select
        class="select"
        aria-label={words.platform}
        value={query.get("os") ?? ""}
        onChange={({ currentTarget }) => setQuery({ os: currentTarget.value })}
      >
        <option value="">{words.anyPlatform}</option>
        {repository.operating_systems
          .filter((os) => os !== "" && os !== "unknown")
          .map((os) => (
            <option key={os} value={os}>
              {osName(os)}
            </option>
          ))}
      </select>
      <select
        class="select"
        aria-label={words.unused}
        value={query.get("unused_for") ?? ""}
        onChange={({ currentTarget }) => setQuery({ unused_for: currentTarget.value })}
      >
        <option value="">{words.anyUse}</option>
        {Object.entries(words.unusedFor).map(([value, label]) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
      <select
        class="select"
        aria-label={words.order}
        value={query.get("order") ?? "-updated"}
        onChange={({ currentTarget }) => setQuery({ order: currentTarget.value })}
      >
        {Object.entries(words.orders).map(([value, label]) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
      <span class="end muted num" role="status">
        {found !== undefined && words.found(found, repository.tag_count)}
      </span>
    </div>
  );
}
