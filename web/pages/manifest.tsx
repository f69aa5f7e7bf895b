import { fullName, tagCall } from "../addresses.ts";
import { ask, useAnswer } from "../answers.ts";
import { ManifestText } from "../parts/manifest-text.tsx";
import { Loading } from "../parts/states.tsx";
import { TagHead, type TagView } from "../parts/tag-head.tsx";
import { useParams } from "../router.ts";
import { FailedPage } from "./not-found.tsx";

/** The manifest of a tag as it was pushed, and what it names. */
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
      <TagHead name={name} tag={data} tab="manifest" />
      <main id="main" class="wrap page">
        <ManifestText name={fullName(name)} digest={data.digest} />
      </main>
    </>
  );
}
