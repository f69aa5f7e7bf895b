import { useState } from "preact/hooks";
import { keysAreOn, setKeys } from "../keys.ts";
import { dialogs as words } from "../words/dialogs.ts";
import { Block } from "../parts/copy.tsx";
import { Dialog } from "../parts/dialog.tsx";

/** The API calls of the page, as commands. */
export function ApiCalls({
  calls,
  onClose,
}: {
  readonly calls: readonly string[];
  readonly onClose: () => void;
}) {
  return (
    <Dialog title={words.apiTitle} onClose={onClose}>
      <p>{words.apiHint}</p>
      <Block text={calls.map((call) => `curl '${location.origin}${call}'`).join("\n")} />
      <div class="actions">
        <button type="button" class="btn" onClick={onClose}>
          {words.close}
        </button>
      </div>
    </Dialog>
  );
}

/** The keyboard shortcuts, and the switch that turns them off. */
export function Keys({ onClose }: { readonly onClose: () => void }) {
  const [isOn, setOn] = useState(keysAreOn());
  return (
    <Dialog title={words.shortcuts} onClose={onClose}>
      <dl class="facts">
        {words.keys.map(([key, text]) => (
          <>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{text}</dd>
          </>
        ))}
      </dl>
      <label class="actions">
        <input
          type="checkbox"
          class="check"
          checked={isOn}
          onChange={() => {
            setKeys(!isOn);
            setOn(!isOn);
          }}
        />
        {words.shortcutsOff}
      </label>
      <div class="actions">
        <button type="button" class="btn" onClick={onClose}>
          {words.close}
        </button>
      </div>
    </Dialog>
  );
}
