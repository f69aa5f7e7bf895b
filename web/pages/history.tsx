import { fullName, tagAddress, tagCall } from "../addresses.ts";
import { useAnswer } from "../answers.ts";
import { MoveList, type MovePage } from "../parts/moves.tsx";
import { PageHead } from "../parts/page-head.tsx";
import { Pager } from "../parts/pager.tsx";
import { TagHead, TagTitle, type TagView } from "../parts/tag-head.tsx";
import { useParams, usePlace } from "../router.ts";
import { tag as words } from "../words/tag.ts";
import { FirstAnswer } from "./not-found.tsx";

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
  return (
    <FirstAnswer answer={answer} call={call}>
      {({ results, count }) => (
        <>
          {tag === undefined ? (
            <PageHead
              title={<TagTitle name={name} reference={tagName} />}
              label={words.label}
              tabs={[
                {
                  label: words.tabs.history,
                  href: tagAddress(name, tagName, "/history"),
                  isCurrent: true,
                },
              ]}
            />
          ) : (
            <TagHead name={name} tag={tag} tab="history" />
          )}
          <main id="main" class="wrap page">
            <section class="card" aria-label={words.history}>
              <MoveList
                name={fullName(name)}
                tag={tagName}
                moves={results}
                isImmutable={tag?.is_immutable === true}
                isFirst={page === 1}
              />
            </section>
            <Pager page={page} pageSize={pageSize} all={count} shown={results.length} />
          </main>
        </>
      )}
    </FirstAnswer>
  );
}
