import { fullName } from "../addresses.ts";
import { ManifestText } from "../parts/manifest-text.tsx";
import { TagPage } from "../parts/tag-head.tsx";
import { useParams } from "../router.ts";

/** The manifest of a tag as it was pushed, and what it names. */
export function Page() {
  const { name = "" } = useParams();
  return (
    <TagPage tab="manifest">
      {({ digest }) => <ManifestText name={fullName(name)} digest={digest} />}
    </TagPage>
  );
}
