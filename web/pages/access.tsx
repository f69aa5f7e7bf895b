import { useState } from "preact/hooks";
import type { AccessAnswer, AccessListAnswer } from "../../src/api/access.ts";
import { hubCall, repositoryCall } from "../addresses.ts";
import { get, send, useAnswer } from "../answers.ts";
import { visibleText } from "../format.ts";
import { Confirm } from "../parts/dialog.tsx";
import { Field, Submit, useSubmit } from "../parts/field.tsx";
import { Select, SelectField } from "../parts/select.tsx";
import { SearchInput } from "../parts/list-tools.tsx";
import { Pager } from "../parts/pager.tsx";
import { RepositoryPage } from "../parts/repository-head.tsx";
import { Loaded } from "../parts/states.tsx";
import { levels, TeamPermissions } from "../parts/team-permissions.tsx";
import { usePlace } from "../router.ts";
import { useSession } from "../session.ts";
import { access as words } from "../words/access.ts";

const pageSize = 50;

/** Who may do what on a repository, and why. */
export function Page() {
  return (
    <RepositoryPage tab="access">
      {({ name }) => (
        <div class="cols flush">
          <div class="stack">
            <People name={name} />
          </div>
          <aside class="stack" aria-label={words.title}>
            <Why name={name} />
            <AddPerson name={name} />
            <TeamPermissions call={hubCall(name, "/groups")} namespace={name.split("/")[0] ?? ""} />
          </aside>
        </div>
      )}
    </RepositoryPage>
  );
}

const reasonsOf = ({ because }: AccessAnswer): string =>
  because
    .map(({ kind, team }) =>
      kind === "team" ? words.team(team ?? "") : (words.reason[kind] ?? kind),
    )
    .join(", ");

function People({ name }: { readonly name: string }) {
  const { url } = usePlace();
  const { user } = useSession();
  const [removed, setRemoved] = useState<string>();
  const page = Number(url.searchParams.get("page") ?? "1");
  const search = url.searchParams.get("search") ?? "";
  const asked = new URLSearchParams({ page: String(page), page_size: String(pageSize) });
  if (search !== "") asked.set("search", search);
  const call = repositoryCall(name, `/-/access?${asked.toString()}`);
  const answer = useAnswer<AccessListAnswer>(call);
  return (
    <section class="card" aria-labelledby="people">
      <header>
        <h2 id="people">{words.title}</h2>
      </header>
      <div class="toolbar">
        <SearchInput label={words.search} />
      </div>
      <Loaded answer={answer} url={call}>
        {({ results, count, is_public: isPublic }) => (
          <>
            {isPublic && <p class="body sub">{words.everybody}</p>}
            {results.length === 0 ? (
              <p class="empty-state">{words.none}</p>
            ) : (
              <table class="cards">
                <thead>
                  <tr>
                    <th>{words.who}</th>
                    <th>{words.level}</th>
                    <th>{words.because}</th>
                    <th>
                      <span class="sr">{words.remove}</span>
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {results.map((one) => (
                    <Person
                      key={one.username}
                      name={name}
                      access={one}
                      onRemove={() => setRemoved(one.username)}
                    />
                  ))}
                </tbody>
              </table>
            )}
            <div class="body">
              <Pager page={page} pageSize={pageSize} all={count} shown={results.length} />
            </div>
          </>
        )}
      </Loaded>
      {removed !== undefined && (
        <Confirm
          title={words.removeTitle(removed)}
          action={words.remove}
          isDangerous
          onClose={() => setRemoved(undefined)}
          onConfirm={() => send("DELETE", repositoryCall(name, `/-/collaborators/${removed}`))}
        >
          <p>{removed === user?.username ? words.removeOwn : words.removeHint}</p>
        </Confirm>
      )}
    </section>
  );
}

function Person({
  name,
  access,
  onRemove,
}: {
  readonly name: string;
  readonly access: AccessAnswer;
  readonly onRemove: () => void;
}) {
  const own = access.because.find(({ kind }) => kind === "own");
  return (
    <tr>
      <td>
        <a href={`/u/${access.username}`}>{access.username}</a>
        {access.is_disabled && <span class="chip warn">{words.disabled}</span>}
        {access.full_name !== "" && <div class="sub">{visibleText(access.full_name)}</div>}
      </td>
      <td data-label={words.level}>
        {own === undefined ? (
          words.levels[access.level]
        ) : (
          <Select
            label={`${words.level}: ${access.username}`}
            options={levels}
            value={own.level}
            onValue={(permission) =>
              void send("PUT", repositoryCall(name, `/-/collaborators/${access.username}`), {
                permission,
              })
            }
          />
        )}
      </td>
      <td class="full sub">{reasonsOf(access)}</td>
      <td class="r act">
        {own !== undefined && (
          <button type="button" class="btn small" onClick={onRemove}>
            {words.remove}
          </button>
        )}
      </td>
    </tr>
  );
}

function Why({ name }: { readonly name: string }) {
  const [user, setUser] = useState("");
  const [text, setText] = useState("");
  const form = useSubmit(
    () => get<AccessAnswer>(repositoryCall(name, `/-/access/${encodeURIComponent(user.trim())}`)),
    (found) =>
      setText(words.answer(found.username, words.levels[found.level] ?? "", reasonsOf(found))),
  );
  return (
    <section class="card" aria-labelledby="why">
      <header>
        <h2 id="why">{words.why}</h2>
      </header>
      <form class="body form" onSubmit={form.onSubmit}>
        <Field label={words.user} hint={words.whyHint} value={user} onValue={setUser} required />
        <Submit action={words.ask} form={{ ...form, isSaved: false }} />
        <p role="status">{form.failure === undefined && text}</p>
      </form>
    </section>
  );
}

function AddPerson({ name }: { readonly name: string }) {
  const [user, setUser] = useState("");
  const [permission, setPermission] = useState("read");
  const form = useSubmit(
    () =>
      send("PUT", repositoryCall(name, `/-/collaborators/${encodeURIComponent(user.trim())}`), {
        permission,
      }),
    () => setUser(""),
  );
  return (
    <section class="card" aria-labelledby="person">
      <header>
        <h2 id="person">{words.addPerson}</h2>
      </header>
      <form class="body form" onSubmit={form.onSubmit}>
        <Field label={words.user} value={user} onValue={setUser} required />
        <SelectField
          label={words.level}
          options={levels}
          value={permission}
          onValue={setPermission}
        />
        <Submit action={words.addPerson} form={form} />
      </form>
    </section>
  );
}
