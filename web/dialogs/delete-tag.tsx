import { fullName, repositoryAddress, shortName, tagCall } from "../addresses.ts";
import { send, useAnswer } from "../answers.ts";
import { go } from "../router.ts";
import { deleteTags } from "../words/delete-tags.ts";
import { tag as words } from "../words/tag.ts";
import { Confirm } from "../parts/dialog.tsx";
import type { TagView } from "../parts/tag-head.tsx";

/** Says what deleting a tag frees, and does it. */
export function DeleteTag({
  name,
  tag,
  onClose,
}: {
  readonly name: string;
  readonly tag: TagView;
  readonly onClose: () => void;
}) {
  const { data } = useAnswer<TagView>(tagCall(name, tag.name, "?frees=true"));
  return (
    <Confirm
      title={words.deleteTitle(`${shortName(fullName(name))}:${tag.name}`)}
      action={words.deleteNow}
      isDangerous
      onClose={onClose}
      onConfirm={async () => {
        const result = await send("DELETE", tagCall(name, tag.name), undefined, {
          asksAgain: false,
        });
        if (result.ok) go(repositoryAddress(name, "/-/tags"));
        return result;
      }}
    >
      {tag.is_immutable ? (
        <p>{words.immutable(tag.name)}</p>
      ) : (
        <p>{data === undefined ? deleteTags.computing : deleteTags.frees(data.frees ?? null)}</p>
      )}
    </Confirm>
  );
}
