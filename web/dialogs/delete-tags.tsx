import { useState } from "preact/hooks";
import { repositoryCall } from "../addresses.ts";
import { send } from "../answers.ts";
import { tags as words } from "../words/repository.ts";
import { Confirm } from "../parts/dialog.tsx";
import { showToast } from "../parts/toast.tsx";

/** What deleting tags would do, or did. */
interface Deletion {
  readonly tags: readonly { readonly name: string; readonly result: string }[];
  readonly frees: number;
}

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
  const call = repositoryCall(name, "/-/tags/delete");
  const [plan, setPlan] = useState<Deletion>();
  const [isAsked, setAsked] = useState(false);
  if (!isAsked) {
    setAsked(true);
    void send<Deletion>("POST", call, { tags, dry_run: true }).then((result) => {
      if (result.ok) setPlan(result.data);
    });
  }
  const kept = plan?.tags.filter(({ result }) => result === "immutable").length ?? 0;
  return (
    <Confirm
      title={words.deleteTitle(tags.length)}
      action={words.deleteNow(tags.length - kept)}
      isDangerous
      onClose={() => onClose(false)}
      onConfirm={async () => {
        const result = await send<Deletion>("POST", call, { tags });
        if (!result.ok) return result.failure;
        const done = result.data.tags.filter((tag) => tag.result === "deleted").length;
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
