import { useState } from "preact/hooks";
import type { IssuedOrganisationTokenAnswer } from "../../src/api/tokens.ts";
import { send } from "../answers.ts";
import { organisationTokens as words } from "../words/organisation.ts";
import { tokens as tokenWords } from "../words/tokens.ts";
import { useAccount } from "./account-page.tsx";
import { Field, Submit, useSubmit } from "./field.tsx";
import { namesIn } from "./list-tools.tsx";
import { ExpirySelect, expiryOf, IssuedToken } from "./token-table.tsx";

type Permission = keyof typeof words.permissions;
const permissions = Object.keys(words.permissions) as Permission[];
const scopesOf: Readonly<Record<Permission, readonly string[]>> = {
  pull: ["scope-image-pull"],
  push: ["scope-image-pull", "scope-image-push"],
  delete: ["scope-image-pull", "scope-image-push", "scope-image-delete"],
};

interface Draft {
  readonly label: string;
  readonly description: string;
  /** Names of repositories; empty: all of the organisation. */
  readonly names: string;
  readonly isAll: boolean;
  readonly permission: Permission;
  readonly mayCreate: boolean;
  readonly days: string;
}
const empty: Draft = {
  label: "",
  description: "",
  names: "",
  isAll: true,
  permission: "pull",
  mayCreate: false,
  days: "90",
};

function bodyOf({ label, description, names, isAll, ...draft }: Draft, organisation: string) {
  const paths = isAll ? [`${organisation}/*`] : namesIn(names);
  const scopes = scopesOf[draft.permission];
  return {
    label,
    description,
    resources: [
      ...paths.map((path) => ({ type: "TYPE_REPO", path, scopes })),
      ...(draft.mayCreate && draft.permission !== "pull"
        ? [{ type: "TYPE_ORG", path: organisation, scopes: ["scope-repository-create"] }]
        : []),
    ],
    expires_at: expiryOf(draft.days),
  };
}

/** The form of a new access token of an organisation. */
export function NewOrganisationToken({ path }: { readonly path: string }) {
  const { account } = useAccount();
  const [draft, setDraft] = useState(empty);
  const [secret, setSecret] = useState<string>();
  const set = (change: Partial<Draft>) => setDraft({ ...draft, ...change });
  const form = useSubmit(
    () => send<IssuedOrganisationTokenAnswer>("POST", path, bodyOf(draft, account)),
    ({ token }) => {
      setSecret(token);
      setDraft(empty);
    },
  );
  return (
    <section class="card" aria-labelledby="new">
      <header>
        <h2 id="new">{tokenWords.new}</h2>
      </header>
      <form class="body form" onSubmit={form.onSubmit}>
        <Field
          label={tokenWords.label}
          hint={tokenWords.labelHint}
          value={draft.label}
          onValue={(label) => set({ label })}
          errors={form.errorsOf("label")}
          autocomplete="off"
          maxLength={100}
          required
        />
        <Field
          label={words.description}
          value={draft.description}
          onValue={(description) => set({ description })}
          errors={form.errorsOf("description")}
          maxLength={1000}
        />
        <Rights draft={draft} set={set} />
        <ExpirySelect days={draft.days} onDays={(days) => set({ days })} />
        <Submit action={tokenWords.create} form={{ ...form, isSaved: false }} />
      </form>
      {secret !== undefined && (
        <IssuedToken
          secret={secret}
          user={account}
          repository={undefined}
          onClose={() => setSecret(undefined)}
        />
      )}
    </section>
  );
}

/** The repositories of a new token, and what it may do with them. */
function Rights({
  draft,
  set,
}: {
  readonly draft: Draft;
  readonly set: (change: Partial<Draft>) => void;
}) {
  const { account } = useAccount();
  return (
    <>
      <fieldset class="choices">
        <legend>{words.repositories}</legend>
        <label>
          <input
            type="radio"
            name="repositories"
            checked={draft.isAll}
            onChange={() => set({ isAll: true })}
          />
          {words.all(account)}
        </label>
        <label>
          <input
            type="radio"
            name="repositories"
            checked={!draft.isAll}
            onChange={() => set({ isAll: false })}
          />
          {words.these}
        </label>
      </fieldset>
      {!draft.isAll && (
        <Field
          label={words.names}
          hint={words.namesHint(account)}
          value={draft.names}
          onValue={(names) => set({ names })}
          autocomplete="off"
          required
        />
      )}
      <fieldset class="choices">
        <legend>{words.permission}</legend>
        {permissions.map((one) => (
          <label key={one}>
            <input
              type="radio"
              name="permission"
              checked={draft.permission === one}
              onChange={() => set({ permission: one })}
            />
            {words.permissions[one]}
          </label>
        ))}
        {draft.permission !== "pull" && (
          <label>
            <input
              type="checkbox"
              checked={draft.mayCreate}
              onChange={({ currentTarget }) => set({ mayCreate: currentTarget.checked })}
            />
            {words.mayCreate}
          </label>
        )}
      </fieldset>
    </>
  );
}
