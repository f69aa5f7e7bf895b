import { ask, useAnswer } from "../answers.ts";
import { fullName, repositoryAddress, shortName, tagAddress, tagCall } from "../addresses.ts";
import { MoveList, type MovePage } from "../parts/moves.tsx";
import { Pager } from "../parts/pager.tsx";
import { Loaded, Loading } from "../parts/states.tsx";
import { TagHead, type TagView } from "../parts/tag-head.tsx";
import { useParams, usePlace } from "../router.ts";
import { tag as words } from "../words/tag.ts";
import { FailedPage } from "./not-found.tsx";

const pageSize = 50;

/** All digests that a tag pointed at. A deleted tag has this page too, and can be restored. */
export function Page() {
  const { name = "", tag: tagName = "" } = useParams();
  const { url } = usePlace();
  const page = Number(url.searchParams.get("page") ?? "1");
  const call = tagCall(
    name,
    tagName,
    `/history?page_size=${pageSize}${page > 1 ? `&page=${page}` : ""}`,
  );
  const answer = useAnswer<MovePage>(call, { live: true });
  const { data: tag } = useAnswer<TagView>(tagCall(name, tagName));
  const { data, failure } = answer;
  if (data === undefined)
    return failure === undefined ? (
      <Loading />
    ) : (
      <FailedPage failure={failure} onRetry={() => void ask(call)} />
    );
  return (
    <>
      {tag === undefined ? (
        <section class="head" aria-label={words.label}>
          <div class="wrap">
            <div class="title">
              <h1>
                <span class="ns">
                  <a href={repositoryAddress(name)}>{shortName(name)}</a>:
                </span>
                <span class="at">{tagName}</span>
              </h1>
            </div>
            <nav class="tabs" aria-label={words.label}>
              <a href={tagAddress(name, tagName, "/history")} aria-current="page">
                {words.tabs.history}
              </a>
            </nav>
          </div>
        </section>
      ) : (
        <TagHead name={name} tag={tag} tab="history" />
      )}
      <main id="main" class="wrap page">
        <section class="card" aria-label={words.history}>
          <Loaded answer={answer} url={call}>
            {({ results }) => (
              <MoveList
                name={fullName(name)}
                tag={tagName}
                moves={results}
                isImmutable={tag?.is_immutable === true}
                isFirst={page === 1}
              />
            )}
          </Loaded>
        </section>
        <Pager page={page} pageSize={pageSize} all={data.count} shown={data.results.length} />
      </main>
    </>
  );
}
