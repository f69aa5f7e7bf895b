import { fullName, tagCall } from "../addresses.ts";
import { ask, useAnswer } from "../answers.ts";
import { ReferrerList } from "../parts/referrer-list.tsx";
import { Loading } from "../parts/states.tsx";
import { TagHead, type TagView } from "../parts/tag-head.tsx";
import { useParams } from "../router.ts";
import { tag as words } from "../words/tag.ts";
import { FailedPage } from "./not-found.tsx";

/** Everything that refers to a tag or to one of its images. */
export function Page() {
  const { name = "", tag: tagName = "" } = useParams();
  const call = tagCall(name, tagName);
  const { data, failure } = useAnswer<TagView>(call, { live: true });
  if (data === undefined)
    return failure === undefined ? (
      <Loading />
    ) : (
      <FailedPage failure={failure} onRetry={() => void ask(call)} />
    );
  return (
    <>
      <TagHead name={name} tag={data} tab="referrers" />
      <main id="main" class="wrap page">
        <section class="card" aria-label={words.referrers}>
          <ReferrerList name={fullName(name)} tag={data} />
        </section>
      </main>
    </>
  );
}
