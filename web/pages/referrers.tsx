import { fullName } from "../addresses.ts";
import { ReferrerList } from "../parts/referrer-list.tsx";
import { TagPage } from "../parts/tag-head.tsx";
import { useParams } from "../router.ts";
import { tag as words } from "../words/tag.ts";

/** Everything that refers to a tag or to one of its images. */
export function Page() {
  const { name = "" } = useParams();
  return (
    <TagPage tab="referrers">
      {(tag) => (
        <section class="card" aria-label={words.referrers}>
          <ReferrerList name={fullName(name)} tag={tag} />
        </section>
      )}
    </TagPage>
  );
}
