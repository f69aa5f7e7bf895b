import { fullName, repositoryAddress, shortName, tagCall } from "../addresses.ts";
import { send, useAnswer } from "../answers.ts";
import { size } from "../format.ts";
import { go } from "../router.ts";
import { tags as tagWords } from "../words/repository.ts";
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
  const { data } = useAnswer<TagView & { readonly frees?: number | null }>(
    tagCall(name, tag.name, "?frees=true"),
  );
  const frees = data?.frees;
  return (
    <Confirm
      title={words.deleteTitle(`${shortName(fullName(name))}:${tag.name}`)}
      action={words.deleteNow}
      isDangerous
      onClose={onClose}
      onConfirm={async () => {
        const result = await send("DELETE", tagCall(name, tag.name));
        if (!result.ok) return result.failure;
        go(repositoryAddress(name, "/-/tags"));
        return undefined;
      }}
    >
      {tag.is_immutable ? (
        <p>{words.immutable(tag.name)}</p>
      ) : (
        <p>
          {frees === undefined || frees === null
            ? data === undefined
              ? tagWords.computing
              : size(tag.size)
            : tagWords.frees(frees)}
        </p>
      )}
    </Confirm>
  );
}
