import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import type { Failure, Result } from "../answers.ts";
import { parts } from "../words/frame.ts";
import { Failed } from "./states.tsx";

/** A modal dialog of HTML: focus stays in it, Escape closes it. */
export function Dialog({
  title,
  onClose,
  children,
}: {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const isShown = useRef(true);
  const id = useId();
  useEffect(() => {
    const { current } = dialog;
    current?.showModal();
    return () => {
      isShown.current = false;
      current?.close();
    };
  }, []);
  // The event comes later: another dialog may be in the place of this one.
  const closed = () => isShown.current && onClose();
  return (
    <dialog ref={dialog} aria-labelledby={id} onClose={closed}>
      <div class="dialog">
        <h2 id={id}>{title}</h2>
        {children}
      </div>
    </dialog>
  );
}

/**
 * Asks before a change that cannot be taken back, and says what it does. The dialog stays open while the change runs,
 * and shows its failure.
 * @param typed the text that must be typed before the button works
 */
export function Confirm({
  title,
  children,
  action,
  typed,
  isDangerous = false,
  onConfirm,
  onClose,
}: {
  readonly title: string;
  readonly children?: ComponentChildren;
  readonly action: string;
  readonly typed?: string;
  readonly isDangerous?: boolean;
  /** Its failure is shown; without one the dialog closes. */
  readonly onConfirm: () => Promise<Result<unknown>>;
  readonly onClose: () => void;
}) {
  const [text, setText] = useState("");
  const [failure, setFailure] = useState<Failure>();
  const [isRunning, setRunning] = useState(false);
  const id = useId();
  const submit = async (event: Event) => {
    event.preventDefault();
    setRunning(true);
    const result = await onConfirm();
    setRunning(false);
    setFailure(result.ok ? undefined : result.failure);
    if (result.ok) onClose();
  };
  return (
    <Dialog title={title} onClose={onClose}>
      {children}
      <form class="form" onSubmit={(event) => void submit(event)}>
        {typed !== undefined && (
          <div class="field">
            <label htmlFor={id}>{parts.typeToConfirm(typed)}</label>
            <input
              id={id}
              class="input mono"
              autocomplete="off"
              value={text}
              onInput={({ currentTarget }) => setText(currentTarget.value)}
            />
          </div>
        )}
        {failure && <Failed failure={failure} />}
        <div class="actions">
          <button
            type="submit"
            class={`btn primary${isDangerous ? " danger" : ""}`}
            disabled={isRunning || (typed !== undefined && text !== typed)}
          >
            {action}
          </button>
          <button type="button" class="btn" onClick={onClose}>
            {parts.cancel}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
