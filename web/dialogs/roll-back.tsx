import type { TagDiffAnswer } from "../../src/api/tag-diff.ts";
import { repositoryCall, tagCall } from "../addresses.ts";
import { send, useAnswer } from "../answers.ts";
import { shortDigest, visibleText } from "../format.ts";
import { rollback } from "../words/roll-back.ts";
import { Confirm } from "../parts/dialog.tsx";
import { showToast } from "../parts/toast.tsx";

/** Says what a roll-back changes, and does it. Undo is a roll-back too. */
export function RollBack({
  name,
  tag,
  digest,
  current,
  onClose,
}: {
  readonly name: string;
  readonly tag: string;
  readonly digest: string;
  readonly current: string | undefined;
  readonly onClose: () => void;
}) {
  const { data, failure } = useAnswer<TagDiffAnswer>(
    current === undefined
      ? undefined
      : repositoryCall(name, `/-/diff?from=${current}&to=${digest}`),
  );
  const move = (to: string | undefined) =>
    send("POST", tagCall(name, tag, "/rollback"), to === undefined ? {} : { digest: to });
  return (
    <Confirm
      title={rollback.title(tag, shortDigest(digest))}
      action={rollback.confirm}
      onClose={onClose}
      onConfirm={async () => {
        const result = await move(digest);
        if (result.ok)
          showToast({
            text: rollback.done(tag, shortDigest(digest)),
            ...(current === undefined
              ? {}
              : { action: { label: rollback.undo, run: () => void move(current) } }),
          });
        return result;
      }}
    >
      {current !== undefined && (
        <p>
          {data !== undefined
            ? rollback.changes(data.download_size, data.config_change_count)
            : failure === undefined
              ? rollback.computing
              : `${rollback.noDifference} ${failure.message}`}
        </p>
      )}
      {data !== undefined && data.config.length > 0 && (
        <ul class="mono sub">
          {data.config.slice(0, 8).map(({ field }) => (
            <li key={field}>{visibleText(field)}</li>
          ))}
        </ul>
      )}
      <p>{rollback.hint}</p>
    </Confirm>
  );
}
