import type { ComponentChildren } from "preact";
import { useEffect, useId, useState } from "preact/hooks";
import type { Failure, Result } from "../answers.ts";
import { parts } from "../words/frame.ts";
import { Dialog } from "./dialog.tsx";
import { Failed, messageOf } from "./states.tsx";
import { showToast } from "./toast.tsx";

/** An input with its label, a hint, and the error of the server for this field. */
export function Field({
  label,
  hint,
  errors,
  value,
  onValue,
  type = "text",
  suggest,
  ...input
}: {
  readonly label: string;
  readonly hint?: ComponentChildren;
  readonly errors?: readonly string[] | undefined;
  readonly value: string;
  readonly onValue: (value: string) => void;
  readonly type?: "text" | "password" | "email" | "number" | "date";
  readonly autocomplete?: string;
  readonly required?: boolean;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly placeholder?: string;
  readonly disabled?: boolean;
  /** `any`: a number may have a fraction. */
  readonly step?: "any";
  /** Values that the browser proposes for what is typed. */
  readonly suggest?: (text: string) => Promise<readonly string[]>;
}) {
  const id = useId();
  const suggestions = useSuggestions(value, suggest);
  const hasError = errors !== undefined && errors.length > 0;
  return (
    <div class="field">
      <label htmlFor={id}>{label}</label>
      <input
        // The types of Preact allow only one literal type per element.
        {...({ ...input, type } as object)}
        id={id}
        class="input"
        value={value}
        aria-invalid={hasError}
        aria-describedby={`${id}-hint`}
        list={suggest && `${id}-list`}
        onInput={({ currentTarget }) => onValue(currentTarget.value)}
      />
      {suggest && (
        <datalist id={`${id}-list`}>
          {suggestions.map((one) => (
            <option key={one} value={one} />
          ))}
        </datalist>
      )}
      <span id={`${id}-hint`}>
        {hint !== undefined && <span class="hint">{hint}</span>}
        {hasError && (
          <span class="error" role="alert">
            {errors.join("; ")}
          </span>
        )}
      </span>
    </div>
  );
}

/** Asks 150 ms after the last key, from the second letter on. */
function useSuggestions(
  text: string,
  suggest: ((text: string) => Promise<readonly string[]>) | undefined,
): readonly string[] {
  const [found, setFound] = useState<readonly string[]>([]);
  useEffect(() => {
    if (suggest === undefined || text.length < 2) return undefined;
    let isOld = false;
    const timer = setTimeout(async () => {
      const values = await suggest(text);
      if (!isOld) setFound(values);
    }, 150);
    return () => {
      isOld = true;
      clearTimeout(timer);
    };
    // `suggest` is a new function at each rendering.
  }, [text]);
  return found;
}

/** A box to check, with its label. */
export function Check({
  label,
  isChecked,
  onChange,
}: {
  readonly label: string;
  readonly isChecked: boolean;
  readonly onChange: (isChecked: boolean) => void;
}) {
  const id = useId();
  return (
    <div class="choices">
      <label htmlFor={id}>
        <input
          id={id}
          type="checkbox"

          checked={isChecked}
          onChange={() => onChange(!isChecked)}
        />
        {label}
      </label>
    </div>
  );
}

/** A form that sends one change: while it runs, its failure, and "Saved" where the button is. */
export function useSubmit<T>(change: () => Promise<Result<T>>, onDone?: (data: T) => void) {
  const [failure, setFailure] = useState<Failure>();
  const [state, setState] = useState<"ready" | "running" | "saved">("ready");
  const submit = async (event?: Event) => {
    event?.preventDefault();
    setState("running");
    const result = await change();
    setFailure(result.ok ? undefined : result.failure);
    setState(result.ok ? "saved" : "ready");
    if (result.ok) onDone?.(result.data);
  };
  return {
    failure,
    errorsOf: (field: string) => failure?.fields[field],
    isRunning: state === "running",
    isSaved: state === "saved",
    onSubmit: (event?: Event) => void submit(event),
  };
}

/** The buttons and the result at the end of a form. */
export const Submit = ({
  action,
  form,
  children,
}: {
  readonly action: string;
  readonly form: ReturnType<typeof useSubmit>;
  readonly children?: ComponentChildren;
}) => (
  <>
    {form.failure && <Failed failure={form.failure} />}
    <div class="actions">
      <button type="submit" class="btn primary" disabled={form.isRunning}>
        {action}
      </button>
      {children}
      {form.isSaved && (
        <span class="saved" role="status">
          {parts.saved}
        </span>
      )}
    </div>
  </>
);

/** A dialog with a form that sends one change. */
export const FormDialog = ({
  title,
  action,
  form,
  onClose,
  children,
}: {
  readonly title: string;
  readonly action: string;
  readonly form: ReturnType<typeof useSubmit>;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}) => (
  <Dialog title={title} onClose={onClose}>
    <form class="form" onSubmit={form.onSubmit}>
      {children}
      <Submit action={action} form={form}>
        <button type="button" class="btn" onClick={onClose}>
          {parts.cancel}
        </button>
      </Submit>
    </form>
  </Dialog>
);

/** The value that a control shows while a change of it runs: the new one, until the data has it or the change fails. */
export function useChanging<T>(value: T): {
  readonly shown: T;
  readonly isRunning: boolean;
  readonly change: (next: T, send: () => Promise<Result<unknown>>) => Promise<void>;
} {
  const [next, setNext] = useState<{ readonly value: T }>();
  const [isRunning, setRunning] = useState(false);
  useEffect(() => setNext(undefined), [value]);
  return {
    shown: next === undefined ? value : next.value,
    isRunning,
    async change(to, send) {
      setNext({ value: to });
      setRunning(true);
      const result = await send();
      setRunning(false);
      if (result.ok) return;
      setNext(undefined);
      showToast({ text: messageOf(result.failure) });
    },
  };
}
