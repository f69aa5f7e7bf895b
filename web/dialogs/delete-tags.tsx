import { useEffect, useRef, useState } from "preact/hooks";
import type { DeletedTagsAnswer } from "../../src/api/tag-removal.ts";
import { repositoryCall, type TagFilterOfList } from "../addresses.ts";
import { send, type Failure } from "../answers.ts";
import { Dialog } from "../parts/dialog.tsx";
import { Failed } from "../parts/states.tsx";
import { showToast } from "../parts/toast.tsx";
import { deleteTags as words } from "../words/delete-tags.ts";
import { parts } from "../words/frame.ts";

/** Tags by name, or all that match the filter of a list. */
export type TagSelection = { readonly tags: readonly string[] } | TagFilterOfList;

/** The limit of the API for one deletion. */
const stepSize = 1000;

/**
 * Says what deleting tags frees, and which stay; then deletes them, the oldest first, in steps that can be stopped. Each
 * step deletes by name, so that a tag that is pushed meanwhile is deleted only if it was counted before.
 */
export function DeleteTags({
  name,
  selection,
  onClose,
}: {
  readonly name: string;
  readonly selection: TagSelection;
  readonly onClose: (isDone: boolean) => void;
}) {
  const deletion = useDeletion(name, selection, () => onClose(true));
  const { plan, total, failure, done } = deletion;
  return (
    <Dialog
      title={words.title(total)}
      onClose={() => (done === undefined ? onClose(deletion.hasDeleted) : deletion.stop())}
    >
      {plan === undefined ? (
        failure === undefined && <p>{words.computing}</p>
      ) : (
        <Plan plan={plan} total={total ?? 0} />
      )}
      {failure && <Failed failure={failure} />}
      {done !== undefined && (
        <p>
          <progress max={total ?? 0} value={done} aria-label={words.progress(done, total ?? 0)} />
          <span class="num" role="status">
            {deletion.isStopping ? words.stopping : words.progress(done, total ?? 0)}
          </span>
        </p>
      )}
      <div class="actions">
        <button
          type="button"
          class="btn primary danger"
          disabled={!total || done !== undefined}
          onClick={() => void deletion.run()}
        >
          {words.now(total ?? 0)}
        </button>
        {done === undefined ? (
          <button type="button" class="btn" onClick={() => onClose(deletion.hasDeleted)}>
            {parts.cancel}
          </button>
        ) : (
          <button type="button" class="btn" onClick={deletion.stop}>
            {words.stop}
          </button>
        )}
      </div>
    </Dialog>
  );
}

function Plan({ plan, total }: { readonly plan: DeletedTagsAnswer; readonly total: number }) {
  const names = deletable(plan);
  return (
    <>
      <p class="mono">
        {names.slice(0, 10).join(", ")}
        {total > 10 && " …"}
      </p>
      {total === 0 ? (
        <p>{words.nothing}</p>
      ) : total > names.length ? (
        <>
          <p>{words.freesFirst(names.length, plan.frees)}</p>
          <p>{words.steps(stepSize, total)}</p>
        </>
      ) : (
        <p>{words.frees(plan.frees)}</p>
      )}
      {plan.immutable > 0 && <p>{words.keeps(plan.immutable)}</p>}
    </>
  );
}

const deletable = ({ results }: DeletedTagsAnswer): readonly string[] =>
  results.filter(({ outcome }) => outcome === "deleted").map((tag) => tag.name);

/** The next step of a deletion: what the API would delete, after `skip` of the named tags. */
function bodyOf(selection: TagSelection, skip: number): object {
  if ("tags" in selection) return { tags: selection.tags.slice(skip, skip + stepSize) };
  return { matching: ".*", ...selection };
}

function useDeletion(name: string, selection: TagSelection, onEnd: () => void) {
  const call = repositoryCall(name, "/-/tag-deletions");
  const [plan, setPlan] = useState<DeletedTagsAnswer>();
  const [failure, setFailure] = useState<Failure>();
  /** The number of deleted tags while it runs. */
  const [done, setDone] = useState<number>();
  const [isStopping, setStopping] = useState(false);
  const mustStop = useRef(false);
  const hasDeleted = useRef(false);
  const ask = (skip: number) =>
    send<DeletedTagsAnswer>("POST", call, { ...bodyOf(selection, skip), dry_run: true });
  useEffect(() => {
    void ask(0).then((result) => (result.ok ? setPlan(result.data) : setFailure(result.failure)));
    // Another selection is another dialog.
    // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, []);
  const all = "tags" in selection ? selection.tags.length : plan?.selected;
  const total = plan && all !== undefined ? all - plan.immutable : undefined;

  const fail = (failed: Failure) => {
    setDone(undefined);
    setFailure(failed);
  };
  const run = async () => {
    if (plan === undefined || total === undefined) return;
    setFailure(undefined);
    let names = deletable(plan);
    let deleted = 0;
    for (let skip = stepSize; names.length > 0; skip += stepSize) {
      setDone(deleted);
      const result = await send<DeletedTagsAnswer>("POST", call, { tags: names });
      if (!result.ok) return fail(result.failure);
      hasDeleted.current = true;
      deleted += deletable(result.data).length;
      const isLast = "tags" in selection ? skip >= selection.tags.length : deleted >= total;
      if (isLast || mustStop.current) break;
      const next = await ask(skip);
      if (!next.ok) return fail(next.failure);
      names = deletable(next.data).slice(0, "tags" in selection ? stepSize : total - deleted);
    }
    const left = total - deleted;
    const isStopped = mustStop.current && left > 0;
    showToast({ text: isStopped ? words.stopped(deleted, left) : words.deleted(deleted) });
    onEnd();
  };
  return {
    ...{ plan, total, failure, done, isStopping, run },
    hasDeleted: hasDeleted.current,
    stop: () => {
      mustStop.current = true;
      setStopping(true);
    },
  };
}
