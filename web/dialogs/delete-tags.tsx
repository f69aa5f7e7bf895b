import { useState } from "preact/hooks";
import type { DeletedTagsAnswer } from "../../src/api/tags.ts";
import { repositoryCall } from "../addresses.ts";
import { send } from "../answers.ts";
import { tags as words } from "../words/repository.ts";
import { Confirm } from "../parts/dialog.tsx";
import { showToast } from "../parts/toast.tsx";

/** Says what deleting tags frees, and which stay; then deletes them. */
export function DeleteTags({
  name,
  tags,
  onClose,
}: {
  readonly name: string;
  readonly tags: readonly string[];
  readonly onClose: (isDone: boolean) => void;
}) {
  const call = repositoryCall(name, "/-/tag-deletions");
  const [plan, setPlan] = useState<DeletedTagsAnswer>();
  const [isAsked, setAsked] = useState(false);
  if (!isAsked) {
    setAsked(true);
    void send<DeletedTagsAnswer>("POST", call, { tags, dry_run: true }).then((result) => {
      if (result.ok) setPlan(result.data);
    });
  }
  const kept = plan?.results.filter(({ outcome }) => outcome === "immutable").length ?? 0;
  return (
    <Confirm
      title={words.deleteTitle(tags.length)}
      action={words.deleteNow(tags.length - kept)}
      isDangerous
      onClose={() => onClose(false)}
      onConfirm={async () => {
        const result = await send<DeletedTagsAnswer>("POST", call, { tags });
        if (!result.ok) return result.failure;
        const done = result.data.results.filter(({ outcome }) => outcome === "deleted").length;
        showToast({ text: words.deleted(done) });
        onClose(true);
        return undefined;
      }}
    >
      <p class="mono">
        {tags.slice(0, 10).join(", ")}
        {tags.length > 10 && " …"}
      </p>
      <p>{plan === undefined ? words.computing : words.frees(plan.frees)}</p>
      {kept > 0 && <p>{words.keeps(kept)}</p>}
    </Confirm>
  );
}
