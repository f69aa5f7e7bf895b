import { useState } from "preact/hooks";
import type { AdminUserAnswer } from "../../src/api/administration.ts";
import { userPath } from "../admin-calls.ts";
import { send } from "../answers.ts";
import { admin } from "../words/admin.ts";
import { users as words } from "../words/admin-accounts.ts";
import { DeleteAccount } from "./admin-account.tsx";
import { Commands } from "./admin-page.tsx";
import { Confirm, Dialog } from "./dialog.tsx";
import { Field } from "./field.tsx";
import { showToast } from "./toast.tsx";

interface Change {
  readonly action: string;
  readonly title: string;
  readonly hint: string;
  readonly command: string;
  readonly body: { readonly is_admin?: boolean; readonly is_disabled?: boolean };
  readonly isDangerous: boolean;
}

/** What can be switched on this user now: one change of the role, one of the access. */
function changesOf({
  username: name,
  is_admin: isAdmin,
  is_disabled: isDisabled,
}: AdminUserAnswer) {
  const role: Change = isAdmin
    ? {
        action: words.demote,
        title: words.demoteTitle(name),
        hint: words.demoteHint,
        command: `berth user demote ${name}`,
        body: { is_admin: false },
        isDangerous: false,
      }
    : {
        action: words.promote,
        title: words.promoteTitle(name),
        hint: words.promoteHint,
        command: `berth user promote ${name}`,
        body: { is_admin: true },
        isDangerous: false,
      };
  const access: Change = isDisabled
    ? {
        action: words.enable,
        title: words.enableTitle(name),
        hint: words.enableHint,
        command: `berth user enable ${name}`,
        body: { is_disabled: false },
        isDangerous: false,
      }
    : {
        action: words.disable,
        title: words.disableTitle(name),
        hint: words.disableHint,
        command: `berth user disable ${name}`,
        body: { is_disabled: true },
        isDangerous: true,
      };
  return [role, access];
}

type Asked = "list" | "password" | "deletion" | Change;

/** Everything that an administrator can change on a user. */
export function ManageUser({
  user,
  onClose,
}: {
  readonly user: AdminUserAnswer;
  readonly onClose: () => void;
}) {
  const { username: name } = user;
  const [asked, setAsked] = useState<Asked>("list");
  if (asked === "password") return <SetPassword name={name} onClose={onClose} />;
  if (asked === "deletion")
    return (
      <DeleteAccount
        name={name}
        title={words.deleteTitle(name)}
        details={userPath(name)}
        path={userPath(name)}
        command={`berth user delete ${name}`}
        onClose={onClose}
      >
        <p>{words.deleteHint}</p>
      </DeleteAccount>
    );
  if (asked !== "list")
    return (
      <Confirm
        title={asked.title}
        action={asked.action}
        isDangerous={asked.isDangerous}
        onClose={onClose}
        onConfirm={() => send("PATCH", userPath(name), asked.body)}
      >
        <p>{asked.hint}</p>
        <Commands lines={[asked.command]} />
      </Confirm>
    );
  return (
    <Dialog title={words.manageOf(name)} onClose={onClose}>
      <div class="actions">
        <button type="button" class="btn" onClick={() => setAsked("password")}>
          {words.setPassword}
        </button>
        {changesOf(user).map((change) => (
          <button key={change.action} type="button" class="btn" onClick={() => setAsked(change)}>
            {change.action}
          </button>
        ))}
        <button type="button" class="btn danger" onClick={() => setAsked("deletion")}>
          {words.deleteUser}
        </button>
        <button type="button" class="btn" onClick={onClose}>
          {admin.close}
        </button>
      </div>
    </Dialog>
  );
}

function SetPassword({ name, onClose }: { readonly name: string; readonly onClose: () => void }) {
  const [password, setPassword] = useState("");
  const [errors, setErrors] = useState<readonly string[]>();
  return (
    <Confirm
      title={words.setPasswordTitle(name)}
      action={words.setPassword}
      onClose={onClose}
      onConfirm={async () => {
        const result = await send("POST", userPath(name, "/password"), { password });
        if (result.ok) showToast({ text: words.passwordSet });
        else setErrors(result.failure.fields["password"]);
        return result;
      }}
    >
      <Field
        label={words.password}
        hint={words.passwordHint}
        type="password"
        value={password}
        onValue={setPassword}
        errors={errors}
        autocomplete="new-password"
      />
      <p class="sub">{words.setPasswordHint}</p>
      <Commands lines={[`berth user password ${name}`]} />
    </Confirm>
  );
}
