import { useState } from "preact/hooks";
import type { ProfileAnswer } from "../../src/api/accounts.ts";
import { passwordCall, profileCall } from "../account-calls.ts";
import { send, useAnswer } from "../answers.ts";
import { BrowserSessions } from "../parts/browser-sessions.tsx";
import { Field, Submit, useSubmit } from "../parts/field.tsx";
import { OwnInvites } from "../parts/own-invites.tsx";
import { SettingsPage, type SettingsTab } from "../parts/settings-head.tsx";
import { Loaded } from "../parts/states.tsx";
import { showToast } from "../parts/toast.tsx";
import { usePlace } from "../router.ts";
import { useSession } from "../session.ts";
import { parts } from "../words/frame.ts";
import { password as passwordWords, profile as words, roles } from "../words/settings.ts";

const contents = { profile: Profile, password: Password, sessions: BrowserSessions };

/** Profile, password and sessions of the signed-in user. */
export function Page() {
  const { address } = usePlace();
  const tab = (address?.page ?? "profile") as Exclude<SettingsTab, "tokens">;
  const Content = contents[tab];
  return (
    <SettingsPage tab={tab}>
      <Content />
    </SettingsPage>
  );
}

function Profile() {
  const answer = useAnswer<ProfileAnswer>(profileCall);
  return (
    <div class="two-columns">
      <section class="card" aria-labelledby="profile">
        <header>
          <h2 id="profile">{words.title}</h2>
        </header>
        <Loaded answer={answer} url={profileCall}>
          {(data) => <ProfileForm profile={data} />}
        </Loaded>
      </section>
      <div class="stack">
        <OwnInvites />
        <Organisations />
      </div>
    </div>
  );
}

function ProfileForm({ profile }: { readonly profile: ProfileAnswer }) {
  const [fullName, setFullName] = useState(profile.full_name);
  const [email, setEmail] = useState(profile.email ?? "");
  const form = useSubmit(() => send("PATCH", profileCall, { full_name: fullName, email }));
  return (
    <form class="body form" onSubmit={form.onSubmit}>
      <Field
        label={words.name}
        hint={words.nameHint}
        value={profile.username}
        onValue={() => undefined}
        disabled
      />
      <Field
        label={words.fullName}
        hint={words.fullNameHint}
        value={fullName}
        onValue={setFullName}
        errors={form.errorsOf("full_name")}
        autocomplete="name"
        maxLength={100}
      />
      <Field
        label={words.email}
        hint={words.emailHint}
        type="email"
        value={email}
        onValue={setEmail}
        errors={form.errorsOf("email")}
        autocomplete="email"
        maxLength={254}
      />
      <Submit action={parts.save} form={form} />
    </form>
  );
}

function Organisations() {
  const { namespaces, user } = useSession();
  const organisations = namespaces.filter(({ name }) => name !== user?.username);
  return (
    <section class="card" aria-labelledby="organisations">
      <header>
        <h2 id="organisations">{words.organisations}</h2>
      </header>
      {organisations.length === 0 ? (
        <p class="empty-state">{words.noOrganisations}</p>
      ) : (
        <ul class="list">
          {organisations.map(({ name, role }) => (
            <li key={name}>
              <a href={`/u/${name}`}>{name}</a>
              <span class="chip end">{roles[role]}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Password() {
  const { user } = useSession();
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const [isShown, setShown] = useState(false);
  const form = useSubmit(
    () => send("POST", passwordCall, { current, new: next }),
    () => {
      setCurrent("");
      setNext("");
      showToast({ text: passwordWords.changed });
    },
  );
  const type = isShown ? "text" : "password";
  return (
    <section class="card narrow" aria-labelledby="password">
      <header>
        <h2 id="password">{passwordWords.title}</h2>
      </header>
      <form class="body form" onSubmit={form.onSubmit}>
        {/* A password manager stores the new password under this name. */}
        <input
          class="sr"
          tabIndex={-1}
          aria-hidden="true"
          autocomplete="username"
          value={user?.username ?? ""}
          readOnly
        />
        <Field
          label={passwordWords.current}
          type={type}
          value={current}
          onValue={setCurrent}
          errors={form.errorsOf("current")}
          autocomplete="current-password"
          required
        />
        <Field
          label={passwordWords.new}
          hint={passwordWords.rule}
          type={type}
          value={next}
          onValue={setNext}
          errors={form.errorsOf("new")}
          autocomplete="new-password"
          minLength={8}
          maxLength={1024}
          required
        />
        <label class="actions">
          <input
            type="checkbox"
            class="check"
            checked={isShown}
            onChange={() => setShown(!isShown)}
          />
          {passwordWords.show}
        </label>
        <p class="sub">{passwordWords.effect}</p>
        <Submit action={passwordWords.change} form={form} />
      </form>
    </section>
  );
}
