import { useState } from "preact/hooks";
import { repositoriesPath } from "../account-calls.ts";
import { repositoryAddress } from "../addresses.ts";
import { send } from "../answers.ts";
import { Field, Submit, useSubmit } from "../parts/field.tsx";
import { SelectField } from "../parts/select.tsx";
import { go, usePlace } from "../router.ts";
import { useSession } from "../session.ts";
import { frame } from "../words/frame.ts";
import { newRepository as words } from "../words/start.ts";

/** The grammar of a name in its namespace, as the distribution specification has it. */
const grammar = /^[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*)*$/;

/** Creates an empty repository, in a namespace in which the user may. */
export function Page() {
  const { user, is_open: isOpen } = useSession();
  const { url } = usePlace();
  return (
    <main id="main" class="wrap page narrow">
      <div class="plain-head">
        <h1>{words.title}</h1>
      </div>
      {user === null && !isOpen ? (
        <>
          <p>{words.signInFirst}</p>
          <a
            class="btn primary"
            href={`/sign-in?to=${encodeURIComponent(url.pathname + url.search)}`}
          >
            {frame.signIn}
          </a>
        </>
      ) : (
        <Form />
      )}
    </main>
  );
}

/** The namespaces to choose from, and the one that is chosen first. */
function useNamespaces() {
  const { user, namespaces } = useSession();
  const { url } = usePlace();
  const own = namespaces.filter(({ role }) => role !== "member").map(({ name }) => name);
  const asked = url.searchParams.get("namespace") ?? "";
  const all = new Set([
    ...own,
    ...(user?.is_admin === true ? ["library", asked].filter(Boolean) : []),
  ]);
  return { all: [...all], first: all.has(asked) ? asked : (own[0] ?? asked) };
}

function Form() {
  const { create_on_push: createOnPush } = useSession();
  const { all, first } = useNamespaces();
  const [namespace, setNamespace] = useState(first);
  const [name, setName] = useState("");
  const [description, setDescription] = useState("");
  const [isPrivate, setPrivate] = useState(true);
  const full = `${namespace}/${name}`;
  const form = useSubmit(
    () => send("POST", repositoriesPath(namespace), { name, description, is_private: isPrivate }),
    () => go(repositoryAddress(full)),
  );
  const isWrong = name !== "" && !grammar.test(name);
  const nameErrors = isWrong ? [words.rule] : form.errorsOf("name");
  return (
    <section class="card">
      <form class="body form" onSubmit={form.onSubmit}>
        <NamespaceField namespaces={all} value={namespace} onValue={setNamespace} />
        <Field
          label={words.name}
          hint={name === "" || isWrong ? (isWrong ? undefined : words.rule) : words.full(full)}
          value={name}
          onValue={setName}
          errors={nameErrors}
          autocomplete="off"
          maxLength={255}
          required
        />
        {!isWrong && form.errorsOf("name") !== undefined && (
          <a class="link" href={repositoryAddress(full)}>
            {words.exists(full)}
          </a>
        )}
        <Field
          label={words.description}
          hint={words.descriptionHint}
          value={description}
          onValue={setDescription}
          errors={form.errorsOf("description")}
          maxLength={100}
        />
        <VisibilityField isPrivate={isPrivate} onPrivate={setPrivate} />
        <p class="sub">{createOnPush ? words.createOnPush : words.noCreateOnPush}</p>
        <Submit action={words.create} form={{ ...form, isSaved: false }} />
      </form>
    </section>
  );
}

/** In open mode there are no accounts, and each namespace can be typed. */
function NamespaceField({
  namespaces,
  value,
  onValue,
}: {
  readonly namespaces: readonly string[];
  readonly value: string;
  readonly onValue: (value: string) => void;
}) {
  if (namespaces.length === 0)
    return <Field label={words.namespace} value={value} onValue={onValue} required />;
  return (
    <SelectField
      label={words.namespace}
      options={namespaces.map((one) => [one, one] as const)}
      value={value}
      onValue={onValue}
    />
  );
}

const VisibilityField = ({
  isPrivate,
  onPrivate,
}: {
  readonly isPrivate: boolean;
  readonly onPrivate: (isPrivate: boolean) => void;
}) => (
  <fieldset class="choices">
    <legend>{words.visibility}</legend>
    {[true, false].map((one) => (
      <label key={String(one)}>
        <input
          type="radio"
          name="visibility"
          checked={isPrivate === one}
          onChange={() => onPrivate(one)}
        />
        <span>
          {one ? words.private : words.public}{" "}
          <span class="sub">{one ? words.privateHint : words.publicHint}</span>
        </span>
      </label>
    ))}
  </fieldset>
);
