import { useState } from "preact/hooks";
import { parts } from "../words/frame.ts";
import { Icon } from "./icon.tsx";
import { announce, showToast } from "./toast.tsx";

/**
 * Copies a text. On plain http with a LAN name the browser has no clipboard API: then a selected text area is copied.
 * False: the browser allows neither.
 */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copySelection(text);
  }
}

function copySelection(text: string): boolean {
  const area = document.createElement("textarea");
  const { activeElement } = document;
  area.value = text;
  area.className = "sr";
  area.readOnly = true;
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  const isCopied = document.execCommand("copy");
  area.remove();
  if (activeElement instanceof HTMLElement) activeElement.focus();
  return isCopied;
}

export function CopyButton({
  text,
  label,
  quiet = false,
  main = false,
  onCopied,
}: {
  readonly text: string;
  readonly label: string;
  readonly quiet?: boolean;
  /** The key `c` presses this button. */
  readonly main?: boolean;
  readonly onCopied?: (() => void) | undefined;
}) {
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    if (!(await copyText(text))) return showToast({ text: parts.pressCopy });
    setCopied(true);
    onCopied?.();
    announce(parts.copied);
    setTimeout(() => setCopied(false), 2000);
  };
  return (
    <button
      type="button"
      class={`btn small icon-only${quiet ? " quiet" : ""}`}
      aria-label={label}
      title={label}
      data-main-copy={main ? "" : undefined}
      onClick={() => void copy()}
    >
      <Icon name={isCopied ? "check" : "copy"} />
    </button>
  );
}

/** A command of one line. */
export const Prompt = ({
  command,
  label = parts.copyCommand,
  main = false,
  onCopied,
}: {
  readonly command: string;
  readonly label?: string;
  readonly main?: boolean;
  readonly onCopied?: (() => void) | undefined;
}) => (
  <div class="prompt">
    {/* A long line scrolls: it takes the focus, so that the arrow keys work. */}
    <code tabIndex={0} role="group" aria-label={command}>
      <i aria-hidden="true">$ </i>
      {command}
    </code>
    <CopyButton text={command} label={label} main={main} onCopied={onCopied} />
  </div>
);

/** A text of several lines, such as a file. */
export const Block = ({
  text,
  label = parts.copy,
  onCopied,
}: {
  readonly text: string;
  readonly label?: string;
  readonly onCopied?: (() => void) | undefined;
}) => (
  <div class="block-row">
    <pre class="block" tabIndex={0} role="group" aria-label={label}>
      {text}
    </pre>
    <CopyButton text={text} label={label} onCopied={onCopied} />
  </div>
);
