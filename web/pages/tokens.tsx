import { useState } from "preact/hooks";
import type { PersonalTokenAnswer, PersonalTokenPageAnswer } from "../../src/api/tokens.ts";
import { ownTokensCall, tokensPath } from "../account-calls.ts";
import { shortName } from "../addresses.ts";
import { send, useAnswer } from "../answers.ts";
import { browserName } from "../format.ts";
import { Field, Submit, useSubmit } from "../parts/field.tsx";
import { Pages } from "../parts/list-tools.tsx";
import { SettingsPage } from "../parts/settings-head.tsx";
import { Loaded } from "../parts/states.tsx";
import { Since } from "../parts/text.tsx";
import { ExpirySelect, expiryOf, IssuedToken, TokenTable } from "../parts/token-table.tsx";
import { usePlace } from "../router.ts";
import { useSession } from "../session.ts";
import { tokens as words } from "../words/tokens.ts";

type Scope = keyof typeof words.scopes;
const scopes = Object.keys(words.scopes) as Scope[];

/** The access tokens of the signed-in user. `?for=team/app` proposes a token that pulls this repository. */
export function Page() {
  return (
    <SettingsPage tab="tokens">
      <div class="cols flush">
        <div class="stack">
          <List />
        </div>
        <aside class="stack" aria-label={words.new}>
          <New />
        </aside>
      </div>
    </SettingsPage>
  );
}

function New() {
  const { user } = useSession();
  const { url } = usePlace();
  const name = url.searchParams.get("for");
  const repository = name === null ? undefined : shortName(name);
  const proposed = repository === undefined ? "" : words.labelFor(repository);
  const [label, setLabel] = useState(proposed);
  const [scope, setScope] = useState<Scope>("repo:read");
  const [days, setDays] = useState("90");
  const [secret, setSecret] = useState<string>();
  const form = useSubmit(
    () =>
      send<PersonalTokenAnswer>("POST", tokensPath, {
        token_label: label,
        scopes: [scope],
        expires_at: expiryOf(days),
      }),
    ({ token }) => {
      setSecret(token);
      setLabel("");
    },
  );
  return (
    <section class="card" aria-labelledby="new">
      <header>
        <h2 id="new">{words.new}</h2>
      </header>
      <form class="body form" onSubmit={form.onSubmit}>
        <Field
          label={words.label}
          hint={words.labelHint}
          value={label}
          onValue={setLabel}
          errors={form.errorsOf("token_label")}
          autocomplete="off"
          maxLength={100}
          required
        />
        <fieldset class="choices">
          <legend>{words.scope}</legend>
          {scopes.map((one) => (
            <label key={one}>
              <input
                type="radio"
                name="scope"
                checked={one === scope}
                onChange={() => setScope(one)}
              />
              {words.scopes[one]}
            </label>
          ))}
        </fieldset>
        <ExpirySelect days={days} onDays={setDays} />
        <Submit action={words.create} form={{ ...form, isSaved: false }} />
      </form>
      {secret !== undefined && (
        <IssuedToken
          secret={secret}
          user={user?.username ?? ""}
          repository={repository}
          onClose={() => setSecret(undefined)}
        />
      )}
    </section>
  );
}

function List() {
  const { url } = usePlace();
  const call = ownTokensCall(url.searchParams);
  const answer = useAnswer<PersonalTokenPageAnswer>(call, { live: true });
  return (
    <section class="card" aria-labelledby="tokens">
      <header>
        <h2 id="tokens">{words.list}</h2>
        <span class="end num">{answer.data && words.active(answer.data.active_count)}</span>
      </header>
      <p class="body sub">{words.intro}</p>
      <Loaded answer={answer} url={call}>
        {({ results, count }) =>
          results.length === 0 ? (
            <p class="empty-state">{words.none}</p>
          ) : (
            <>
              <TokenTable
                path={tokensPath}
                detail={words.columns.scope}
                tokens={results.map(rowOf)}
              />
              <Pages all={count} shown={results.length} />
            </>
          )
        }
      </Loaded>
    </section>
  );
}

const rowOf = (token: PersonalTokenAnswer) => ({
  id: token.uuid,
  label: token.token_label,
  note: (
    <>
      <Since time={token.created_at} />
      {token.creator_ip !== "" && `, ${token.creator_ip}`}
      {browserName(token.creator_ua) !== undefined && `, ${browserName(token.creator_ua)}`}
    </>
  ),
  detail: token.scopes.map((scope) => words.scopesShort[scope]).join(", "),
  lastUsed: token.last_used,
  expires: token.expires_at,
  isActive: token.is_active,
});
