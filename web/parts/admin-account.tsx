import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { get, send, type Result } from "../answers.ts";
import { admin } from "../words/admin.ts";
import { users as words } from "../words/admin-accounts.ts";
import { Commands } from "./admin-page.tsx";
import { Confirm, Dialog } from "./dialog.tsx";
import { Failed, Loading } from "./states.tsx";

interface Details {
  readonly prevents_deletion: readonly string[];
}

/** Deletes a user or an organisation, or says what prevents it. */
export function DeleteAccount({
  name,
  title,
  details,
  path,
  command,
  onClose,
  children,
}: {
  readonly name: string;
  readonly title: string;
  /** The call whose answer names what prevents the deletion. */
  readonly details: string;
  /** The path that deletes the account. */
  readonly path: string;
  readonly command: string;
  readonly onClose: () => void;
  /** What is deleted, too. */
  readonly children: ComponentChildren;
}) {
  const [result, setResult] = useState<Result<Details>>();
  // Asked at each opening, and not again: after the deletion the account has no details.
  useEffect(() => void get<Details>(details).then(setResult), [details]);
  const reasons = result?.ok === true ? result.data.prevents_deletion : undefined;
  if (reasons?.length === 0)
    return (
      <Confirm
        title={title}
        action={admin.delete}
        typed={name}
        isDangerous
        onClose={onClose}
        onConfirm={() => send("DELETE", path)}
      >
        {children}
        <Commands lines={[command]} />
      </Confirm>
    );
  return (
    <Dialog title={title} onClose={onClose}>
      {result === undefined && <Loading lines={2} />}
      {result?.ok === false && <Failed failure={result.failure} />}
      {reasons !== undefined && (
        <div class="note warn">
          <div>
            <p>{words.cannotDelete}</p>
            <ul>
              {reasons.map((reason) => (
                <li key={reason}>{reason}</li>
              ))}
            </ul>
          </div>
        </div>
      )}
      <div class="actions">
        <button type="button" class="btn" onClick={onClose}>
          {admin.close}
        </button>
      </div>
    </Dialog>
  );
}
