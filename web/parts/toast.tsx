import { useEffect, useState } from "preact/hooks";

interface Toast {
  readonly text: string;
  readonly action?: { readonly label: string; readonly run: () => void };
}

let show: (toast: Toast | undefined) => void = () => undefined;
let say: (text: string) => void = () => undefined;

/** Shows a message for 10 s, with at most one action. */
export const showToast = (toast: Toast): void => show(toast);
/** Tells screen readers something that the page shows by a change. */
export const announce = (text: string): void => say(text);

export function Toasts() {
  const [toast, setToast] = useState<Toast>();
  const [spoken, setSpoken] = useState("");
  show = setToast;
  say = setSpoken;
  useEffect(() => {
    const timer = toast && setTimeout(() => setToast(undefined), 10_000);
    return () => clearTimeout(timer);
  }, [toast]);
  return (
    <>
      <div class="toasts" role="status">
        {toast && (
          <div class="toast">
            {toast.text}
            {toast.action && (
              <button
                type="button"
                onClick={() => {
                  toast.action?.run();
                  setToast(undefined);
                }}
              >
                {toast.action.label}
              </button>
            )}
          </div>
        )}
      </div>
      <div class="sr" aria-live="polite">
        {spoken}
      </div>
    </>
  );
}
