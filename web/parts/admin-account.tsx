import type { ComponentChildren } from "preact";
import { send, useAnswer } from "../answers.ts";
import { admin, users as words } from "../words/admin.ts";
import { Commands } from "./admin-page.tsx";
import { Confirm, Dialog } from "./dialog.tsx";
import { Loaded } from "./states.tsx";

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
  const answer = useAnswer<{ readonly prevents_deletion: readonly string[] }>(details);
  const reasons = answer.data?.prevents_deletion;
  if (reasons?.length === 0)
    return (
      <Confirm
        title={title}
        action={admin.delete}
        typed={name}
        isDangerous
        onClose={onClose}
        onConfirm={async () => {
          const result = await send("DELETE", path);
          return result.ok ? undefined : result.failure;
        }}
      >
        {children}
        <Commands lines={[command]} />
      </Confirm>
    );
  return (
    <Dialog title={title} onClose={onClose}>
      <Loaded answer={answer} url={details} lines={2}>
        {() => (
          <div class="note warn">
            <div>
              <p>{words.cannotDelete}</p>
              <ul>
                {reasons?.map((reason) => (
                  <li key={reason}>{reason}</li>
                ))}
              </ul>
            </div>
          </div>
        )}
      </Loaded>
      <div class="actions">
        <button type="button" class="btn" onClick={onClose}>
          {admin.close}
        </button>
      </div>
    </Dialog>
  );
}
