import { useState } from "preact/hooks";
import { sessionCall } from "../addresses.ts";
import { askVisible, send } from "../answers.ts";
import { frame, signIn } from "../words/frame.ts";
import { Dialog } from "../parts/dialog.tsx";
import { Field, Submit, useSubmit } from "../parts/field.tsx";

/** @param user the name that cannot be changed */
export function SignInForm({
  user,
  onDone,
}: {
  readonly user?: string;
  readonly onDone: () => void;
}) {
  const [username, setName] = useState(user ?? "");
  const [password, setPassword] = useState("");
  const [isShown, setShown] = useState(false);
  const form = useSubmit(() => send("POST", sessionCall, { username, password }), onDone);
  return (
    <form class="form" onSubmit={form.onSubmit}>
      <Field
        label={signIn.name}
        value={username}
        onValue={setName}
        autocomplete="username"
        required
        disabled={user !== undefined}
      />
      <Field
        label={signIn.password}
        type={isShown ? "text" : "password"}
        value={password}
        onValue={setPassword}
        autocomplete="current-password"
        required
      />
      <label class="actions">
        <input
          type="checkbox"
          class="check"
          checked={isShown}
          onChange={() => setShown(!isShown)}
        />
        {signIn.show}
      </label>
      <Submit action={signIn.submit} form={form} />
    </form>
  );
}

/** Over the page, so that what the user typed is kept. */
export function SignInAgain({
  user,
  onClose,
}: {
  readonly user: string;
  readonly onClose: () => void;
}) {
  return (
    <Dialog title={frame.signedOutTitle} onClose={onClose}>
      <p>{frame.signedOutHint}</p>
      <SignInForm
        user={user}
        onDone={() => {
          onClose();
          askVisible();
        }}
      />
    </Dialog>
  );
}
